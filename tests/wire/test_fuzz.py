"""Whatever comes in, a decoder returns records or raises a WireError; nothing else, ever."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drawn_records import logs, points, spans
from stagelight import wire
from stagelight.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNALS: dict[str, tuple[Callable[..., Any], Callable[..., bytes], st.SearchStrategy[Any]]] = {
    "traces": (wire.decode_traces, wire.encode_traces, spans),
    "metrics": (wire.decode_metrics, wire.encode_metrics, points),
    "logs": (wire.decode_logs, wire.encode_logs, logs),
}
signals = pytest.mark.parametrize("signal", SIGNALS)
medias = pytest.mark.parametrize("media", ["protobuf", "json"])

# Names and values that OTLP JSON knows, put together wrongly.
_names = st.sampled_from(
    [
        *("resourceSpans", "scopeSpans", "spans", "resource", "scope", "attributes", "events", "links", "status"),
        *("traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "timeUnixNano", "flags"),
        *("resourceMetrics", "scopeMetrics", "metrics", "gauge", "sum", "histogram", "exponentialHistogram"),
        *("dataPoints", "asDouble", "asInt", "bucketCounts", "explicitBounds", "scale", "positive", "offset", "count"),
        *("resourceLogs", "scopeLogs", "logRecords", "body", "severityNumber", "aggregationTemporality"),
        *("key", "value", "stringValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"),
    ]
)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["00" * 16, "ab" * 16, "ab" * 8, "NaN", "1e999", 2**63, 2**64, -(2**63) - 1, 10**400])
)
_hostile = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=5), max_leaves=30
)


def _only_wire_errors(work: Callable[[], Any]) -> None:
    try:
        work()
    except WireError as error:
        sentence = str(error)
        assert sentence.endswith(".")
        assert len(sentence) < 250
        assert sentence.isprintable()


@signals
@medias
@given(body=st.binary(max_size=400))
@example(body=b"")
def test_random_bytes(signal: str, media: wire.Media, body: bytes) -> None:
    """Bytes without sense are refused, or by chance mean something."""
    _only_wire_errors(lambda: SIGNALS[signal][0](body, media))


@signals
@medias
@given(data=st.data())
def test_a_real_body_with_some_bytes_changed(signal: str, media: wire.Media, data: st.DataObject) -> None:
    """Damage in the middle of a good body reaches deeper than noise does."""
    decode, encode, records = SIGNALS[signal]
    body = bytearray(encode(data.draw(st.lists(records, min_size=1, max_size=2)), media))
    for place, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255)), min_size=1, max_size=4)
    ):
        body[place] = byte
    cut = data.draw(st.integers(0, len(body)))

    _only_wire_errors(lambda: decode(bytes(body), media))
    _only_wire_errors(lambda: decode(bytes(body[:cut]), media))


@signals
@given(data=_hostile)
def test_json_of_known_names_in_wrong_places(signal: str, data: object) -> None:
    """Every field is once given every type."""
    text = json.dumps(data).encode()

    _only_wire_errors(lambda: SIGNALS[signal][0](text, "json"))


@given(
    span=st.dictionaries(_names, _hostile, max_size=6),
    ids=st.booleans(),
)
def test_json_with_a_hostile_span(span: dict[str, object], ids: bool) -> None:  # noqa: FBT001  drawn by Hypothesis
    """The same at the depth where spans are, past the outer layers."""
    good = {"traceId": "ab" * 16, "spanId": "cd" * 8} if ids else {}
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{**span, **good}]}]}]}).encode()

    _only_wire_errors(lambda: wire.decode_traces(text, "json"))


@given(metric=st.dictionaries(_names, _hostile, max_size=6))
def test_json_with_a_hostile_metric(metric: dict[str, object]) -> None:
    """The same for metrics."""
    text = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).encode()

    _only_wire_errors(lambda: wire.decode_metrics(text, "json"))


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "", "br"]), st.integers(1, 20))
def test_random_bytes_as_a_compressed_body(body: bytes, encoding: str, size: int) -> None:
    """Also the inflater raises nothing else."""

    def work() -> None:
        inflater = wire.Inflater(encoding)
        for start in range(0, len(body), size):
            inflater.feed(body[start : start + size])
        inflater.finish()

    _only_wire_errors(work)
    damaged = bytearray(gzip.compress(body))
    damaged[len(body) % len(damaged)] ^= 0xFF
    _only_wire_errors(lambda: wire.inflate(bytes(damaged), "gzip"))
    with contextlib.suppress(WireError):
        assert isinstance(wire.inflate(body, encoding), bytes)


@pytest.mark.long
@pytest.mark.timeout(3600)
@medias
@settings(max_examples=100_000, deadline=None)
@given(body=st.binary(max_size=2_000))
def test_random_bytes_for_longer(media: wire.Media, body: bytes) -> None:
    """The same as above, for an hour's run."""
    for decode, _, _ in SIGNALS.values():
        _only_wire_errors(lambda decode=decode: decode(body, media))  # type: ignore[misc]  a default binds it
