"""What follows once a feedback is safe: its span in the judged trace, its log event, its place in the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight import _guard
from stagelight.catalogue.feedback import FEEDBACK, FEEDBACK_SENTIMENT
from stagelight.feedback.span import NAME, attributes_of, sentence
from stagelight.stages.afterwards import leave
from stagelight.telemetry.current import current
from stagelight.telemetry.instruments import counter
from stagelight.wire.conventions import GEN_AI_EVALUATION_RESULT

if TYPE_CHECKING:
    from stagelight.sink.rows import Feedback


def tell(row: Feedback, *, parent_id: str = "", sampled: bool | None = None) -> None:
    """Tell telemetry of `row`, which the store has taken as new; never raises.

    Args:
        row: As it was committed.
        parent_id: The span it hangs under, where the row names none.
        sampled: Whether the judged trace is exported, where that is known.
    """
    telemetry = current()
    if row.trace_id:
        leave(
            NAME,
            trace_id=row.trace_id,
            parent_id=row.span_id or parent_id,
            attributes=attributes_of(row, capture=bool(telemetry and telemetry.settings.capture_arguments)),
            sampled=sampled,
            event=GEN_AI_EVALUATION_RESULT,
            body=sentence(row),
        )
    count(row)


def count(row: Feedback) -> None:
    """Count `row` in the metrics; never raises."""
    with _guard.guard("feedback"):
        counter(FEEDBACK).labels(kind=row.kind, signal=row.signal, model_version=row.model_version).inc()
        if row.comment:
            heard = row.sentiment or "unknown"
            counter(FEEDBACK_SENTIMENT).labels(sentiment=heard, model_version=row.model_version).inc()
