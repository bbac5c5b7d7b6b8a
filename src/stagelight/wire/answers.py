"""What a receiver answers in OTLP: taken in full, taken in part, or refused with one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from stagelight.wire import jsonmap
from stagelight.wire.values import text

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from stagelight.wire.codec import Media, Signal

_RESPONSES: Final[dict[Signal, type[Message]]] = {
    "traces": ExportTraceServiceResponse,
    "metrics": ExportMetricsServiceResponse,
    "logs": ExportLogsServiceResponse,
}
_REJECTED: Final[dict[Signal, str]] = {
    "traces": "rejectedSpans",
    "metrics": "rejectedDataPoints",
    "logs": "rejectedLogRecords",
}

# google.rpc codes: the nearest to each HTTP status a receiver answers with.
_INVALID_ARGUMENT, _UNAVAILABLE, _EXHAUSTED, _UNKNOWN = 3, 14, 8, 2
_CODES: Final = {400: _INVALID_ARGUMENT, 413: _EXHAUSTED, 415: _INVALID_ARGUMENT, 503: _UNAVAILABLE, 507: _EXHAUSTED}


def response(signal: Signal, media: Media, rejected: int = 0, message: str = "") -> bytes:
    """The body of a 200: empty where all was taken, else how many records were not, and why.

    >>> response("traces", "json")
    b'{}'
    >>> response("metrics", "json", 2, "no summaries")
    b'{"partialSuccess":{"rejectedDataPoints":"2","errorMessage":"no summaries"}}'
    """
    data: dict[str, Any] = {}
    if rejected or message:
        data["partialSuccess"] = {_REJECTED[signal]: str(rejected), "errorMessage": text(message)}
    return _dump(data, media, _RESPONSES[signal]())


def failure(status: int, message: str, media: Media) -> bytes:
    """The body of any other answer: a google.rpc.Status with one sentence, as OTLP/HTTP asks for.

    >>> failure(400, "The body is not JSON.", "json")
    b'{"code":3,"message":"The body is not JSON."}'
    """
    return _dump({"code": _CODES.get(status, _UNKNOWN), "message": text(message)}, media, Status())


def _dump(data: dict[str, Any], media: Media, answer: Message) -> bytes:
    if media == "json":
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    jsonmap.fill(answer, data)
    body: bytes = answer.SerializeToString()
    return body
