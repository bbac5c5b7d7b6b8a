"""Cumulative points become deltas whose sum is what was last reported, whatever happens on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from stagelight.store.deltas import REMEMBERED, Delta, State, level, step
from stagelight.wire.records import MetricPoint

if TYPE_CHECKING:
    import random

increments = st.lists(st.integers(0, 100), min_size=1, max_size=20)


def counter(value: float, time_ns: int, *, start_ns: int = 1) -> MetricPoint:
    """A cumulative point of a counter."""
    return MetricPoint(name="c_total", kind="sum", monotonic=True, value=value, time_ns=time_ns, start_ns=start_ns)


def histogram(buckets: tuple[int, ...], time_ns: int) -> MetricPoint:
    """A cumulative point of a histogram."""
    given = {"name": "h", "kind": "histogram", "bounds": tuple(map(float, range(len(buckets) - 1)))}
    return MetricPoint(buckets=buckets, count=sum(buckets), value=float(sum(buckets)), time_ns=time_ns, **given)


def total(points: list[MetricPoint]) -> float:
    """What the deltas of `points`, as they come, add up to; state is kept by start, as the store does."""
    states: dict[int, State] = {}
    added = 0.0
    for point in points:
        states[point.start_ns], delta = step(states.get(point.start_ns), point)
        added += delta.value if delta else 0.0
    return added


def rising(steps: list[int], *, start_ns: int = 1, first_ns: int = 1) -> list[MetricPoint]:
    """The cumulative points of a counter that grows by `steps`."""
    return [counter(sum(steps[: n + 1]), first_ns + n, start_ns=start_ns) for n in range(len(steps))]


@given(increments)
def test_deltas_add_up_to_the_last_value(steps: list[int]) -> None:
    """The first point counts in full: the series began at nothing."""
    assert total(rising(steps)) == sum(steps)


@given(increments, st.randoms(use_true_random=False))
def test_points_sent_again_and_out_of_order_add_nothing(steps: list[int], draw: random.Random) -> None:
    """However points are repeated and mixed, the sum is the latest value; a late point is part of it already."""
    points = rising(steps) * 2
    draw.shuffle(points)

    assert total(points) == sum(steps)


@given(increments, increments)
def test_a_restart_is_added_to_what_was(before: list[int], after: list[int]) -> None:
    """A program that begins anew says so by another start: nothing lost, nothing doubled, also where the points mix."""
    first, second = rising(before, start_ns=1), rising(after, start_ns=100, first_ns=101)

    assert total(first + second) == sum(before) + sum(after)
    assert total(second + first) == sum(before) + sum(after)


@given(increments, increments)
def test_a_reset_without_a_new_start_is_noticed(before: list[int], after: list[int]) -> None:
    """A counter that went down was reset: what it shows came after. One that went back up in between cannot be told."""
    points = rising(before) + rising(after, first_ns=1_000)
    if after[0] < sum(before):
        assert total(points) == sum(before) + sum(after)
    else:
        assert total(points) == max(sum(before), sum(after))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=10))
def test_each_bucket_of_a_histogram_adds_up(steps: list[tuple[int, int, int]]) -> None:
    """Bucket by bucket, and count and sum, the deltas add up to the last point."""
    state, value, count, buckets = None, 0.0, 0, [0, 0, 0]
    for n in range(len(steps)):
        point = histogram(tuple(sum(column) for column in zip(*steps[: n + 1], strict=True)), n + 1)
        state, delta = step(state, point)
        assert delta is not None
        value, count, buckets = (
            value + delta.value,
            count + delta.count,
            [a + b for a, b in zip(buckets, delta.buckets, strict=True)],
        )

    assert tuple(buckets) == point.buckets
    assert (value, count) == (point.value, point.count)


def test_a_histogram_with_fewer_counts_began_anew() -> None:
    """A count, a bucket or a number of buckets that went down means a reset: the new point counts in full."""
    state, _ = step(None, histogram((5, 5, 5), 1))

    for after in ((1, 1, 1), (4, 6, 9), (9, 9)):
        _, delta = step(state, histogram(after, 2))
        assert delta == Delta(float(sum(after)), sum(after), after)


def delta_point(value: float, time_ns: int) -> MetricPoint:
    """What a counter gained until a moment."""
    return replace(counter(value, time_ns), temporality="delta")


@given(increments, st.randoms(use_true_random=False))
def test_deltas_count_once_in_any_order(steps: list[int], draw: random.Random) -> None:
    """A delta that is sent again, as a retry does, is known by its time; one that is late is not."""
    points = [delta_point(value, n + 1) for n, value in enumerate(steps)]
    mixed = points * 2
    draw.shuffle(mixed)

    assert total(mixed) == sum(steps)


def test_a_delta_older_than_memory_is_taken_for_a_repetition() -> None:
    """What cannot be told apart is not counted: a replayed file must not double a day."""
    state = None
    for n in range(REMEMBERED + 10):
        state, _ = step(state, delta_point(1, 100 + n))

    assert step(state, delta_point(1, 100))[1] is None
    assert step(state, delta_point(1, 1_000))[1] == Delta(1.0)


def test_a_gauge_shows_the_latest() -> None:
    """A late point of a gauge changes nothing; one sent as changes is added up."""
    gauge = MetricPoint(name="g", kind="gauge", value=5, time_ns=10)
    state = level(None, gauge)

    assert level(state, replace(gauge, value=9, time_ns=9)) is state
    assert level(state, replace(gauge, value=2, time_ns=11)).value == 2

    change = MetricPoint(name="g", kind="sum", temporality="delta", value=3, time_ns=1)
    state = level(level(None, change), replace(change, value=-1, time_ns=2))
    assert state.value == 2
