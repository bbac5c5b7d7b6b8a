"""Spans in any order to one tree, whatever is missing, doubled or circular."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stagelight.wire.conventions import is_feedback
from stagelight.wire.records import SpanRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MISSING_NAME = "(span not received)"

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """A span and what happened inside it.

    Compared by identity: equality by value would recurse, and traces are deep.
    """

    span: SpanRecord
    children: tuple[Node, ...]  #: In order of start.
    depth: int  #: 0 for a root.
    size: int  #: Spans in this node and below it, itself included.
    errors: int  #: Spans with status error in this node and below it, itself included.
    self_ns: int  #: Time in which no child was running.
    missing: bool = False  #: A stand-in for a parent that others name but nobody sent.

    def __repr__(self) -> str:
        return f"<Node {self.span.name!r} depth={self.depth} size={self.size}>"


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """All spans of a trace, as they called each other."""

    roots: tuple[Node, ...]  #: Stand-ins included, in order of start.
    start_ns: int  #: The earliest start, feedback aside; 0 without spans.
    end_ns: int  #: The latest end, feedback aside; 0 without spans.

    @property
    def duration_ns(self) -> int:
        """From the first start to the last end."""
        return max(0, self.end_ns - self.start_ns)

    @property
    def size(self) -> int:
        """How many nodes there are, stand-ins included."""
        return sum(root.size for root in self.roots)

    def walk(self) -> Iterator[Node]:
        """Yield every node, parents before children, earlier before later: the order in which rows are drawn."""
        stack = list(reversed(self.roots))
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


def build(spans: Sequence[SpanRecord]) -> Tree:
    """Return the tree of `spans`; the same spans in another order give the same tree.

    A span whose parent was not sent hangs under a stand-in, so that siblings stay together; feedback hangs under the root. Of two spans with one id
    the one that ended last counts. Where parents form a circle it is cut above its earliest span.

    >>> one = SpanRecord(trace_id="a" * 32, span_id="1" * 16, name="answer", start_ns=0, end_ns=9)
    >>> two = SpanRecord(trace_id="a" * 32, span_id="2" * 16, parent_id="1" * 16, name="think", start_ns=1, end_ns=6)
    >>> [(node.span.name, node.depth, node.self_ns) for node in build([two, one]).walk()]
    [('answer', 0, 4), ('think', 1, 5)]
    """
    known = _adopted(_unique(spans))
    missing = _stand_ins(known)
    children = _children({**known, **missing})
    order = _preorder(children, {**missing, **known})
    nodes: dict[_Key, Node] = {}
    # Children come after their parent in `order`, so going backwards each node finds its children made.
    for key, depth in reversed(order):
        below = tuple(nodes[child] for child in children[key] if child in nodes and nodes[child].depth == depth + 1)
        nodes[key] = _node(missing.get(key) or known[key], below, depth, missing=key in missing)
    roots = tuple(nodes[key] for key, depth in order if depth == 0)
    # What is said of an answer an hour later does not make the answer an hour long.
    work = [span for span in known.values() if not is_feedback(span.attributes)] or list(known.values())
    return Tree(
        tuple(sorted(roots, key=lambda node: _moment(node.span))),
        min((span.start_ns for span in work), default=0),
        max((max(span.start_ns, span.end_ns) for span in work), default=0),
    )


def _unique(spans: Sequence[SpanRecord]) -> dict[_Key, SpanRecord]:
    known: dict[_Key, SpanRecord] = {}
    for span in sorted(spans, key=lambda span: (span.end_ns, *_moment(span), span.parent_id, span.name)):
        known[span.trace_id, span.span_id] = span
    return dict(sorted(known.items(), key=lambda item: _moment(item[1])))


def _adopted(known: dict[_Key, SpanRecord]) -> dict[_Key, SpanRecord]:
    """Feedback on a trace as a whole names a parent that never was: it belongs to the root."""
    roots = {span.trace_id: span.span_id for span in reversed(known.values()) if not span.parent_id}
    return {
        key: replace(span, parent_id=roots[span.trace_id])
        if is_feedback(span.attributes) and (span.trace_id, span.parent_id) not in known and span.trace_id in roots
        else span
        for key, span in known.items()
    }


def _moment(span: SpanRecord) -> tuple[int, str, str]:
    return span.start_ns, span.trace_id, span.span_id


def _stand_ins(known: dict[_Key, SpanRecord]) -> dict[_Key, SpanRecord]:
    """One span for each parent that is named but was not sent, as long as its children."""
    orphans: dict[_Key, list[SpanRecord]] = defaultdict(list)
    for span in known.values():
        if span.parent_id and (span.trace_id, span.parent_id) not in known:
            orphans[span.trace_id, span.parent_id].append(span)
    return {
        (trace_id, span_id): SpanRecord(
            trace_id=trace_id,
            span_id=span_id,
            name=MISSING_NAME,
            kind="unspecified",
            start_ns=min(span.start_ns for span in group),
            end_ns=max(span.end_ns for span in group),
            resource=group[0].resource,
        )
        for (trace_id, span_id), group in orphans.items()
    }


def _children(spans: dict[_Key, SpanRecord]) -> dict[_Key, list[_Key]]:
    """Keys of the children by key of the parent, in order of start."""
    children: dict[_Key, list[_Key]] = defaultdict(list)
    for key, span in spans.items():
        if span.parent_id:
            children[span.trace_id, span.parent_id].append(key)
    return children


def _preorder(children: dict[_Key, list[_Key]], spans: dict[_Key, SpanRecord]) -> list[tuple[_Key, int]]:
    """Every key with its depth, parents first."""
    seen: set[_Key] = set()
    order: list[tuple[_Key, int]] = []
    real_roots = [key for key, span in spans.items() if not span.parent_id]
    for start in (*real_roots, *spans):
        # What no root leads to is a circle, or hangs below one.
        stack = [] if start in seen else [(_top(start, spans), 0)]
        while stack:
            key, depth = stack.pop()
            if key not in seen:
                seen.add(key)
                order.append((key, depth))
                stack.extend((child, depth + 1) for child in reversed(children[key]))
    return order


def _top(key: _Key, spans: dict[_Key, SpanRecord]) -> _Key:
    """The root above `key`, or the earliest span of the circle that `key` hangs below."""
    passed: dict[_Key, None] = {}
    while key not in passed:
        passed[key] = None
        if not spans[key].parent_id:
            return key
        key = key[0], spans[key].parent_id
    way = list(passed)
    return min(way[way.index(key) :], key=lambda key: _moment(spans[key]))


def _node(span: SpanRecord, children: tuple[Node, ...], depth: int, *, missing: bool) -> Node:
    return Node(
        span=span,
        children=children,
        depth=depth,
        size=1 + sum(child.size for child in children),
        errors=(span.status == "error") + sum(child.errors for child in children),
        self_ns=0 if missing else span.duration_ns - _covered(span, children),
        missing=missing,
    )


def _covered(span: SpanRecord, children: tuple[Node, ...]) -> int:
    """Nanoseconds of `span` in which at least one child was running; children overlap where they run side by side."""
    covered, reached = 0, span.start_ns
    for child in children:
        start = max(child.span.start_ns, reached)
        end = min(child.span.end_ns, span.end_ns)
        if end > start:
            covered += end - start
            reached = end
    return covered
