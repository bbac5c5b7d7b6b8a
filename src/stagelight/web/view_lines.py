"""Lines over time as SVG: several figures in one picture, with an axis that people can read.

Paths are drawn in a box of `WIDTH` by `HEIGHT` that is stretched to its place; marks and words, which must not be
stretched, are placed by percent of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Point = tuple[float, float | None]  # seconds since 1970, and the figure; None interrupts the line

WIDTH: Final = 1000.0
HEIGHT: Final = 100.0
TICKS: Final = 6  #: Dates under a picture, at most.
DOTS: Final = 60  #: Of one line.
APART: Final = 13.0  #: Percent of the height between two words at the lines' ends.
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
STEPS: Final = (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, *(days * DAY for days in (1, 2, 3, 7, 14)))
MONTHS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 600, 6000, 60_000)
MONTH: Final = 30.44 * DAY
LATEST: Final = 253_402_214_400.0  #: The last day of year 9999; no calendar goes further.
FLOORS: Final = (0.9, 0.8, 0.5, 0.0)
CEILINGS: Final = (0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Dot:
    """One figure of a line, in percent of the picture's width and of its height from the top."""

    x: float
    y: float
    seconds: float
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """One figure over time."""

    name: str
    colour: int
    path: str  #: Of SVG; `WIDTH` wide, `HEIGHT` high.
    dots: tuple[Dot, ...]

    @property
    def last(self) -> float:
        """The latest figure."""
        return self.dots[-1].value

    @property
    def shown(self) -> tuple[Dot, ...]:
        """The figures that are marked one by one; none where they would cover the line."""
        return self.dots if len(self.dots) <= DOTS else ()


@dataclass(frozen=True, slots=True)
class Tick:
    """A word on an axis."""

    at: float  #: Percent.
    label: str
    minor: bool = False  #: Left out where there is little room.


@dataclass(frozen=True, slots=True)
class Lines:
    """A picture of lines."""

    lines: tuple[Line, ...]
    since: float  #: Seconds since 1970.
    until: float
    low: float  #: What the foot stands for.
    high: float  #: What the top stands for.

    def __bool__(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.lines)

    def x(self, seconds: float) -> float:
        """Where a moment stands, in percent of the width."""
        return across(seconds, self.since, self.until)

    @property
    def days(self) -> tuple[Tick, ...]:
        """The dates under the picture, in UTC."""
        return dates(self.since, self.until)

    @property
    def levels(self) -> tuple[float, float, float]:
        """The figures at its side, from the top."""
        return self.high, (self.low + self.high) / 2, self.low

    @property
    def ends(self) -> tuple[tuple[Line, float], ...]:
        """Where the name of each line goes, in percent of the height: at its end, none upon another."""
        ordered = sorted(self.lines, key=lambda line: line.dots[-1].y)
        return tuple(zip(ordered, apart([line.dots[-1].y for line in ordered]), strict=True))


def lines(
    series: Mapping[str, Sequence[Point]], *, low: float = 0.0, high: float = 1.0, until: float | None = None
) -> Lines:
    """Return the picture of `series`, each with its points in the order of time; a series without figures is left out.

    Args:
        series: By name; the order chooses the colours.
        low: What the foot of the picture stands for.
        high: What its top stands for; figures beyond are drawn at the edge.
        until: Where the picture ends, if that is after the last point.

    >>> lines({"accuracy": [(0, 0.5), (10, 1.0)]}).lines[0].path
    'M0 50L1000 0'
    """
    drawn = {name: points for name, points in series.items() if any(value is not None for _, value in points)}
    times = [time for points in drawn.values() for time, value in points if value is not None]
    since, last = min(times, default=0.0), max([*times, *([until] if drawn and until is not None else [])], default=0.0)

    def runs(points: Sequence[Point]) -> list[list[Dot]]:
        found: list[list[Dot]] = [[]]
        for time, value in points:
            if value is None:
                found.append([])
            else:
                y = HEIGHT * (high - min(max(value, low), high)) / (high - low)
                found[-1].append(Dot(across(time, since, last), y, time, value))
        return [run for run in found if run]

    made = [(name, runs(points)) for name, points in drawn.items()]
    return Lines(
        tuple(
            Line(name, colour, "".join(map(_path, parts)), tuple(dot for part in parts for dot in part))
            for colour, (name, parts) in enumerate(made, start=1)
        ),
        since,
        last,
        low,
        high,
    )


