"""What is counted in a body before it is parsed is what the parser finds in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from drawn_records import points, spans
from stagelight import wire
from stagelight.wire import jsontext, prescan
from stagelight.wire.limits import DEFAULT

if TYPE_CHECKING:
    from stagelight.wire.records import MetricPoint, SpanRecord

STRUCTURE = st.text('\\"[]{},a')


@given(st.lists(spans, max_size=5))
def test_the_count_of_spans_is_the_parsers(records: list[SpanRecord]) -> None:
    """Counting and parsing agree on every body."""
    body = wire.encode_traces(records, "protobuf")

    assert prescan.check(body, ExportTraceServiceRequest.DESCRIPTOR, DEFAULT) == len(records)


@given(st.lists(points, max_size=5))
def test_the_count_of_points_is_the_parsers(records: list[MetricPoint]) -> None:
    """Counting and parsing agree on every body."""
    body = wire.encode_metrics(records, "protobuf")

    assert prescan.check(body, ExportMetricsServiceRequest.DESCRIPTOR, DEFAULT) == len(records)


@given(
    st.recursive(
        st.none() | st.integers() | STRUCTURE, lambda inner: st.lists(inner) | st.dictionaries(STRUCTURE, inner)
    )
)
def test_the_count_in_json_text_is_the_parsers(data: object) -> None:
    """Brackets are counted where they are structure and nowhere else."""
    for text in (json.dumps(data), json.dumps(data, indent=1, ensure_ascii=False)):
        structure = jsontext.structure(text.encode())
        assert structure.count(b"{") + structure.count(b"[") == _containers(data)
        assert structure.count(b"[") == structure.count(b"]")


def _containers(data: object) -> int:
    if isinstance(data, list):
        return 1 + sum(map(_containers, data))
    return 1 + sum(map(_containers, data.values())) if isinstance(data, dict) else 0
