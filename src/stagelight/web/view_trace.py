"""One trace: the rows of its waterfall, and all that is known of the span whose details are open."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from stagelight.waterfall import text, units
from stagelight.wire import conventions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagelight.waterfall.tree import Node, Tree
    from stagelight.wire.records import LogRecord, SpanEvent, SpanRecord, Value

MAX_ROWS = 5_000  #: Spans drawn; measured to stay usable in a browser on a small machine.
OPEN_ROWS = 300  #: Rows open at first: deeper levels of a bigger trace start folded.
MAX_LEVEL = 20  #: Levels that are indented; deeper ones keep this indent.
TICKS = 4
EXCEPTION = "exception"
VERSION = "stagelight.model_version"

T = TypeVar("T", int, float)


@dataclass(frozen=True, slots=True)
class Row:
    """A span's line in the waterfall."""

    span_id: str
    name: str
    level: int  #: 1 for a root, as ARIA counts.
    indent: int
    x: str  #: Start, percent of the trace's time.
    width: str  #: Length, percent of the trace's time.
    time: str
    kind: str  #: What sort of step it is, as `llm`; empty where nobody said.
    trouble: str  #: What went wrong in a few words; empty where nothing did.
    failed: bool
    missing: bool
    folded: bool | None  #: None for a leaf.
    hidden: bool  #: Below a folded row.
    below: int  #: Spans below it.
    errors_below: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What models were used and how much, over spans."""

    models: tuple[str, ...]
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class Details:
    """All that is known of one span."""

    node: Node
    offset_ns: int  #: Start, counted from the trace's start.
    trouble: str
    exceptions: tuple[SpanEvent, ...]
    events: tuple[SpanEvent, ...]
    attributes: tuple[tuple[str, Value], ...]
    resource: tuple[tuple[str, Value], ...]
    logs: tuple[LogRecord, ...]
    kind: str
    usage: Usage | None

    @property
    def span(self) -> SpanRecord:
        """The span itself."""
        return self.node.span


def rows(tree: Tree, *, selected: str = "") -> list[Row]:
    """Return the waterfall's lines, at most `MAX_ROWS`, with deep levels folded unless they lead to `selected`."""
    limit = _open_levels(tree)
    path = _path(tree, selected)
    made: list[Row] = []
    shown: set[int] = set()
    for node in islice(tree.walk(), MAX_ROWS):
        visible = node.depth == 0 or id(node) in shown
        opened = node.depth + 1 < limit or (id(node) in path and node.span.span_id != selected)
        if visible and opened:
            shown.update(id(child) for child in node.children)
        made.append(_row(tree, node, folded=None if not node.children else not opened, hidden=not visible))
    return made


def ticks(tree: Tree) -> list[tuple[str, str]]:
    """Return the scale: places in percent, and the times they stand for."""
    return [
        (f"{100 * at / TICKS:g}", units.duration(tree.duration_ns * at / TICKS) if at else "0") for at in range(TICKS)
    ]


def details(tree: Tree, span_id: str, logs: Sequence[LogRecord]) -> Details | None:
    """Return what is known of the span, or None where the trace has no such span."""
    node = next((node for node in tree.walk() if node.span.span_id == span_id), None)
    if node is None:
        return None
    span = node.span
    return Details(
        node=node,
        offset_ns=span.start_ns - tree.start_ns,
        trouble=text.problem(span),
        exceptions=tuple(event for event in span.events if event.name == EXCEPTION),
        events=tuple(event for event in span.events if event.name != EXCEPTION),
        attributes=tuple(sorted(span.attributes.items())),
        resource=tuple(sorted(span.resource.items())),
        logs=tuple(sorted((log for log in logs if log.span_id == span_id), key=lambda log: log.time_ns)),
        kind=conventions.kind(span.attributes),
        usage=usage([node]),
    )


