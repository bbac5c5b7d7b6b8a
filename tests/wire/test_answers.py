"""What a receiver answers is read by the official messages."""

from __future__ import annotations

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from stagelight import wire

RESPONSES = {
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
}


@pytest.mark.parametrize("signal", RESPONSES)
def test_all_taken_is_an_empty_answer(signal: wire.Signal) -> None:
    """OTLP leaves out what went well."""
    assert wire.response(signal, "protobuf") == b""
    assert wire.response(signal, "json") == b"{}"


@pytest.mark.parametrize("signal", RESPONSES)
def test_partial_success_says_how_many_and_why(signal: wire.Signal) -> None:
    """The sender learns what was left out."""
    message, field = RESPONSES[signal]

    answer = message.FromString(wire.response(signal, "protobuf", rejected=3, message="why"))

    assert getattr(answer.partial_success, field) == 3
    assert answer.partial_success.error_message == "why"
    assert b'"3"' in wire.response(signal, "json", rejected=3)


@pytest.mark.parametrize(("status", "code"), [(400, 3), (413, 8), (415, 3), (503, 14), (507, 8), (500, 2)])
def test_a_refusal_is_a_status(status: int, code: int) -> None:
    """OTLP/HTTP answers errors with google.rpc.Status in the request's own encoding."""
    answer = Status.FromString(wire.failure(status, "One sentence\udc80.", "protobuf"))

    assert (answer.code, answer.message) == (code, "One sentence?.")
    assert wire.failure(status, "One sentence.", "json") == f'{{"code":{code},"message":"One sentence."}}'.encode()
