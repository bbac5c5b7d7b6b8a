"""Which trace is meant: by its id, a traceparent, a span, or the one that is running."""

from __future__ import annotations

import re
from typing import NamedTuple

from stagelight.errors import RowError

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


class Target(NamedTuple):
    """A span of a trace; the span's id is empty where the trace as a whole is meant."""

    trace_id: str
    span_id: str = ""


def target_of(value: object) -> Target:
    """Return what `value` points to.

    Args:
        value: A trace id (32 hex digits, as `start_trace` gives), a W3C traceparent, or a span of OpenTelemetry.

    Raises:
        RowError: It is none of these.

    >>> target_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").span_id
    'b7ad6b7169203331'
    """
    if isinstance(value, str):
        return _parsed(value)
    context_of = getattr(value, "get_span_context", None)
    context = context_of() if callable(context_of) else None
    if context is None:
        raise RowError(f"target: found a {type(value).__name__}, expected a trace id, a traceparent or a span")
    if not context.trace_id:
        raise RowError("target: this span belongs to no trace; is telemetry configured?")
    return Target(f"{context.trace_id:032x}", f"{context.span_id:016x}")


def _parsed(text: str) -> Target:
    folded = text.strip().lower()
    if _TRACE_ID.fullmatch(folded) and folded.strip("0"):
        return Target(folded)
    if (found := _TRACEPARENT.fullmatch(folded)) and found[1].strip("0"):
        return Target(found[1], found[2])
    raise RowError(f"target: found {text[:60]!r}, expected 32 hex digits, a traceparent or a span")
