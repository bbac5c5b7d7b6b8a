"""When truth is joined: every so often, or at the times that cron's five fields say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagelight.truth.place import Place

FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)  #: Name, least, most, names of the numbers from the least on.


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every so many seconds, or by cron; one of the two is set."""

    every_s: float = 0.0
    cron: str = ""  #: Five fields: minute, hour, day of month, month, day of week.

    @property
    def fields(self) -> dict[str, str]:
        """Cron's fields by the names that Celery's crontab and APScheduler's trigger share, with days of the week by name."""
        minute, hour, day, month, weekday = self.cron.split()
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
    parts = found.split() if isinstance(found, str) else []
    if len(parts) != len(FIELDS):
        place.refuse(found, 'five fields: minute, hour, day of month, month, day of week, as in "0 3 * * sun"')
    for part, (name, least, most, names) in zip(parts, FIELDS, strict=True):
        if not all(_fits(one, least, most, names) for one in part.lower().split(",")):
            place.refuse(part, f"a {name} from {least} to {most}, *, a-b, a,b or */n")
    return " ".join(parts).lower()


def _fits(part: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
        return False
    if span == "*":
        return True
    ends = [_number(end, least, names) for end in span.split("-", 1)]
    return all(end is not None and least <= end <= most for end in ends) and (ends[0] or 0) <= (ends[-1] or 0)


def _number(text: str, least: int, names: tuple[str, ...]) -> int | None:
    if text in names:
        return names.index(text) + least
    return int(text) if text.isascii() and text.isdigit() else None
