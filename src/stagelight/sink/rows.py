"""What an application tells us besides traces: what it predicted, chose and heard, and what turned out to be true.

Every row carries an id that makes writing it twice harmless, the trace it belongs to, and whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Source = Literal["human", "model", "rule", "policy", "compliance"]
ExplicitSignal = Literal["rating", "thumbs", "comment", "label", "score"]
ImplicitSignal = Literal["requery", "skip", "accept", "click", "share"]
Signal: TypeAlias = "ExplicitSignal | ImplicitSignal"
FeedbackKind = Literal["explicit", "implicit"]
Sentiment = Literal["", "positive", "neutral", "negative"]

#: The reason in the receipt of a row whose id was there before.
DUPLICATE: Final = "a duplicate: this id was kept before, and the first one counts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a model said, and when."""

    prediction_id: str
    type: str  #: Names the truth rule that will judge it, as `churn`.
    model_version: str = ""
    score: float | None = None  #: The model's confidence, finite.
    decision: str = ""
    entity: str = ""  #: Whom it is about; joins truth that does not know the prediction's id.
    features: Mapping[str, object] = field(default_factory=dict)
    observed_at: float  #: Seconds since 1970, UTC.
    trace_id: str = ""
    span_id: str = ""
    tenant: str = "default"
    workspace: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a user said of an answer, or did after it."""

    feedback_id: str  #: The idempotency key where one was given.
    kind: FeedbackKind
    signal: Signal
    value: float | None = None  #: Rating 1–5; thumbs 1 or 0; score 0–1; else what the signal carries.
    reward: float | None = None  #: 0 to 1, what a router learns from it; None teaches nothing, which is not 0.
    comment: str = ""
    sentiment: Sentiment = ""  #: Of the comment; empty: nobody looked, or could tell.
    label: str = ""
    source: Source = "human"
    user: str = ""  #: Who said it, as HMAC where a key is set; one vote each where votes are public.
    prediction_id: str = ""
    decision_id: str = ""  #: The routing decision it judges; found by the trace if empty.
    model_version: str = ""
    observed_at: float  #: Seconds since 1970, UTC.
    trace_id: str = ""
    span_id: str = ""
    tenant: str = "default"
    workspace: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Which arm a router chose, out of which, and how likely that was: all that learning from it needs."""

    decision_id: str
    router: str = "default"
    policy: str = ""  #: Name of the policy, as `discounted_thompson`.
    policy_version: int = 0  #: Of the state that decided.
    arm: str
    propensity: float = 1.0  #: Probability with which the arm was chosen, over 0 and at most 1.
    eligible: tuple[str, ...] = ()  #: The arms there were to choose from.
    context: tuple[float, ...] = ()  #: What the policy saw of the request.
    prediction_id: str = ""
    observed_at: float  #: Seconds since 1970, UTC.
    trace_id: str = ""
    span_id: str = ""
    tenant: str = "default"
    workspace: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What really happened; later rows about the same thing are corrections, none is overwritten."""

    truth_id: str  #: The idempotency key where one was given.
    event: str  #: Kind of event, as `cancelled`.
    prediction_id: str = ""
    entity: str = ""
    value: float | None = None
    label: str = ""
    observed_at: float  #: When it happened, seconds since 1970, UTC.
    trace_id: str = ""
    span_id: str = ""
    tenant: str = "default"
    workspace: str = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryFeedback:
    """How well a whole trajectory did: a reward for the arm that was chosen in it, and out of which parts it is made."""

    trace_id: str
    reward: float  #: 0 to 1.
    decision_id: str = ""  #: The routing decision it judges; found by the trace if empty.
    prediction_id: str = ""
    score_parts: Mapping[str, float] = field(default_factory=dict)  #: Name of a part to its score, 0 to 1.
    source: Source = "model"
    feedback_id: str = ""  #: The idempotency key; a fresh one if empty.
    observed_at: float = 0.0  #: Seconds since 1970, UTC; 0 is now.
    tenant: str = ""  #: The running stage's if empty.
    workspace: str = ""


Row: TypeAlias = "Prediction | Feedback | Decision | Truth"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a row."""

    status: Literal["stored", "spooled", "refused"]
    id: str
    reason: str = ""  #: Why it was spooled or refused, or that it was a duplicate.

    @property
    def accepted(self) -> bool:
        """Whether the row is safe: committed, or on disk and on its way."""
        return self.status != "refused"

    @property
    def duplicate(self) -> bool:
        """Whether a row of this id was there before, so that this one changed nothing."""
        return self.reason == DUPLICATE


class Sink(Protocol):
    """Where rows are committed."""

    def write(self, rows: Sequence[Row]) -> list[Receipt]:
        """Commit `rows`, all or none, and return a receipt each; the same id again is accepted and changes nothing.

        Raises:
            Exception: The sink cannot be reached; the caller turns it into a receipt.
        """
        ...
