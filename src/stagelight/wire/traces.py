"""OTLP trace requests to span records, and span records to OTLP JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from stagelight.wire.decoded import Decoded
from stagelight.wire.grouping import grouped_json
from stagelight.wire.records import Scope, SpanEvent, SpanLink, SpanRecord
from stagelight.wire.values import (
    attributes,
    attributes_json,
    hex_id,
    hex_id_or_nothing,
    nanoseconds,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from stagelight.wire.records import Attributes, SpanKind, StatusCode

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8

_KINDS: Final[dict[int, SpanKind]] = {
    Span.SPAN_KIND_INTERNAL: "internal",
    Span.SPAN_KIND_SERVER: "server",
    Span.SPAN_KIND_CLIENT: "client",
    Span.SPAN_KIND_PRODUCER: "producer",
    Span.SPAN_KIND_CONSUMER: "consumer",
}
_KIND_NUMBERS: Final = {name: number for number, name in _KINDS.items()}
_STATUSES: Final[dict[int, StatusCode]] = {Status.STATUS_CODE_OK: "ok", Status.STATUS_CODE_ERROR: "error"}
_STATUS_NUMBERS: Final = {name: number for number, name in _STATUSES.items()}


def spans_of(request: ExportTraceServiceRequest) -> Decoded[SpanRecord]:
    """Every span of a parsed request; spans of one resource share one dict of its attributes.

    Raises:
        MalformedBodyError: An id of the wrong length, or a time past 63 bits.
    """
    spans: Decoded[SpanRecord] = Decoded()
    for of_resource in request.resource_spans:
        resource = attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            scope = Scope(name=of_scope.scope.name, version=of_scope.scope.version)
            spans.extend(_span(span, resource, scope) for span in of_scope.spans)
    return spans


def _span(span: Span, resource: Attributes, scope: Scope) -> SpanRecord:
    return SpanRecord(
        trace_id=hex_id(span.trace_id, TRACE_ID_BYTES, "Span.traceId"),
        span_id=hex_id(span.span_id, SPAN_ID_BYTES, "Span.spanId"),
        parent_id=hex_id_or_nothing(span.parent_span_id, SPAN_ID_BYTES, "Span.parentSpanId"),
        name=span.name,
        kind=_KINDS.get(span.kind, "unspecified"),
        start_ns=nanoseconds(span.start_time_unix_nano, "Span.startTimeUnixNano"),
        end_ns=nanoseconds(span.end_time_unix_nano, "Span.endTimeUnixNano"),
        status=_STATUSES.get(span.status.code, "unset"),
        status_message=span.status.message,
        attributes=attributes(span.attributes),
        events=tuple(_event(event) for event in span.events) if span.events else (),
        links=tuple(_link(link) for link in span.links) if span.links else (),
        resource=resource,
        scope=scope,
        trace_state=span.trace_state,
        flags=span.flags,
    )


def _event(event: Span.Event) -> SpanEvent:
    return SpanEvent(
        name=event.name,
        time_ns=nanoseconds(event.time_unix_nano, "Event.timeUnixNano"),
        attributes=attributes(event.attributes),
    )


def _link(link: Span.Link) -> SpanLink:
    """A link may point nowhere: OpenTelemetry allows one which carries attributes alone."""
    return SpanLink(
        trace_id=hex_id_or_nothing(link.trace_id, TRACE_ID_BYTES, "Link.traceId"),
        span_id=hex_id_or_nothing(link.span_id, SPAN_ID_BYTES, "Link.spanId"),
        attributes=attributes(link.attributes),
    )


def traces_json(records: Iterable[SpanRecord]) -> dict[str, Any]:
    """One ExportTraceServiceRequest as OTLP JSON: hex ids, camelCase, 64-bit integers as text.

    Ready for `json.dumps`; any OTLP/HTTP receiver takes it. Spans are grouped by resource and scope, in order.
    """
    return {"resourceSpans": grouped_json(records, "scopeSpans", "spans", _json)}


def _json(span: SpanRecord) -> dict[str, Any]:
    """A span as JSON; what is empty is left out, as protobuf's mapping does."""
    data: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": text(span.name),
        "kind": _KIND_NUMBERS.get(span.kind, 0),
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
    }
    optional = {
        "parentSpanId": span.parent_id,
        "traceState": text(span.trace_state),
        "flags": span.flags,
        "attributes": attributes_json(span.attributes),
        "events": [_event_json(event) for event in span.events],
        "links": [_link_json(link) for link in span.links],
        "status": _status_json(span),
    }
    data.update((name, value) for name, value in optional.items() if value)
    return data


def _status_json(span: SpanRecord) -> dict[str, Any]:
    code = _STATUS_NUMBERS.get(span.status, 0)
    status = {"code": code} if code else {}
    return {**status, "message": text(span.status_message)} if span.status_message else status


def _event_json(event: SpanEvent) -> dict[str, Any]:
    return {
        "name": text(event.name),
        "timeUnixNano": str(event.time_ns),
        "attributes": attributes_json(event.attributes),
    }


def _link_json(link: SpanLink) -> dict[str, Any]:
    return {"traceId": link.trace_id, "spanId": link.span_id, "attributes": attributes_json(link.attributes)}
