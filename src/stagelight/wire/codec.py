"""One body of OTLP to records and records to one body, in protobuf or JSON, for all three signals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stagelight.errors import BodyTooLargeError, MalformedBodyError
from stagelight.wire import jsonmap, jsontext, prescan
from stagelight.wire.limits import DEFAULT
from stagelight.wire.logs import logs_json, logs_of
from stagelight.wire.metrics import metrics_json, points_of
from stagelight.wire.traces import spans_of, traces_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.wire.decoded import Decoded
    from stagelight.wire.limits import Limits
    from stagelight.wire.records import LogRecord, MetricPoint, SpanRecord

Media = Literal["protobuf", "json"]
Signal = Literal["traces", "metrics", "logs"]
M = TypeVar("M", bound=Message)


def decode_traces(body: bytes, media: Media, limits: Limits = DEFAULT) -> Decoded[SpanRecord]:
    """The spans of an OTLP body, or one clear sentence why not.

    Raises:
        BodyTooLargeError: Over a limit; found before parsing.
        MalformedBodyError: Not OTLP, or an id, a time or a text which OTLP does not allow.
    """
    return spans_of(_parse(body, media, ExportTraceServiceRequest(), limits))


def decode_metrics(body: bytes, media: Media, limits: Limits = DEFAULT) -> Decoded[MetricPoint]:
    """The data points of an OTLP body; `rejected` and `message` say what had to be left out, such as summaries.

    Raises:
        BodyTooLargeError: Over a limit; found before parsing.
        MalformedBodyError: Not OTLP, or a time or a text which OTLP does not allow.
    """
    return points_of(_parse(body, media, ExportMetricsServiceRequest(), limits))


def decode_logs(body: bytes, media: Media, limits: Limits = DEFAULT) -> Decoded[LogRecord]:
    """The log records of an OTLP body, or one clear sentence why not.

    Raises:
        BodyTooLargeError: Over a limit; found before parsing.
        MalformedBodyError: Not OTLP, or an id, a time or a text which OTLP does not allow.
    """
    return logs_of(_parse(body, media, ExportLogsServiceRequest(), limits))


def encode_traces(records: Iterable[SpanRecord], media: Media) -> bytes:
    """Spans as the body of an OTLP/HTTP request."""
    return _dump(traces_json(records), media, ExportTraceServiceRequest())


def encode_metrics(points: Iterable[MetricPoint], media: Media) -> bytes:
    """Data points as the body of an OTLP/HTTP request."""
    return _dump(metrics_json(points), media, ExportMetricsServiceRequest())


def encode_logs(records: Iterable[LogRecord], media: Media) -> bytes:
    """Log records as the body of an OTLP/HTTP request."""
    return _dump(logs_json(records), media, ExportLogsServiceRequest())


def _parse(body: bytes, media: Media, request: M, limits: Limits) -> M:
    if len(body) > limits.inflated_bytes:
        raise BodyTooLargeError(f"The body is over {limits.inflated_bytes} bytes.")
    if media == "json":
        jsonmap.fill(request, jsontext.loads(body, limits))
        prescan.check(request.SerializeToString(), request.DESCRIPTOR, limits)  # the same count by the same rules
        return request
    prescan.check(body, request.DESCRIPTOR, limits)
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise MalformedBodyError("The body is not OTLP protobuf, or a text in it is not UTF-8.") from None
    return request


def _dump(data: dict[str, Any], media: Media, request: Message) -> bytes:
    if media == "json":
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
    jsonmap.fill(request, data)
    body: bytes = request.SerializeToString()
    return body
