"""A span that is added to a trace which is elsewhere, over, or yet to arrive: what somebody said of it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from stagelight import _clock
from stagelight._guard import guard
from stagelight.stages import lifecycle
from stagelight.telemetry import clean, spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context


def leave(
    name: str,
    *,
    trace_id: str,
    attributes: Mapping[str, object],
    parent_id: str = "",
    sampled: bool | None = None,
    event: str = "",
    body: str = "",
) -> None:
    """Leave a finished span called `name` in the trace, and a log event beside it; never raises.

    It is recorded for the store and the trace file even where the trace is sampled out of export.

    Args:
        name: Of the span.
        trace_id: 32 hex digits.
        attributes: Of the span and of the event.
        parent_id: 16 hex digits; if empty the root of a trace that this process began, else a stand-in.
        sampled: Whether the trace is exported; as this process decides about it if None.
        event: Name of the log event; none if empty.
        body: What the log event says.
    """
    with guard("stages"):
        if spans.idle():
            return
        context = otel_context.set_value(spans.KEEP, True, _above(trace_id, parent_id, sampled))  # noqa: FBT003  a context value
        now = _clock.wall_ns()
        found = clean.attributes(attributes)
        span = spans.start(name, context=context, kind=SpanKind.INTERNAL, start_ns=now, attributes=found)
        span.end(now)
        if event:
            _send(event, body, found, otel_trace.set_span_in_context(span, context))


def stand_in(trace_id: str) -> str:
    """Return the id of a span above what is said of a trace whose spans nobody here knows; the same for the same trace."""
    return trace_id[:16] if trace_id[:16].strip("0") else trace_id[16:]


def _above(trace_id: str, parent_id: str, sampled: bool | None) -> Context:  # noqa: FBT001  three states
    """The context of a span of that trace, known by its ids alone."""
    begun = lifecycle.context_of(trace_id)
    if begun is not None:
        known = otel_trace.get_current_span(begun).get_span_context()
        sampled, parent_id = known.trace_flags.sampled, parent_id or f"{known.span_id:016x}"
    exported = _exported(int(trace_id, 16)) if sampled is None else sampled
    above = SpanContext(
        int(trace_id, 16),
        int(parent_id or stand_in(trace_id), 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if exported else TraceFlags.DEFAULT),
    )
    return otel_trace.set_span_in_context(NonRecordingSpan(above), otel_context.Context())


def _exported(trace_id: int) -> bool:
    """Whether this process would export a trace of that id: samplers by ratio decide by the id, here as elsewhere."""
    sampler = getattr(spans.tracer(), "sampler", None)
    if sampler is None:
        return True
    result = sampler.should_sample(otel_context.Context(), trace_id, "trace")
    return bool(result.decision.is_sampled())


def _send(event: str, body: str, attributes: Mapping[str, object], context: Context) -> None:
    """Send the log event with the ids of the span."""
    from stagelight.telemetry.logs import send_event  # the SDK's logs are slow to load

    token = otel_context.attach(context)
    try:
        send_event(event, body=body, attributes=attributes)
    finally:
        otel_context.detach(token)
