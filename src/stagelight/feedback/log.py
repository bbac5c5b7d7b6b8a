"""`log_feedback`: keep what a user said or did, tied to the trace it is about."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from stagelight import _guard, sink
from stagelight.errors import RowError, StoreError
from stagelight.feedback import after, rewards
from stagelight.feedback.said import About, Place, Said, row_of
from stagelight.feedback.target import Target
from stagelight.sink import hurry, recent
from stagelight.sink.aside import aside
from stagelight.sink.rows import Feedback, Receipt
from stagelight.stages import here
from stagelight.stages.context import pseudonym
from stagelight.store import current as stores
from stagelight.telemetry.current import current

if TYPE_CHECKING:
    from datetime import datetime

    from stagelight.feedback.rewards import Rewards
    from stagelight.sink.recent import Made
    from stagelight.sink.rows import Row, Signal, Source
    from stagelight.stages import Here


def log_feedback(
    target: object = None,
    *,
    rating: float | None = None,
    thumbs: bool | str | None = None,
    score: float | None = None,
    comment: str = "",
    label: str = "",
    signal: Signal | None = None,
    value: float | None = None,
    reward: float | None = None,
    prediction_id: str = "",
    decision_id: str = "",
    user: str = "",
    source: Source = "human",
    idempotency_key: str = "",
    observed_at: float | datetime | None = None,
    model_version: str = "",
) -> Receipt:
    """Keep what a user said of an answer, or did after it, and say whether it is safe; never raises.

    It is committed first; then it shows in the judged trace as a span called `feedback`, also where that trace was sampled
    out of export or has yet to arrive. It waits a second at most for others that are writing to the same store.

    Args:
        target: Whose answer: a trace id, a traceparent, a span, the block of `with trace(…)`, or a prediction or decision;
            the running trace if None and no id is given below.
        rating: 1 to 5.
        thumbs: True or "up", False or "down".
        score: 0 to 1, as a model or a rule gives it.
        comment: What the user wrote; alone, or beside a rating or thumbs.
        label: What the answer should have been called.
        signal: For what users do rather than say: requery, skip, accept, click or share.
        value: What the signal carries, as a position or seconds.
        reward: What a router learns from it, clipped to 0 to 1; by the table of rewards if None.
        prediction_id: The prediction it is about; its trace is found by it.
        decision_id: The router's decision it judges; its trace is found by it.
        user: Who judges; a pseudonym of it is kept where `STAGELIGHT_USER_ID_KEY` is set. The running stage's if empty.
        source: What kind of judge: human, model, rule, policy or compliance.
        idempotency_key: Twice the same key is one feedback; a fresh one if empty.
        observed_at: When, as seconds since 1970 or an aware datetime; now if None.
        model_version: Of the model judged; the prediction's or the running stage's if empty.

    Returns:
        A receipt: `stored` after the commit (`duplicate` where the key was there before); `spooled` on disk while the
        store or the server is away, and committed, shown and counted when it is back; or `refused` with the reason in one
        sentence.

    >>> log_feedback("0af7651916cd43dd8448eb211c80319c", rating=6).reason
    'rating: found 6.0, expected 1 to 5'
    """
    receipt: Receipt | None = None
    with _guard.guard("feedback"), hurry.hurrying():
        said = Said(
            rating=rating,
            thumbs=thumbs,
            score=score,
            comment=comment,
            label=label,
            signal=signal,
            value=value,
            reward=reward,
            user=user,
            source=source,
        )
        about = About(
            target=target,
            prediction_id=prediction_id,
            decision_id=decision_id,
            model_version=model_version,
            idempotency_key=idempotency_key,
            observed_at=observed_at,
        )
        receipt = _kept(said, about)
    return receipt or Receipt("refused", "", "an error inside stagelight; its log says more")


alog_feedback = aside(log_feedback, "alog_feedback")


def _kept(said: Said, about: About) -> Receipt:
    try:
        row, target = row_of(said, about, _place(here()))
    except RowError as error:
        return Receipt("refused", "", str(error))
    receipt = sink.write(row)
    told(row, receipt, sampled=target.sampled)
    return receipt


def told(row: Row, receipt: Receipt, *, sampled: bool | None = None) -> None:
    """Show and count `row` where `receipt` says that it has just become part of the store; never raises.

    One that waits in the spool is told of when it leaves it: until then nobody knows whether it is a duplicate.
    """
    if isinstance(row, Feedback) and receipt.status == "stored" and not receipt.duplicate:
        _guard.attempt("feedback", _tell, row, sampled)


def _tell(row: Feedback, sampled: bool | None) -> None:  # noqa: FBT001  three states
    after.tell(row, sampled=sampled, parent_id="" if row.span_id else _root(row.trace_id))


def _place(at: Here) -> Place:
    return Place(
        tenant=at.tenant,
        workspace=at.workspace,
        rewards=_rewards(),
        running=Target(at.trace_id, at.span_id, model_version=at.model_version),
        user=at.user,
        pseudonym=pseudonym,
        find=lambda prediction_id, decision_id: _found(at, prediction_id, decision_id),
    )


def _rewards() -> Rewards:
    telemetry = current()
    return rewards.table(telemetry.settings.rewards if telemetry else ())


def _found(at: Here, prediction_id: str, decision_id: str) -> Target | None:
    """Where the prediction or the decision was made, as far as this process or its store knows."""
    made: Made | None = None
    if decision_id:
        made = recent.decision(at.tenant, at.workspace, decision_id)
    if made is None and prediction_id:
        made = recent.prediction(at.tenant, at.workspace, prediction_id)
    store = stores.current()
    if made is None and store is not None:
        with suppress(StoreError):  # what it cannot say now, it finds by itself when the row arrives
            made = store.opinions.made(at.tenant, at.workspace, prediction_id=prediction_id, decision_id=decision_id)
    return Target(made.trace_id, made.span_id, model_version=made.model_version) if made else None


def _root(trace_id: str) -> str:
    """The id of the trace's root span, where there is a store here that has it."""
    store = stores.current()
    if store is None or not trace_id:
        return ""
    with suppress(StoreError):
        return store.opinions.root_of(trace_id)
    return ""
