"""What is written is what is read, in both encodings and for all three signals."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from drawn_records import exact, logs, points, span, spans
from stagelight import wire

if TYPE_CHECKING:
    from stagelight.wire.records import LogRecord, MetricPoint, SpanRecord

media = st.sampled_from(["protobuf", "json"])
IDS = {"traceId", "spanId", "parentSpanId"}


@given(st.lists(spans, max_size=4), media)
def test_spans_survive_the_round_trip(records: list[SpanRecord], encoding: wire.Media) -> None:
    """Every field of a span comes back with its value and its type."""
    assert exact(wire.decode_traces(wire.encode_traces(records, encoding), encoding)) == exact(records)


@given(st.lists(logs, max_size=4), media)
def test_logs_survive_the_round_trip(records: list[LogRecord], encoding: wire.Media) -> None:
    """Every field of a log record comes back with its value and its type."""
    assert exact(wire.decode_logs(wire.encode_logs(records, encoding), encoding)) == exact(records)


@given(st.lists(points, max_size=4), media)
def test_points_survive_the_round_trip(records: list[MetricPoint], encoding: wire.Media) -> None:
    """Sums, gauges and histograms come back with their buckets, bounds and temporality."""
    assert exact(wire.decode_metrics(wire.encode_metrics(records, encoding), encoding)) == exact(records)


@given(st.lists(spans, max_size=3), st.lists(logs, max_size=3), st.lists(points, max_size=3))
def test_our_json_is_protobufs_json(a: list[SpanRecord], b: list[LogRecord], c: list[MetricPoint]) -> None:
    """Protobuf's own JSON reader makes of our JSON, ids as base64, the very bytes that we write as protobuf."""
    for data, body, request in (
        (wire.traces_json(a), wire.encode_traces(a, "protobuf"), ExportTraceServiceRequest()),
        (wire.logs_json(b), wire.encode_logs(b, "protobuf"), ExportLogsServiceRequest()),
        (wire.metrics_json(c), wire.encode_metrics(c, "protobuf"), ExportMetricsServiceRequest()),
    ):
        json_format.ParseDict(_with_base64_ids(data), request)
        assert request == type(request).FromString(body)


def test_json_is_otlps_json() -> None:
    """Ids are hex, names camelCase, 64-bit integers text, enums numbers; what is empty is left out."""
    record = span(parent_id="0" * 15 + "9", kind="server", status="error", attributes={"n": 7, "x": 0.5, "none": None})

    (of_resource,) = wire.traces_json([record])["resourceSpans"]

    assert of_resource["scopeSpans"][0]["spans"] == [
        {
            "traceId": "0" * 31 + "1",
            "spanId": "0" * 15 + "1",
            "parentSpanId": "0" * 15 + "9",
            "name": "work",
            "kind": 2,
            "startTimeUnixNano": "1",
            "endTimeUnixNano": "2",
            "attributes": [
                {"key": "n", "value": {"intValue": "7"}},
                {"key": "x", "value": {"doubleValue": 0.5}},
                {"key": "none", "value": {}},
            ],
            "status": {"code": 2},
        }
    ]


def test_spans_are_nested_by_resource_and_scope() -> None:
    """Spans whose resources read the same share one entry, even where each has a dict of its own."""
    records = [span(n, resource={"service.name": "ab"[n % 2]}) for n in range(1, 5)]

    groups = wire.traces_json(records)["resourceSpans"]

    assert [len(group["scopeSpans"][0]["spans"]) for group in groups] == [2, 2]


def test_decoded_spans_share_their_resource() -> None:
    """Thousands of spans of one process hold one dict of its attributes."""
    got = wire.decode_traces(wire.encode_traces([span(1), span(2)], "protobuf"), "protobuf")

    assert got[0].resource is got[1].resource


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_what_otlp_cannot_carry_is_written_as_text(encoding: wire.Media) -> None:
    """Encoding never fails on a value: lone surrogates, huge integers, NaN and endless nesting become text."""
    endless: list[object] = []
    endless.append(endless)
    odd = {
        "s": "\ud800!",
        "big": 2**70,
        "nan": float("nan"),
        "inf": float("-inf"),
        "tuple": (1, b"\x00"),
        "loop": endless,
    }

    (got,) = wire.decode_traces(wire.encode_traces([span(name="\udfff", attributes=odd)], encoding), encoding)

    assert got.name == "?"
    assert {key: got.attributes[key] for key in ("s", "big", "nan", "inf", "tuple")} == {
        "s": "?!",
        "big": str(2**70),
        "nan": "NaN",
        "inf": "-Infinity",
        "tuple": [1, "AA=="],
    }
    assert json.dumps(got.attributes["loop"]).count("[") > 16


def _with_base64_ids(data: object) -> object:
    """OTLP JSON as protobuf's mapping wants it."""
    if isinstance(data, dict):
        return {
            key: _base64(value) if key in IDS and isinstance(value, str) else _with_base64_ids(value)
            for key, value in data.items()
        }
    return [_with_base64_ids(item) for item in data] if isinstance(data, list) else data


def _base64(hex_digits: str) -> str:
    return base64.b64encode(bytes.fromhex(hex_digits)).decode()
