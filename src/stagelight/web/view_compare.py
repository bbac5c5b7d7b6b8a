"""Two traces side by side: what each stage took in the one and in the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stagelight.waterfall import units

if TYPE_CHECKING:
    from stagelight.waterfall.tree import Tree
    from stagelight.wire.records import Value

SAME = 0.05  #: Share of the longer time below which a difference is noise.
TIMES = 2  #: From here on a factor says more than percent.
MAX_STAGES = 200
MAX_ATTRIBUTES = 100

Verdict = Literal["only in A", "only in B", "about the same", "slower", "faster"]


@dataclass(frozen=True, slots=True)
class Side:
    """What a stage did in one trace."""

    calls: int = 0
    errors: int = 0
    total_ns: int = 0

    def plus(self, duration_ns: int, *, failed: bool) -> Side:
        """Return this with one more call."""
        return Side(self.calls + 1, self.errors + failed, self.total_ns + duration_ns)


@dataclass(frozen=True, slots=True)
class StageDifference:
    """A stage in both traces."""

    name: str
    a: Side
    b: Side
    share_a: str  #: Length of the bar, percent of the longest.
    share_b: str

    @property
    def difference_ns(self) -> int:
        """How much longer it took in b; negative where it was quicker."""
        return self.b.total_ns - self.a.total_ns

    @property
    def verdict(self) -> Verdict:
        """Which way it went; less than a twentieth either way is no difference."""
        if not self.a.calls:
            return "only in B"
        if not self.b.calls:
            return "only in A"
        if abs(self.difference_ns) < SAME * max(self.a.total_ns, self.b.total_ns):
            return "about the same"
        return "slower" if self.difference_ns > 0 else "faster"

    @property
    def size(self) -> str:
        """How big the difference is, as `12 %` of A's time or `3.1×`; empty where there is none to speak of.

        >>> StageDifference("load", Side(1, 0, 100), Side(1, 0, 112), "", "").size
        '12 %'
        """
        if self.verdict not in ("slower", "faster") or not self.a.total_ns or not self.b.total_ns:
            return ""
        ratio = max(self.a.total_ns, self.b.total_ns) / min(self.a.total_ns, self.b.total_ns)
        return (
            f"{units.digits(ratio)}×" if ratio >= TIMES else f"{100 * abs(self.difference_ns) / self.a.total_ns:.0f} %"
        )


def stages(a: Tree, b: Tree) -> list[StageDifference]:
    """Return every stage of either trace, by name, in the order in which they first start."""
    sides_a, sides_b = _sides(a), _sides(b)
    names = list(dict.fromkeys([*sides_a, *sides_b]))[:MAX_STAGES]
    longest = max((side.total_ns for side in (*sides_a.values(), *sides_b.values())), default=0) or 1
    return [
        StageDifference(
            name,
            left := sides_a.get(name, Side()),
            right := sides_b.get(name, Side()),
            f"{100 * left.total_ns / longest:.2f}",
            f"{100 * right.total_ns / longest:.2f}",
        )
        for name in names
    ]


def attributes(a: Tree, b: Tree) -> list[tuple[str, Value, Value]]:
    """Return the roots' attributes that are not the same in both; None stands for one that is missing."""
    left, right = _root(a), _root(b)
    keys = sorted({*left, *right})
    different = [(key, left.get(key), right.get(key)) for key in keys if left.get(key) != right.get(key)]
    return different[:MAX_ATTRIBUTES]


def _sides(tree: Tree) -> dict[str, Side]:
    sides: dict[str, Side] = {}
    for node in tree.walk():
        if not node.missing:
            span = node.span
            before = sides.get(span.name, Side())
            sides[span.name] = before.plus(span.duration_ns, failed=span.status == "error")
    return sides


def _root(tree: Tree) -> dict[str, Value]:
    root = next((node for node in tree.walk() if not node.missing), None)
    return {**root.span.resource, **root.span.attributes} if root else {}
