"""A span of the SDK as a plain record."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind as OtelKind
from opentelemetry.trace import StatusCode as OtelStatus

from stagelight.telemetry import clean
from stagelight.wire.records import Scope, SpanEvent, SpanLink, SpanRecord

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from stagelight.wire.records import SpanKind, StatusCode, Value

MAX_DEPTH = 20  #: Lists and objects nested deeper than this become text.

_KINDS: dict[OtelKind, SpanKind] = {
    OtelKind.INTERNAL: "internal",
    OtelKind.SERVER: "server",
    OtelKind.CLIENT: "client",
    OtelKind.PRODUCER: "producer",
    OtelKind.CONSUMER: "consumer",
}
_STATUSES: dict[OtelStatus, StatusCode] = {OtelStatus.UNSET: "unset", OtelStatus.OK: "ok", OtelStatus.ERROR: "error"}


def record(span: ReadableSpan) -> SpanRecord:
    """Return `span`, which has ended, as a record that the store, the trace file and the tests understand."""
    context = span.get_span_context()
    if context is None:
        raise ValueError(f"the span {span.name!r} has no context")
    start_ns = span.start_time or 0
    scope = span.instrumentation_scope
    return SpanRecord(
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        parent_id=f"{span.parent.span_id:016x}" if span.parent else "",
        name=clean.text(span.name),
        kind=_KINDS.get(span.kind, "unspecified"),
        start_ns=start_ns,
        end_ns=max(start_ns, span.end_time or start_ns),
        status=_STATUSES[span.status.status_code],
        status_message=clean.text(span.status.description or ""),
        attributes=values(span.attributes),
        events=tuple(
            SpanEvent(name=clean.text(e.name), time_ns=e.timestamp, attributes=values(e.attributes))
            for e in span.events
        ),
        links=tuple(
            SpanLink(
                trace_id=f"{k.context.trace_id:032x}",
                span_id=f"{k.context.span_id:016x}",
                attributes=values(k.attributes),
            )
            for k in span.links
        ),
        resource=values(span.resource.attributes),
        scope=Scope(name=clean.text(scope.name), version=clean.text(scope.version or "")) if scope else Scope(),
        trace_state=clean.text(context.trace_state.to_header()),
        flags=int(context.trace_flags),
    )


def values(attributes: Mapping[str, object] | None) -> dict[str, Value]:
    """Return attributes as JSON's values: bytes as base64 text, numbers that are not finite as text."""
    return {clean.text(key): value(item) for key, item in (attributes or {}).items()}


def value(item: object, depth: int = 0) -> Value:
    """Return one attribute's value as JSON has it."""
    if item is None or isinstance(item, bool):
        return item
    if isinstance(item, int | float):
        return item if math.isfinite(item) else str(item)
    if isinstance(item, bytes):
        return base64.b64encode(item).decode("ascii")
    if depth < MAX_DEPTH and isinstance(item, Mapping):
        return {clean.text(key): value(inner, depth + 1) for key, inner in item.items()}
    if depth < MAX_DEPTH and isinstance(item, Sequence) and not isinstance(item, str):
        return [value(inner, depth + 1) for inner in item]
    return clean.text(item)
