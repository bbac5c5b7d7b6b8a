"""When tasks are due: Celery's beat and the embedded scheduler run at the same moments, and at those that cron names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery
from hypothesis import given, settings
from hypothesis import strategies as st

from stagelight.loops import timing
from stagelight.truth.place import Place
from stagelight.truth.schedule import schedule_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import DrawFn

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MOMENTS = 40  #: Of a month that are compared, at most.


@st.composite
def part(draw: DrawFn, least: int, most: int, names: tuple[str, ...] = ()) -> tuple[str, set[int]]:
    """A star, a number, a range or steps, as text, and the numbers it stands for."""

    def shown(number: int) -> str:
        at = number - least
        return names[at] if at < len(names) and draw(st.booleans()) else str(number)

    low, high = sorted((draw(st.integers(least, most)), draw(st.integers(least, most))))
    kind = draw(st.sampled_from(["star", "number", "range", "every", "steps"]))
    if kind == "star":
        return "*", set(range(least, most + 1))
    if kind == "number":
        return shown(low), {low}
    if kind == "range":
        return f"{shown(low)}-{shown(high)}", set(range(low, high + 1))
    if kind == "every":
        low, high = least, most
    step = draw(st.integers(1, max(1, high - low)))
    span = "*" if kind == "every" else f"{shown(low)}-{shown(high)}"
    return f"{span}/{step}", set(range(low, high + 1, step))


@st.composite
def fields(draw: DrawFn, least: int, most: int, names: tuple[str, ...] = ()) -> tuple[str, set[int]]:
    """One to three parts with commas, and the numbers they stand for."""
    parts = draw(st.lists(part(least, most, names), min_size=1, max_size=3))
    return ",".join(text for text, _ in parts), set().union(*(numbers for _, numbers in parts))


MONTH_DAYS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def by_celery(schedule: Any, after: datetime, until: datetime) -> Iterator[datetime]:
    """The moments at which Celery's beat sends the task."""
    found = timing.celery_schedule(schedule)
    found.app = Celery(set_as_current=False)
    found.app.conf.timezone = "UTC"
    found.nowfun = lambda: after
    while True:
        last, delta, _ = found.remaining_delta(after, tz=UTC)
        after = last + delta
        if after >= until:
            return
        yield after


def by_apscheduler(schedule: Any, after: datetime, until: datetime) -> Iterator[datetime]:
    """The moments at which the embedded scheduler runs the task."""
    trigger = timing.trigger(schedule)
    while True:
        found = trigger.get_next_fire_time(None, after + timedelta(microseconds=1))
        if found is None or found >= until:
            return
        yield (after := found)


def some(moments: Iterator[datetime]) -> list[datetime]:
    return [moment for moment, _ in zip(moments, range(MOMENTS), strict=False)]


@settings(max_examples=150, deadline=None)
@given(
    minute=fields(0, 59),
    hour=fields(0, 23),
    day=fields(1, 31),
    month=fields(1, 12, MONTHS),
    weekday=fields(0, 7, WEEKDAYS),
    began=st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 1)),  # noqa: DTZ001  made aware below
)
def test_both_schedulers_run_at_the_moments_that_cron_names(
    minute: tuple[str, set[int]],
    hour: tuple[str, set[int]],
    day: tuple[str, set[int]],
    month: tuple[str, set[int]],
    weekday: tuple[str, set[int]],
    began: datetime,
) -> None:
    """A month of any expression: 0 and 7 are Sunday to both, and ranges, names and steps mean the same."""
    if min(day[1]) > max(MONTH_DAYS.get(number, 31) for number in month[1]):
        return  # never comes, and is refused
    schedule = schedule_of({"cron": " ".join(text for text, _ in (minute, hour, day, month, weekday))}, Place("rules"))
    start = began.replace(second=0, microsecond=0, tzinfo=UTC)
    end = start + timedelta(days=31)
    days = [
        moment
        for moment in (start.replace(hour=0, minute=0) + timedelta(days=ahead) for ahead in range(32))
        if moment.day in day[1] and moment.month in month[1] and moment.isoweekday() % 7 in {n % 7 for n in weekday[1]}
    ]
    named = (
        moment
        for at in days
        for moment in (at.replace(hour=h, minute=m) for h in sorted(hour[1]) for m in sorted(minute[1]))
        if start < moment < end
    )

    expected = some(named)

    assert some(by_celery(schedule, start, end)) == expected
    assert some(by_apscheduler(schedule, start, end)) == expected


@pytest.mark.parametrize(
    ("weekday", "expected"),
    [
        ("0", {6}),
        ("7", {6}),
        ("sun", {6}),
        ("1-5/2", {0, 2, 4}),
        ("*/2", {6, 1, 3, 5}),
        ("fri-sun", {4, 5, 6}),
        ("0-sun", {6}),
        ("0-7", set(range(7))),
    ],
)
def test_days_of_the_week_are_those_of_cron(weekday: str, expected: set[int]) -> None:
    """As Python numbers them, from Monday: where Celery and APScheduler would each have read something else."""
    schedule = schedule_of({"cron": f"0 0 * * {weekday}"}, Place("rules"))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    end = start + timedelta(days=14)

    assert {moment.weekday() for moment in by_celery(schedule, start, end)} == expected
    assert {moment.weekday() for moment in by_apscheduler(schedule, start, end)} == expected
