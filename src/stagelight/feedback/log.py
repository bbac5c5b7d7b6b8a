"""`log_feedback`: keep what a user said or did, tied to the trace it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from stagelight import _clock, _guard, sink
from stagelight.catalogue.feedback import FEEDBACK
from stagelight.errors import RowError
from stagelight.feedback.target import Target, target_of
from stagelight.sink import values
from stagelight.sink.aside import aside
from stagelight.sink.codec import EXPLICIT
from stagelight.sink.rows import Feedback, Receipt
from stagelight.stages import here
from stagelight.telemetry.instruments import counter

if TYPE_CHECKING:
    from datetime import datetime

    from stagelight.sink.rows import Signal, Source

UP = ("up", "1", "true", "+1")
DOWN = ("down", "0", "false", "-1")


def log_feedback(
    target: object = None,
    *,
    rating: float | None = None,
    thumbs: bool | str | None = None,
    comment: str = "",
    label: str = "",
    signal: Signal | None = None,
    value: float | None = None,
    prediction_id: str = "",
    source: Source = "human",
    idempotency_key: str = "",
    observed_at: float | datetime | None = None,
    model_version: str = "",
) -> Receipt:
    """Keep what a user said of an answer, or did after it, and say whether it is safe; never raises.

    Args:
        target: Whose answer: a trace id, a traceparent or a span; the running trace if None.
        rating: 1 to 5.
        thumbs: True or "up", False or "down".
        comment: What the user wrote; alone, or beside a rating or thumbs.
        label: What the answer should have been called.
        signal: For what users do rather than say: requery, skip, accept, click or share.
        value: What the signal carries, as a position or seconds.
        prediction_id: The prediction it is about, where there were several.
        source: Who judges: human, model, rule, policy or compliance.
        idempotency_key: Twice the same key is one feedback; a fresh one if empty.
        observed_at: When, as seconds since 1970 or an aware datetime; now if None.
        model_version: Of the model judged; the running stage's if empty and `target` is None.

    Returns:
        A receipt: `stored` after the commit, `spooled` on disk, or `refused` with the reason in one sentence.

    >>> log_feedback("0af7651916cd43dd8448eb211c80319c", rating=6).reason
    'rating: found 6.0, expected 1 to 5'
    """
    receipt: Receipt | None = None
    with _guard.guard("feedback"):
        said = _Said(rating, thumbs, comment, label, signal, value)
        about = _About(target, prediction_id, source, idempotency_key, observed_at, model_version)
        receipt = _kept(said, about)
    return receipt or Receipt("refused", "", "an error inside stagelight; its log says more")


alog_feedback = aside(log_feedback, "alog_feedback")


class _Said(NamedTuple):
    """The user's part, as given."""

    rating: object
    thumbs: object
    comment: object
    label: object
    signal: object
    value: object


class _About(NamedTuple):
    """What it is about, as given."""

    target: object
    prediction_id: object
    source: object
    idempotency_key: object
    observed_at: object
    model_version: object


def _kept(said: _Said, about: _About) -> Receipt:
    try:
        row = _row(said, about)
    except RowError as error:
        return Receipt("refused", "", str(error))
    receipt = sink.write(row)
    if receipt.accepted:
        counter(FEEDBACK).labels(kind=row.kind, signal=row.signal, model_version=row.model_version).inc()
    return receipt


def _row(said: _Said, about: _About) -> Feedback:
    at = here()
    running = Target(at.trace_id, at.span_id)
    target = running if about.target is None else target_of(about.target)
    signal, value = _signal(said)
    return Feedback(
        feedback_id=values.text("idempotency_key", about.idempotency_key) or _clock.new_id(),
        kind="explicit" if signal in EXPLICIT else "implicit",
        signal=signal,
        value=value,
        comment=values.text("comment", said.comment),
        label=values.text("label", said.label),
        source=about.source,  # type: ignore[arg-type]  # the sink refuses any other
        prediction_id=values.text("prediction_id", about.prediction_id),
        # Another trace's answer may come from another model than the one that is running here.
        model_version=values.text("model_version", about.model_version)
        or (at.model_version if target.trace_id == running.trace_id else ""),
        observed_at=values.moment(about.observed_at),
        trace_id=target.trace_id,
        span_id=target.span_id,
        tenant=at.tenant,
        workspace=at.workspace,
    )


def _signal(said: _Said) -> tuple[Any, float | None]:
    """Which signal this is, and its value; the sink checks both.

    Raises:
        RowError: Nothing was said, or two things at once.
    """
    given = [name for name in ("rating", "thumbs", "signal") if getattr(said, name) is not None]
    if len(given) > 1:
        raise RowError(f"{' and '.join(given)} at once: one feedback says one thing; log two")
    if said.value is not None and given != ["signal"]:
        raise RowError("value goes with signal; a rating or thumbs is its own value")
    if said.rating is not None:
        if isinstance(said.rating, bool):
            raise RowError("rating: found true or false, expected 1 to 5; is it thumbs?")
        return "rating", values.number("rating", said.rating)
    if said.thumbs is not None:
        return "thumbs", _thumbs(said.thumbs)
    if said.signal is not None:
        return values.text("signal", said.signal), values.number("value", said.value)
    if said.label or said.comment:
        return ("label" if said.label else "comment"), None
    raise RowError("what did the user say or do? give rating, thumbs, comment, label or signal")


def _thumbs(value: object) -> float:
    folded = str(value).lower() if isinstance(value, str | int | bool) else ""
    if folded in UP or folded in DOWN:
        return float(folded in UP)
    raise RowError(f"thumbs: found {folded[:40]!r}, expected True, False, 'up' or 'down'")