def first(tree: Tree) -> str:
    """Return the span whose details are worth opening first: where the first error began, else the root."""
    node = next((node for node in tree.walk() if node.span.status == "error"), None)
    # An error climbs from where it was raised: the failed span farthest down knows most about it.
    while node and (cause := next((child for child in node.children if child.span.status == "error"), None)):
        node = cause
    return (node or next(tree.walk())).span.span_id


def usage(nodes: Sequence[Node]) -> Usage | None:
    """Return the tokens and cost of `nodes` and what is below them, or None where nobody spoke of any.

    A step that reports its own and whose children report theirs is a sum of them: only the deepest count.
    """
    found = [conventions.usage(told.span.attributes) for node in nodes for told in _reporting(node)]
    if not found:
        return None
    return Usage(
        models=tuple(Counter(one.model for one in found if one.model)),
        input_tokens=_sum([one.input_tokens for one in found]),
        output_tokens=_sum([one.output_tokens for one in found]),
        cost=_sum([one.cost for one in found]),
    )


def services(tree: Tree) -> tuple[str, ...]:
    """Return the names of the programs that took part, the one with most spans first."""
    named = Counter(str(node.span.resource.get("service.name") or "") for node in tree.walk() if not node.missing)
    return tuple(name for name, _ in named.most_common() if name)


def session(tree: Tree) -> str:
    """Return the session the trace belongs to; empty where no span says."""
    return next((found for node in tree.walk() if (found := conventions.session(node.span.attributes))), "")


def version(tree: Tree) -> str:
    """Return the first model version that a span gives; empty where none does."""
    return next((str(node.span.attributes[VERSION]) for node in tree.walk() if node.span.attributes.get(VERSION)), "")


def _row(tree: Tree, node: Node, *, folded: bool | None, hidden: bool) -> Row:
    span, whole = node.span, max(1, tree.duration_ns)
    x = min(99.6, max(0.0, 100 * (span.start_ns - tree.start_ns) / whole))
    return Row(
        span_id=span.span_id,
        name=text.plain(span.name) or "(no name)",
        level=node.depth + 1,
        indent=min(node.depth, MAX_LEVEL),
        x=f"{x:.2f}",
        width=f"{max(0.1, min(100 - x, 100 * span.duration_ns / whole)):.2f}",
        time=units.duration(span.duration_ns),
        kind=conventions.kind(span.attributes),
        trouble=text.plain(text.problem(span)),
        failed=span.status == "error",
        missing=node.missing,
        folded=folded,
        hidden=hidden,
        below=node.size - 1,
        errors_below=node.errors - (span.status == "error"),
    )


def _open_levels(tree: Tree) -> int:
    """Say how many levels may be open at first so that at most `OPEN_ROWS` rows show; two at least."""
    per_level = Counter(node.depth for node in tree.walk())
    total = 0
    for depth in range(len(per_level)):
        total += per_level[depth]
        if total > OPEN_ROWS:
            return max(2, depth)
    return len(per_level)


def _path(tree: Tree, span_id: str) -> set[int]:
    """Return identities of the nodes from a root to the span."""
    parents = {id(child): node for node in tree.walk() for child in node.children}
    node = next((node for node in tree.walk() if node.span.span_id == span_id), None)
    path: set[int] = set()
    while node is not None:
        path.add(id(node))
        node = parents.get(id(node))
    return path


def _reporting(node: Node) -> Iterator[Node]:
    """Yield the deepest nodes at or below `node` that say what they used."""
    order = list(_below(node))
    told: set[int] = set()
    for one in reversed(order):
        if any(id(child) in told for child in one.children):
            told.add(id(one))
        elif _spoke(one):
            told.add(id(one))
            yield one


def _below(node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        one = stack.pop()
        yield one
        stack.extend(one.children)


def _spoke(node: Node) -> bool:
    used = conventions.usage(node.span.attributes)
    return used.total_tokens is not None or used.cost is not None


def _sum(values: list[T | None]) -> T | None:
    """Add those that were told; None where none was."""
    told = [value for value in values if value is not None]
    return sum(told[1:], told[0]) if told else None
