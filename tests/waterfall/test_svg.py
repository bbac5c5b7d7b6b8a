"""A tree as a static picture."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from stagelight.store.model import Trace
from stagelight.waterfall import svg
from stagelight.waterfall.tree import build
from stagelight.wire.records import SpanRecord

SVG = "{http://www.w3.org/2000/svg}"


def span(number, parent=0, start=0, end=10, **more):
    """A span with small numbers for ids."""
    return SpanRecord(
        trace_id="a" * 32,
        span_id=f"{number:016x}",
        parent_id=f"{parent:016x}" if parent else "",
        name=more.pop("name", f"s{number}"),
        start_ns=start,
        end_ns=end,
        **more,
    )


def bars(picture):
    """The drawn spans, as (class, left, right)."""
    root = ET.fromstring(picture)
    boxes = root.iter(f"{SVG}rect")
    return [(b.get("class"), float(b.get("x")), float(b.get("x")) + float(b.get("width"))) for b in boxes]


def test_bars_lie_where_their_spans_lie_in_time():
    """A span over the second half of a trace is drawn over the second half of its parent's bar."""
    (_, left, right), (kind, start, end) = bars(svg.render(build([span(1, end=100), span(2, 1, 50, 100)])))

    assert kind == "bar"
    assert abs(start - (left + right) / 2) < 0.2
    assert abs(end - right) < 0.2


def test_failed_and_missing_spans_differ_by_more_than_colour():
    """An error has its mark in the name, a parent that was not sent a dashed outline."""
    picture = svg.render(build([span(1, 9, status="error", name="predict")]))

    assert [kind for kind, *_ in bars(picture)] == ["missing", "error"]
    assert "✗ predict" in picture
    assert "stroke-dasharray" in picture


def test_names_stay_text():
    """Markup in a name is shown, not obeyed."""
    picture = svg.render(
        build([span(1, name="<script>alert(1)</script>\"'&", status="error", status_message="</title><b>")])
    )

    root = ET.fromstring(picture)
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "g", "title", "text", "rect", "line")
    }
    assert "<script>alert(1)" in "".join(root.itertext())


def test_the_picture_needs_neither_script_nor_style_sheet():
    """A notebook shows it as it is, in light and in dark."""
    picture = svg.render(build([span(1)]))

    assert "<style" not in picture
    assert " style=" not in picture
    assert 'fill="currentColor"' in picture


def test_for_a_page_the_style_sheet_colours_it():
    """Without `static` the element brings no font and no colour of its own for text."""
    assert "font-family" not in svg.render(build([span(1)]), static=False)


def test_spans_past_the_limit_are_counted():
    """A huge trace is drawn in part, and says so."""
    picture = svg.render(build([span(number, number > 1) for number in range(1, 701)]))

    assert len(bars(picture)) == 500
    assert "200 more spans" in picture


def test_an_empty_tree_is_a_picture_too():
    """Nothing to draw is no error."""
    assert bars(svg.render(build([]))) == []


def test_a_trace_draws_itself_in_a_notebook():
    """`_repr_html_` is the static picture."""
    assert Trace(trace_id="a" * 32, spans=(span(1),))._repr_html_().startswith("<svg")


@given(st.text(max_size=40), st.integers(-(2**63), 2**63), st.integers(-(2**63), 2**63))
def test_whatever_a_client_sends_the_picture_parses(name, start, end):
    """Names with any character and times in any order give well-formed XML within the picture's width."""
    for _, left, right in bars(svg.render(build([span(1, start=start, end=end, name=name), span(2, 1, 0, 5)]))):
        assert 0 <= left <= right <= 960
