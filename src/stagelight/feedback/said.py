"""What was said and of what, as given by a caller or a request, into a row of feedback."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stagelight import _clock
from stagelight.errors import RowError
from stagelight.feedback import rewards, sentiment
from stagelight.feedback.target import Target, target_of
from stagelight.sink import values
from stagelight.sink.checks import EXPLICIT, checked
from stagelight.sink.rows import Feedback

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagelight.feedback.rewards import Rewards
    from stagelight.sink.rows import Signal

UP = ("up", "1", "true", "+1")
DOWN = ("down", "0", "false", "-1")
NOWHERE = Target("")
VALUED = ("rating", "thumbs", "score", "signal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The judge's part, as given."""

    rating: object = None
    thumbs: object = None
    score: object = None
    comment: object = None
    label: object = None
    signal: object = None
    value: object = None
    reward: object = None
    user: object = None
    source: object = "human"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What it is about, as given."""

    target: object = None
    prediction_id: object = None
    decision_id: object = None
    model_version: object = None
    idempotency_key: object = None
    observed_at: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose feedback it becomes, and what is known where it is given."""

    tenant: str
    workspace: str
    rewards: Rewards
    running: Target = NOWHERE  #: What is meant where nothing is named.
    user: str = ""  #: Who judges where nobody is named.
    pseudonym: Callable[[str], str] = str
    find: Callable[[str, str], Target | None] = lambda _prediction_id, _decision_id: None  #: Where those were made.


def row_of(said: Said, about: About, place: Place) -> tuple[Feedback, Target]:
    """Return the feedback as a row, checked, and the span that it is about.

    Raises:
        RowError: It makes no sense; the message is one sentence that says what was found and what was expected.
    """
    target = _target(about, place)
    signal, value = _signal(said)
    comment = values.text("comment", said.comment)
    user = values.text("user", said.user)
    row = Feedback(
        feedback_id=values.text("idempotency_key", about.idempotency_key) or _clock.new_id(),
        kind="explicit" if signal in EXPLICIT else "implicit",
        signal=signal,
        value=value,
        comment=comment,
        sentiment=sentiment.of(comment),
        label=values.text("label", said.label),
        source=said.source,  # type: ignore[arg-type]  # refused below where it is any other
        user=place.pseudonym(user) if user else place.user,
        prediction_id=values.text("prediction_id", about.prediction_id) or target.prediction_id,
        decision_id=values.text("decision_id", about.decision_id) or target.decision_id,
        model_version=values.text("model_version", about.model_version) or target.model_version,
        observed_at=values.moment(about.observed_at),
        trace_id=target.trace_id,
        span_id=target.span_id,
        tenant=place.tenant,
        workspace=place.workspace,
    )
    checked(row)
    return _rewarded(row, said.reward, place.rewards), target


def _rewarded(row: Feedback, told: object, table: Rewards) -> Feedback:
    """The row with its reward: the judge's own, clipped, else the table's."""
    given = values.number("reward", told)
    reward = table.of(row.signal, row.value, row.sentiment) if given is None else rewards.clipped(given)
    return replace(row, reward=reward)


def _target(about: About, place: Place) -> Target:
    if about.target is not None:
        return target_of(about.target)
    prediction_id = values.text("prediction_id", about.prediction_id)
    decision_id = values.text("decision_id", about.decision_id)
    if prediction_id or decision_id:
        # Not the running trace: whoever judges a prediction by its id does so in a request of its own.
        return place.find(prediction_id, decision_id) or NOWHERE
    return place.running


def _signal(said: Said) -> tuple[Signal, float | None]:
    """Which signal this is, and its value; the row's own check looks at both.

    Raises:
        RowError: Nothing was said, or two things at once.
    """
    given = [name for name in VALUED if getattr(said, name) is not None]
    if len(given) > 1:
        raise RowError(f"{' and '.join(given)} at once: one feedback says one thing; log two")
    if said.value is not None and given != ["signal"]:
        raise RowError("value goes with signal; a rating, thumbs or score is its own value")
    if said.signal is not None:
        return _named(said.signal), values.number("value", said.value)
    if said.thumbs is not None:
        return "thumbs", _thumbs(said.thumbs)
    if said.rating is not None:
        return "rating", _amount("rating", said.rating, "1 to 5")
    if said.score is not None:
        return "score", _amount("score", said.score, "0 to 1")
    if said.label or said.comment:
        return ("label" if said.label else "comment"), None
    raise RowError("what did the user say or do? give rating, thumbs, score, comment, label or signal")


def _named(signal: object) -> Any:
    return values.text("signal", signal)


def _amount(name: str, value: object, expected: str) -> float | None:
    if isinstance(value, bool):
        raise RowError(f"{name}: found true or false, expected {expected}; is it thumbs?")
    return values.number(name, value)


def _thumbs(value: object) -> float:
    folded = str(value).lower() if isinstance(value, str | int | bool) else ""
    if folded in UP or folded in DOWN:
        return float(folded in UP)
    raise RowError(f"thumbs: found {folded[:40]!r}, expected True, False, 'up' or 'down'")
