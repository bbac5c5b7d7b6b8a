"""Results into a table for people and into JSON for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.measure import OURS, RAW, YARDSTICK, Result
from benchmarks.peers import PEERS
from benchmarks.rows import IMPORT_GOAL_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.rows import Row

NOTES = {peer.subject: f" ({peer.note})" for peer in PEERS if peer.note}
WHOLE = 100  #: Figures above are shown without a decimal.
HEADINGS = f"{'':<40} {'cost':>16}  {'ratio':>9}  {'goal':>9}  met now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One subject's figure in one row."""

    key: str
    figure: str  #: Name of the figure where the row has several.
    subject: str
    cost: float | None
    unit: str
    ratio: float | None = None  #: To what is 1x.
    goal: str = ""  #: For ours alone.
    met: bool | None = None
    why: str = ""  #: Why there is no cost.

    def text(self) -> str:
        """Return the line as it stands in the table."""
        name = f"  {self.subject}{NOTES.get(self.subject, '')} {self.figure}".rstrip()
        if self.cost is None:
            return f"{name:<40} {self.why}"
        ratio = "" if self.ratio is None else f"{self.ratio:.3f}x"
        met = {True: "yes", False: "NO", None: ""}[self.met]
        return f"{name:<40} {self.cost:>10,.{0 if self.cost > WHOLE else 1}f} {self.unit:<5}  {ratio:>9}  {self.goal:>9}  {met}".rstrip()


def lines(row: Row, results: Mapping[str, Result]) -> Iterator[Line]:
    """Yield the lines of `row`: what is 1x, raw OpenTelemetry, ours, the peers."""
    base = results.get(YARDSTICK, results.get(RAW))
    for name, result in sorted(results.items(), key=lambda item: _rank(item[0])):
        for index, figure in enumerate(row.figures):
            label = "raw OpenTelemetry, recorded child" if name == YARDSTICK else name
            if not result.figures:
                yield Line(key=row.key, figure=figure, subject=label, cost=None, unit=row.unit, why=result.why)
                continue
            ratio = result.figures[index] / base.figures[index] if base and base.figures else None
            goal = row.goals[index]
            ours = name == OURS and ratio is not None
            yield Line(
                key=row.key,
                figure=figure,
                subject=label,
                cost=result.figures[index],
                unit=row.unit,
                ratio=ratio,
                goal=f"<={goal:g}x" if ours else "",
                met=ratio <= goal if name == OURS and ratio is not None else None,
            )


def import_lines(results: Mapping[str, Result]) -> Iterator[Line]:
    """Yield the lines of the import row, whose goal is absolute."""
    for name, result in sorted(results.items(), key=lambda item: _rank(item[0])):
        cost = result.figures[0] if result.figures else None
        yield Line(
            key="import",
            figure="",
            subject=name,
            cost=cost,
            unit="ms",
            goal=f"<={IMPORT_GOAL_MS:g} ms" if name == OURS else "",
            met=cost <= IMPORT_GOAL_MS if name == OURS and cost is not None else None,
            why=result.why,
        )


def as_dict(line: Line) -> dict[str, Any]:
    """Return `line` for JSON."""
    return {name: getattr(line, name) for name in Line.__dataclass_fields__}


def _rank(name: str) -> tuple[int, str]:
    order = (YARDSTICK, RAW, OURS)
    return (order.index(name) if name in order else len(order), name)
