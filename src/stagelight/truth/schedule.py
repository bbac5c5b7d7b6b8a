"""When truth is joined: every so often, or at the times that cron's five fields say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from stagelight.truth.place import Place


class Field(NamedTuple):
    """One of cron's five."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()  #: Of the numbers from the least on.


MINUTE: Final = Field("minute", 0, 59)
HOUR: Final = Field("hour", 0, 23)
DAY: Final = Field("day of month", 1, 31)
MONTH: Final = Field(
    "month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
)
WEEKDAY: Final = Field("day of week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))  #: 7 is Sunday, too.
FIELDS: Final = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
LENGTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  #: Of the months, at most.


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every so many seconds, or by cron; one of the two is set."""

    every_s: float = 0.0
    cron: str = ""  #: Five fields: minute, hour, day of month, month, day of week.

    @property
    def fields(self) -> dict[str, str]:
        """Cron's fields by the names that Celery's crontab and APScheduler's trigger share, each as a list or a star.

        Ranges and steps are spelt out and days of the week named, for these mean different things to the two: 0 is Sunday
        to one and Monday to the other, and one of them takes `1-5/2` for `mon-fri`.

        >>> Schedule(cron="*/20 2 * jan-mar 5-7").fields
        {'minute': '0,20,40', 'hour': '2', 'day': '*', 'month': '1,2,3', 'day_of_week': 'sun,fri,sat'}
        """
        minute, hour, day, month, weekday = (
            _listed(part, field) for part, field in zip(self.cron.split(), FIELDS, strict=True)
        )
        return {"minute": minute, "hour": hour, "day": day, "month": month, "day_of_week": weekday}


def schedule_of(found: object, place: Place) -> Schedule:
    """Return the schedule that `found`, read from a file, describes.

    Raises:
        ConfigurationError: It describes none.
    """
    data = place.mapping(found, ("every", "cron"))
    if len(data) != 1:
        place.refuse(found, 'either {every: 4h} or {cron: "0 2 * * *"}')
    if "every" in data:
        return Schedule(every_s=place.under("every").seconds(data["every"], least=1.0))
    return Schedule(cron=_cron(data["cron"], place.under("cron")))


def _cron(found: object, place: Place) -> str:
    parts = found.lower().split() if isinstance(found, str) else []
    if len(parts) != len(FIELDS):
        place.refuse(found, 'five fields: minute, hour, day of month, month, day of week, as in "0 3 * * sun"')
    for part, field in zip(parts, FIELDS, strict=True):
        if not numbers(part, field):
            place.refuse(
                part,
                f"a {field.name} from {field.least} to {field.most}, *, a-b or a,b, or steps in a range: */n, a-b/n",
            )
    first, longest = min(numbers(parts[2], DAY)), max(LENGTHS[month - 1] for month in numbers(parts[3], MONTH))
    if first > longest:
        place.refuse(found, f"a day that comes: the months named have {longest} days at most", " Name an earlier day.")
    return " ".join(parts)


def numbers(text: str, field: Field) -> set[int]:
    """Return the numbers that a field of cron stands for; none where it cannot be read.

    >>> sorted(numbers("1-5/2,sun", WEEKDAY)), numbers("61", MINUTE), numbers("*/90", MINUTE)
    ([0, 1, 3, 5], set(), set())
    """
    parts = [_part(part, field) for part in text.split(",")]
    return (
        {number % WEEKDAY.most if field is WEEKDAY else number for part in parts for number in part}
        if all(parts)
        else set()
    )


def _part(text: str, field: Field) -> range:
    """A star, a number or a range, with steps through it or without; an empty range where it is none of these."""
    span, slash, step = text.partition("/")
    first, dash, last = span.partition("-")
    low, high = _number(first, field), _number(last if dash else first, field)
    if span == "*":
        low, high = field.least, field.most
    elif field is WEEKDAY and last == "sun" and low:
        high = field.most  # fri-sun
    if low is None or high is None or (slash and not (dash or span == "*")):
        return range(0)
    by = _number(step, Field("step", 1, max(1, high - low))) if slash else 1
    return range(low, high + 1, by) if by else range(0)


def _number(text: str, field: Field) -> int | None:
    if text in field.names:
        return field.names.index(text) + field.least
    number = int(text) if text.isascii() and text.isdigit() else -1
    return number if field.least <= number <= field.most else None


def _listed(text: str, field: Field) -> str:
    found = sorted(numbers(text, field))
    if len(found) == len(numbers("*", field)):
        return "*"
    return ",".join(field.names[number] if field is WEEKDAY else str(number) for number in found)
