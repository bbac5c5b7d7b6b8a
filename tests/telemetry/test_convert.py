"""A span of the SDK becomes a record that JSON and UTF-8 can carry, whatever is in it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from stagelight import wire
from stagelight.telemetry.convert import record, value

PROVIDER = TracerProvider(shutdown_on_exit=False)
TRACER = PROVIDER.get_tracer("scope", "1.2")


def test_every_part_of_a_span_is_kept():
    """Ids, times, kind, status, attributes, events, links, resource and scope all arrive."""
    other = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1))
    parent = TRACER.start_span("parent")
    with TRACER.start_as_current_span("none"):
        span = TRACER.start_span(
            "work", kind=SpanKind.CLIENT, attributes={"a": 1, "b": (1.5, 2.5)}, links=[Link(other, {"l": 1})]
        )
    span.add_event("happened", {"e": "x"}, timestamp=5)
    span.set_status(Status(StatusCode.ERROR, "broke"))
    span.end()
    found = record(span)

    assert (found.name, found.kind, found.status, found.status_message) == ("work", "client", "error", "broke")
    assert found.attributes == {"a": 1, "b": [1.5, 2.5]}
    assert (found.events[0].name, found.events[0].time_ns, found.events[0].attributes) == ("happened", 5, {"e": "x"})
    assert (found.links[0].trace_id, found.links[0].span_id) == (f"{7:032x}", f"{8:016x}")
    assert (found.scope.name, found.scope.version) == ("scope", "1.2")
    assert found.trace_id == f"{span.get_span_context().trace_id:032x}"
    assert found.parent_id == f"{span.parent.span_id:016x}"
    assert record(parent).parent_id == ""
    assert found.flags & 1
    assert found.duration_ns >= 0


def test_it_says_what_the_wire_says(using):
    """The record of a span equals what OTLP carries of it: exporting and decoding gives the same."""
    span = TRACER.start_span("work", attributes={"text": "ü", "list": ["a", "b"], "flag": True})
    span.end()
    ours = record(span)
    (theirs,) = wire.decode_traces(wire.encode_traces([ours], "protobuf"), "protobuf")

    assert theirs == ours


def test_a_clock_that_went_back_makes_no_negative_span():
    """A span that ended before it began lasts no time."""
    span = TRACER.start_span("work", start_time=100)
    span.end(end_time=50)

    assert (record(span).start_ns, record(span).end_ns) == (100, 100)


def test_a_span_without_ids_is_refused():
    """A span that has no context is nothing that could be kept."""
    with pytest.raises(ValueError, match="'lost' has no context"):
        record(ReadableSpan(name="lost"))


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary()
    | st.text()
    | st.text(st.characters(categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(anything)
def test_every_value_can_be_written_as_json(item):
    """Whatever an attribute holds, strict JSON in UTF-8 can carry what becomes of it, and plain values stay as they are."""
    found = value(item)

    json.dumps(found, allow_nan=False, ensure_ascii=False).encode("utf-8")
    if isinstance(item, bool | int) or item is None or (isinstance(item, float) and math.isfinite(item)):
        assert found == item


def test_a_value_that_contains_itself_ends():
    """A list that holds itself becomes text at some depth instead of running for ever."""
    endless: list = []
    endless.append(endless)

    assert "[" in json.dumps(value(endless))