def _path(dots: Sequence[Dot]) -> str:
    # A single point is a line of no length; round ends make it a dot.
    whole = dots if len(dots) > 1 else [*dots, *dots]
    return "M" + "L".join(f"{dot.x * WIDTH / 100:.6g} {dot.y:.6g}" for dot in whole)


def across(seconds: float, since: float, until: float) -> float:
    """Where a moment stands between two others, in percent; within them."""
    return min(max(100 * (seconds - since) / ((until - since) or 1.0), 0.0), 100.0)


def foot(values: Iterable[float]) -> float:
    """Return what the foot of a picture of shares may stand for, so that little room is empty.

    >>> foot([0.97, 0.58]), foot([0.95]), foot([])
    (0.5, 0.9, 0.9)
    """
    least = min(values, default=1.0)
    return next((floor for floor in FLOORS if floor <= least), 0.0)


def top(values: Iterable[float]) -> float:
    """Return what the top of a picture of small shares may stand for.

    >>> top([0.07, 0.33]), top([0.02])
    (0.5, 0.05)
    """
    most = max(values, default=0.0)
    return next((ceiling for ceiling in CEILINGS if ceiling >= most), 1.0)


def dates(since: float, until: float) -> tuple[Tick, ...]:
    """Return round moments between two others, as dates or hours in UTC.

    >>> [tick.label for tick in dates(0, 9 * DAY)]
    ['1 Jan', '3 Jan', '5 Jan', '7 Jan', '9 Jan']
    """
    begin, end = min(max(since, 0.0), LATEST), min(max(until, 0.0), LATEST)
    step = next((step for step in STEPS if (end - begin) / step < TICKS), 0.0)
    moments = _multiples(begin, end, step) if step else _months(begin, end)
    # A moment alone, or hours that hold no round one, is told as it is.
    shown = moments or [begin]
    return tuple(
        Tick(across(moment, since, until), _date(moment, step), minor=bool(at % 2)) for at, moment in enumerate(shown)
    )


def _multiples(begin: float, end: float, step: float) -> list[float]:
    first = -(-begin // step)
    return [number * step for number in range(int(first), int(end // step) + 1)]


def _months(begin: float, end: float) -> list[float]:
    """First days of months."""
    step = next(step for step in MONTHS if (end - begin) / (step * MONTH) < TICKS)
    first, last = (_month(moment) for moment in (begin, end))
    numbers = range(-(-first // step) * step, last + 1, step)
    moments = (datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC).timestamp() for number in numbers)
    return [moment for moment in moments if begin <= moment <= end]


def _month(seconds: float) -> int:
    """Count months, from the beginning of our calendar."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.year * 12 + moment.month - 1


def _date(seconds: float, step: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    if step == 0.0:
        return f"{moment:%b %Y}"
    return f"{moment:%H:%M}" if step < DAY and seconds % DAY else f"{moment.day} {moment:%b}"


def apart(places: Sequence[float], least: float = APART) -> list[float]:
    """Move places, given in their order, until each is `least` from the next; as few as may be leave the picture.

    >>> apart([10.0, 12.0]), apart([95.0, 99.0])
    ([10.0, 23.0], [87.0, 100.0])
    """
    moved = list(places)
    for at in range(1, len(moved)):
        moved[at] = max(moved[at], moved[at - 1] + least)
    for at in range(len(moved) - 1, -1, -1):
        moved[at] = min(moved[at], HEIGHT if at == len(moved) - 1 else moved[at + 1] - least)
    return moved
