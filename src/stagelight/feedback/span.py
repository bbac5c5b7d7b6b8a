"""A feedback as a span of the trace it judges, in OpenTelemetry's words for evaluations."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from stagelight.stages import names, redact
from stagelight.stages.afterwards import stand_in
from stagelight.wire import conventions
from stagelight.wire.records import Scope, SpanRecord

if TYPE_CHECKING:
    from stagelight.sink.rows import Feedback
    from stagelight.wire.records import Value

NAME: Final = "feedback"


def attributes_of(row: Feedback, *, capture: bool) -> dict[str, Value]:
    """Return what the span says; what the user wrote only where `capture` allows it, without what looks like a secret."""
    score = row.reward if row.value is None else row.value
    found: dict[str, Value] = {
        conventions.OPENINFERENCE_SPAN_KIND: "EVALUATOR",
        conventions.GEN_AI_EVALUATION_NAME: row.signal,
        conventions.GEN_AI_EVALUATION_SCORE_VALUE: score,
        conventions.GEN_AI_EVALUATION_SCORE_LABEL: _label(row),
        conventions.GEN_AI_EVALUATION_EXPLANATION: redact.text(row.comment, limit=redact.MAX_TEXT) if capture else "",
        conventions.FEEDBACK_ID: row.feedback_id,
        conventions.FEEDBACK_KIND: row.kind,
        conventions.FEEDBACK_SOURCE: row.source,
        conventions.FEEDBACK_REWARD: row.reward,
        names.TENANT: row.tenant,
        names.WORKSPACE: row.workspace,
        names.MODEL_VERSION: row.model_version,
    }
    return {name: value for name, value in found.items() if value not in (None, "")}


def _label(row: Feedback) -> str:
    if row.label:
        return row.label
    if row.signal == "thumbs":
        return "up" if row.value else "down"
    return row.sentiment if row.signal == "comment" else ""


def sentence(row: Feedback) -> str:
    """Return what the log event says, without what the user wrote.

    >>> from stagelight.sink.rows import Feedback
    >>> sentence(Feedback(feedback_id="f", kind="explicit", signal="rating", value=4, observed_at=0.0))
    'feedback: rating 4'
    """
    amount = "" if row.value is None else f" {row.value:g}"
    return f"feedback: {row.signal}{amount}"


def record_of(row: Feedback, *, capture: bool, now_ns: int, parent_id: str = "") -> SpanRecord:
    """Return the span as a record, for a server that keeps it in its own store; the same feedback gives the same span."""
    return SpanRecord(
        trace_id=row.trace_id,
        span_id=_span_id(row),
        parent_id=parent_id or row.span_id or stand_in(row.trace_id),
        name=NAME,
        start_ns=now_ns,
        end_ns=now_ns,
        attributes=attributes_of(row, capture=capture),
        resource={conventions.SERVICE_NAME: "stagelight"},
        scope=Scope(name="stagelight"),
    )


def _span_id(row: Feedback) -> str:
    said = f"{row.tenant}\0{row.workspace}\0{row.feedback_id}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]
