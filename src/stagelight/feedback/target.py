"""Whose answer is meant: a trace by its id, a traceparent or a span; a prediction or decision; or what is running."""

from __future__ import annotations

import re
from typing import NamedTuple

from stagelight.errors import RowError
from stagelight.sink.rows import Decision, Prediction

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class Target(NamedTuple):
    """A span of a trace; the span's id is empty where the trace as a whole is meant."""

    trace_id: str
    span_id: str = ""
    prediction_id: str = ""
    decision_id: str = ""
    model_version: str = ""
    sampled: bool | None = None  #: Whether the trace is exported; None where nobody said.


def target_of(value: object) -> Target:
    """Return what `value` points to.

    Args:
        value: A trace id (32 hex digits, as `start_trace` gives), a W3C traceparent, a span of OpenTelemetry, the block
            of `with trace(…) as block`, or a prediction or decision as it was logged.

    Raises:
        RowError: It is none of these.

    >>> target_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").span_id
    'b7ad6b7169203331'
    """
    if isinstance(value, str):
        return _parsed(value)
    if isinstance(value, Prediction):
        return Target(value.trace_id, value.span_id, value.prediction_id, model_version=value.model_version)
    if isinstance(value, Decision):
        return Target(value.trace_id, value.span_id, value.prediction_id, value.decision_id)
    context_of = getattr(value, "get_span_context", None)
    context = context_of() if callable(context_of) else None
    if context is None:
        return _named(value)
    if not context.trace_id:
        raise RowError("target: this span belongs to no trace; is telemetry configured?")
    return Target(f"{context.trace_id:032x}", f"{context.span_id:016x}", sampled=bool(context.trace_flags & 1))


def _named(value: object) -> Target:
    """Of an object that says its trace's id, as a block or a remembered context does."""
    found = getattr(value, "trace_id", None)
    if isinstance(found, str) and _TRACE_ID.fullmatch(found):
        span_id = getattr(value, "span_id", None)
        return Target(found, span_id if isinstance(span_id, str) and _SPAN_ID.fullmatch(span_id) else "")
    raise RowError(f"target: found a {type(value).__name__}, expected a trace id, a traceparent or a span")


def _parsed(text: str) -> Target:
    folded = text.strip().lower()
    if _TRACE_ID.fullmatch(folded) and folded.strip("0"):
        return Target(folded)
    if (found := _TRACEPARENT.fullmatch(folded)) and found[1].strip("0"):
        span_id = found[2] if found[2].strip("0") else ""
        return Target(found[1], span_id, sampled=bool(int(found[3], 16) & 1))
    raise RowError(f"target: found {text[:60]!r}, expected 32 hex digits, a traceparent or a span")
