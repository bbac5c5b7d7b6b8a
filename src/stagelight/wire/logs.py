"""OTLP log requests to log records, and log records to OTLP JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagelight.wire.decoded import Decoded
from stagelight.wire.grouping import grouped_json
from stagelight.wire.records import LogRecord, Scope
from stagelight.wire.traces import SPAN_ID_BYTES, TRACE_ID_BYTES
from stagelight.wire.values import (
    attributes,
    attributes_json,
    hex_id_or_nothing,
    nanoseconds,
    text,
    value,
    value_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.logs.v1 import logs_pb2

    from stagelight.wire.records import Attributes


def logs_of(request: ExportLogsServiceRequest) -> Decoded[LogRecord]:
    """Every log record of a parsed request.

    Raises:
        MalformedBodyError: An id of the wrong length, or a time past 63 bits.
    """
    logs: Decoded[LogRecord] = Decoded()
    for of_resource in request.resource_logs:
        resource = attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_logs:
            scope = Scope(name=of_scope.scope.name, version=of_scope.scope.version)
            logs.extend(_log(record, resource, scope) for record in of_scope.log_records)
    return logs


def _log(record: logs_pb2.LogRecord, resource: Attributes, scope: Scope) -> LogRecord:
    return LogRecord(
        # A line which says no time was seen at one: the collector that read it from a file knows when.
        time_ns=nanoseconds(record.time_unix_nano or record.observed_time_unix_nano, "LogRecord.timeUnixNano"),
        severity=record.severity_text,
        severity_number=record.severity_number,
        body=value(record.body),
        trace_id=hex_id_or_nothing(record.trace_id, TRACE_ID_BYTES, "LogRecord.traceId"),
        span_id=hex_id_or_nothing(record.span_id, SPAN_ID_BYTES, "LogRecord.spanId"),
        event_name=record.event_name,
        attributes=attributes(record.attributes),
        resource=resource,
        scope=scope,
    )


def logs_json(records: Iterable[LogRecord]) -> dict[str, Any]:
    """One ExportLogsServiceRequest as OTLP JSON, grouped by resource and scope."""
    return {"resourceLogs": grouped_json(records, "scopeLogs", "logRecords", _json)}


def _json(record: LogRecord) -> dict[str, Any]:
    data: dict[str, Any] = {"timeUnixNano": str(record.time_ns), "body": value_json(record.body)}
    optional = {
        "severityNumber": record.severity_number,
        "severityText": text(record.severity),
        "traceId": record.trace_id,
        "spanId": record.span_id,
        "eventName": text(record.event_name),
        "attributes": attributes_json(record.attributes),
    }
    data.update((name, item) for name, item in optional.items() if item)
    return data
