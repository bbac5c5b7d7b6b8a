"""Spans to a tree, whatever is missing, doubled or circular."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stagelight.waterfall.tree import MISSING_NAME, build
from stagelight.wire.records import SpanRecord

TRACE = "a" * 32


def span(number, parent=0, start=0, end=10, **more):
    """A span with small numbers for ids."""
    return SpanRecord(
        trace_id=more.pop("trace_id", TRACE),
        span_id=f"{number:016x}",
        parent_id=f"{parent:016x}" if parent else "",
        name=more.pop("name", f"s{number}"),
        start_ns=start,
        end_ns=end,
        **more,
    )


def shape(tree):
    """Names and depths in drawing order."""
    return [(node.span.name, node.depth) for node in tree.walk()]


def test_children_stand_below_their_parent_in_order_of_start():
    """Order of arrival says nothing: parents come first, and earlier children before later ones."""
    spans = [span(3, 1, start=5), span(2, 1, start=2), span(1), span(4, 2, start=3)]

    assert shape(build(spans)) == [("s1", 0), ("s2", 1), ("s4", 2), ("s3", 1)]


def test_orphans_of_one_parent_stay_together_under_a_stand_in():
    """Siblings whose parent was not sent hang under one node that says so and spans their time."""
    tree = build([span(2, 9, start=4, end=6), span(3, 9, start=5, end=8)])

    assert shape(tree) == [(MISSING_NAME, 0), ("s2", 1), ("s3", 1)]
    stand_in = tree.roots[0]
    assert stand_in.missing
    assert (stand_in.span.start_ns, stand_in.span.end_ns, stand_in.self_ns) == (4, 8, 0)


def test_of_two_spans_with_one_id_the_later_end_counts():
    """A span sent twice, first unfinished, is one node."""
    tree = build([span(1, end=20, name="whole"), span(1, end=3, name="half")])

    assert shape(tree) == [("whole", 0)]


def test_a_circle_is_cut_above_its_earliest_span():
    """Parents that form a circle neither loop nor lose a span, and what hangs below the circle stays there."""
    spans = [span(1, 3, start=5), span(2, 1, start=6), span(3, 2, start=7), span(4, 2, start=0)]

    assert shape(build(spans)) == [("s1", 0), ("s2", 1), ("s4", 2), ("s3", 2)]


def test_a_span_that_is_its_own_parent_is_a_root():
    """The smallest circle of all."""
    assert shape(build([span(1, 1)])) == [("s1", 0)]


def test_own_time_leaves_out_what_children_cover_once():
    """Children side by side are not counted twice, and what they do after their parent ended not at all."""
    spans = [span(1, start=0, end=100), span(2, 1, 10, 50), span(3, 1, 30, 60), span(4, 1, 90, 500)]

    assert build(spans).roots[0].self_ns == 100 - 50 - 10


def test_sizes_and_errors_add_up():
    """A folded row can say how many spans and errors are below it."""
    spans = [span(1), span(2, 1, status="error"), span(3, 2, status="error"), span(4, 1)]
    root = build(spans).roots[0]

    assert (root.size, root.errors) == (4, 2)
    assert (root.children[0].size, root.children[0].errors) == (2, 2)


def test_a_very_deep_trace_is_built_and_walked():
    """Depth is bounded by no stack: 20,000 levels."""
    tree = build([span(number, number - 1) for number in range(1, 20_001)])

    assert tree.size == 20_000
    assert max(node.depth for node in tree.walk()) == 19_999
    assert repr(tree.roots[0]) == "<Node 's1' depth=0 size=20000>"


def test_the_same_ids_in_two_traces_are_two_spans():
    """Spans of several traces make a forest; a parent is looked for in its own trace alone."""
    tree = build([span(1), span(1, trace_id="b" * 32), span(2, 1, trace_id="b" * 32)])

    assert [root.size for root in tree.roots] == [1, 2]


def test_no_spans_make_an_empty_tree():
    """Nothing in, nothing out."""
    tree = build([])

    assert (tree.roots, tree.size, tree.duration_ns) == ((), 0, 0)


small = st.integers(0, 6)
records = st.lists(st.builds(span, st.integers(1, 6), small, start=small, end=small), max_size=12)


@given(records, st.randoms())
def test_every_span_is_drawn_once_in_whatever_order_they_came(spans, random):
    """Each id is a node exactly once, a child is one deeper than its parent, and shuffling changes nothing."""
    tree = build(spans)
    shuffled = list(spans)
    random.shuffle(shuffled)

    real = [node.span.span_id for node in tree.walk() if not node.missing]
    assert sorted(real) == sorted({one.span_id for one in spans})
    for node in tree.walk():
        assert 0 <= node.self_ns <= node.span.duration_ns
        assert all(child.depth == node.depth + 1 for child in node.children)
    assert shape(build(shuffled)) == shape(tree)


def test_feedback_on_a_trace_as_a_whole_belongs_to_its_root():
    """Feedback that names no span that was sent hangs under the first root; where there is none, under a stand-in."""
    said = span(9, parent=8, start=90, end=90, name="feedback", attributes={"stagelight.feedback.id": "f1"})
    assert shape(build([span(1), span(2, parent=1), said])) == [("s1", 0), ("s2", 1), ("feedback", 1)]
    assert shape(build([said])) == [(MISSING_NAME, 0), ("feedback", 1)]
