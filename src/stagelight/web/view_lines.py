"""Lines over time as SVG paths: a figure that rises and falls, several of them in one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Point = tuple[float, float]  # seconds since 1970, and the figure

WIDTH: Final = 1000.0
HEIGHT: Final = 100.0


@dataclass(frozen=True, slots=True)
class Line:
    """One figure over time."""

    name: str
    colour: int
    path: str  #: Of SVG; `WIDTH` wide, `HEIGHT` high.
    last: float  #: The latest figure.


@dataclass(frozen=True, slots=True)
class Lines:
    """A picture of lines."""

    lines: tuple[Line, ...]
    since_ns: int
    until_ns: int
    low: float  #: What the foot stands for.
    high: float  #: What the top stands for.

    def __bool__(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.lines)

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self.lines)


def lines(series: Mapping[str, Sequence[Point]], *, low: float = 0.0, high: float = 1.0) -> Lines:
    """Return the picture of `series`, each with its points in the order of time; a series without points is left out.

    >>> lines({"accuracy": [(0, 0.5), (10, 1.0)]}).lines[0].path
    'M0 50L1000 0'
    """
    drawn = {name: list(points) for name, points in series.items() if points}
    times = [time for points in drawn.values() for time, _ in points]
    since, until = min(times, default=0.0), max(times, default=0.0)
    span = (until - since) or 1.0

    def at(point: Point) -> str:
        x = WIDTH * (point[0] - since) / span
        y = HEIGHT * (1 - (min(max(point[1], low), high) - low) / (high - low))
        return f"{x:.6g} {y:.6g}"

    made = tuple(
        # A single point is a line of no length; round ends make it a dot.
        Line(name, colour, "M" + "L".join(map(at, points if len(points) > 1 else points * 2)), points[-1][1])
        for colour, (name, points) in enumerate(drawn.items(), start=1)
    )
    return Lines(made, int(since * 1e9), int(until * 1e9), low, high)
