"""`log_prediction` and `log_truth`: keep what a model said now, so that it can be judged when the truth arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight import _clock, _guard, sink
from stagelight.errors import RowError
from stagelight.sink import values
from stagelight.sink.aside import aside
from stagelight.sink.rows import Prediction, Receipt, Truth
from stagelight.stages import here

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from stagelight.sink.rows import Row

FAILED = "an error inside stagelight; its log says more"


def log_prediction(
    type: str,  # noqa: A002  the contract's name, and the rule file's
    *,
    score: float | None = None,
    decision: str = "",
    prediction_id: str = "",
    model_version: str = "",
    entity: str = "",
    features: Mapping[str, object] | None = None,
    observed_at: float | datetime | None = None,
) -> Receipt:
    """Keep what a model predicted, tied to the running trace, and say whether it is safe; never raises.

    Args:
        type: Which rule will judge it, as `churn`.
        score: The model's confidence.
        decision: What was decided on it.
        prediction_id: Twice the same id is one prediction; a fresh one, found in the receipt, if empty.
        model_version: The running stage's if empty.
        entity: Whom it is about; joins truth that does not know the prediction's id.
        features: What the model saw, by name, for drift: numbers, texts, lists; numpy's too.
        observed_at: When, as seconds since 1970 or an aware datetime; now if None.

    Returns:
        A receipt with the prediction's id: `stored` after the commit, `spooled` on disk, or `refused` with the reason.

    >>> log_prediction("churn", score=float("nan")).reason
    'score: found a number that is not finite, or too large'
    """

    def row() -> Prediction:
        at = here()
        return Prediction(
            prediction_id=values.text("prediction_id", prediction_id) or _clock.new_id(),
            type=values.text("type", type),
            model_version=values.text("model_version", model_version) or at.model_version,
            score=values.number("score", score),
            decision=values.text("decision", decision),
            entity=values.text("entity", entity),
            features=values.features(features),
            observed_at=values.moment(observed_at),
            trace_id=at.trace_id,
            span_id=at.span_id,
            tenant=at.tenant,
            workspace=at.workspace,
        )

    return _kept(row)


def log_truth(
    event: str,
    *,
    prediction_id: str = "",
    entity: str = "",
    value: float | None = None,
    label: str = "",
    observed_at: float | datetime | None = None,
    idempotency_key: str = "",
) -> Receipt:
    """Keep what really happened to a prediction or an entity, and say whether it is safe; never raises.

    A later truth about the same thing is a correction; both are kept.

    Args:
        event: What happened, as `cancelled`.
        prediction_id: The prediction it judges, where that is known.
        entity: Whom it happened to, where it is not.
        value: How much; true and false count as 1 and 0.
        label: Which class, where there are several.
        observed_at: When it happened, as seconds since 1970 or an aware datetime; now if None.
        idempotency_key: Twice the same key is one truth; a fresh one if empty.

    Returns:
        A receipt: `stored` after the commit, `spooled` on disk, or `refused` with the reason.

    >>> log_truth("cancelled").reason
    'a truth needs the prediction_id or the entity it is about'
    """

    def row() -> Truth:
        at = here()
        return Truth(
            truth_id=values.text("idempotency_key", idempotency_key) or _clock.new_id(),
            event=values.text("event", event),
            prediction_id=values.text("prediction_id", prediction_id),
            entity=values.text("entity", entity),
            value=values.number("value", value),
            label=values.text("label", label),
            observed_at=values.moment(observed_at),
            trace_id=at.trace_id,
            span_id=at.span_id,
            tenant=at.tenant,
            workspace=at.workspace,
        )

    return _kept(row)


alog_prediction = aside(log_prediction, "alog_prediction")
alog_truth = aside(log_truth, "alog_truth")


def _kept(row: Callable[[], Row]) -> Receipt:
    """Write what `row` makes; what it cannot make is refused with its sentence."""
    receipt: Receipt | None = None
    with _guard.guard("truth"):
        try:
            receipt = sink.write(row())
        except RowError as error:
            receipt = Receipt("refused", "", str(error))
    return receipt or Receipt("refused", "", FAILED)
