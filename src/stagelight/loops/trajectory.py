"""A finished trajectory, as its spans tell it, and the table by which it is scored. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from stagelight.wire import conventions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stagelight.config import Settings
    from stagelight.wire.records import SpanRecord, Tenancy

    Score = Callable[["Trajectory", Settings], float | None]

#: Attributes that say outright how it went, the first one present wins: a word of the table below, or a number 0 to 1.
OUTCOME_ATTRIBUTES = ("stagelight.trajectory.outcome", "final_decision")
OUTCOMES: Mapping[str, float] = {
    "ok": 1.0,
    "success": 1.0,
    "accepted": 1.0,
    "validated": 1.0,
    "ml_validated": 1.0,
    "partial": 0.5,
    "fallback": 0.5,
    "rejected": 0.0,
    "failed": 0.0,
    "error": 0.0,
}
SPENT = 3.0  #: Times its budget, at which the score of what was spent reaches 0.


class Routed(NamedTuple):
    """A router's decision within a trajectory."""

    router: str
    decision_id: str
    owner: Tenancy | None = None  #: Whose row it is, where that was read; the trajectory's owner if None.


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One request from its first stage to its last."""

    trace_id: str
    owner: Tenancy
    decisions: tuple[Routed, ...]  #: What is judged by its score.
    seconds: float  #: From the root's start to its end.
    stages: int
    failed_stages: int
    failed: bool  #: Whether the root itself failed.
    tokens: int | None  #: None where no stage says.
    cost: float | None  #: None where no stage says.
    outcome: float | None  #: As the program said outright, 0 to 1; None where it did not.
    spans: Sequence[SpanRecord]  #: All of it, for a scorer of one's own.


class Part(NamedTuple):
    """One row of the scoring table."""

    name: str
    weight: float
    score: Score  #: 0 to 1; None where the trajectory does not say, which counts neither for nor against it.
    help: str


def _errors(found: Trajectory, _settings: Settings) -> float:
    return 0.0 if found.failed else 1.0 - found.failed_stages / max(1, found.stages)


def _latency(found: Trajectory, settings: Settings) -> float | None:
    return spent(found.seconds, settings.trajectory_latency_budget_seconds)


def _tokens(found: Trajectory, settings: Settings) -> float | None:
    return spent(found.tokens, settings.trajectory_token_budget)


def _cost(found: Trajectory, settings: Settings) -> float | None:
    return spent(found.cost, settings.trajectory_cost_budget)


#: The score is the mean of what is known, by weight.
SCORING: tuple[Part, ...] = (
    Part("outcome", 4.0, lambda found, _: found.outcome, "what the program said of the whole"),
    Part("errors", 3.0, _errors, "the share of stages that did not fail; 0 where the root failed"),
    Part("latency", 2.0, _latency, "1 within STAGELIGHT_TRAJECTORY_LATENCY_BUDGET_SECONDS, 0 at three times that"),
    Part("tokens", 1.0, _tokens, "as latency, by STAGELIGHT_TRAJECTORY_TOKEN_BUDGET"),
    Part("cost", 1.0, _cost, "as latency, by STAGELIGHT_TRAJECTORY_COST_BUDGET"),
)


def spent(amount: float | None, budget: float) -> float | None:
    """Return 1 where `amount` is within `budget`, less beyond it, 0 from three times it; None where either is unknown.

    >>> spent(2.0, 2.0), spent(4.0, 2.0), spent(9.0, 2.0), spent(None, 2.0), spent(4.0, 0.0)
    (1.0, 0.5, 0.0, None, None)
    """
    if amount is None or budget <= 0:
        return None
    return min(1.0, max(0.0, (SPENT - amount / budget) / (SPENT - 1.0)))


def score(found: Trajectory, settings: Settings) -> dict[str, float]:
    """Return the score of each part of the table that the trajectory says something about."""
    known = ((part.name, part.score(found, settings)) for part in SCORING)
    return {name: value for name, value in known if value is not None}


def reward(parts: Mapping[str, float]) -> float | None:
    """Return the mean of `parts` by the table's weights, 1 for a part that is not in it; None where there is none."""
    weights = {part.name: part.weight for part in SCORING}
    total = sum(weights.get(name, 1.0) for name in parts)
    return sum(weights.get(name, 1.0) * value for name, value in parts.items()) / total if total else None


def trajectory_of(spans: Sequence[SpanRecord], logged: Iterable[Routed] = ()) -> Trajectory | None:
    """Return what a trace's spans tell; None where its root has not ended yet, or no router decided anything in it.

    Args:
        spans: All of it.
        logged: Decisions that the log has of it, besides those that its spans name.
    """
    work = [span for span in spans if not conventions.is_feedback(span.attributes)]
    root = root_of(spans)
    named = (decision for span in work for decision in decisions_of(span))
    routed = {decision.decision_id: decision for decision in (*named, *logged)}
    if root is None or not routed:
        return None
    used = [conventions.usage(span.attributes) for span in work]
    tokens = [each.total_tokens for each in used if each.total_tokens is not None]
    costs = [each.cost for each in used if each.cost is not None]
    return Trajectory(
        trace_id=root.trace_id,
        owner=root.tenancy,
        decisions=tuple(routed.values()),
        seconds=root.duration_ns / 1e9,
        stages=len(work),
        failed_stages=sum(span.status == "error" for span in work),
        failed=root.status == "error",
        tokens=sum(tokens) if tokens else None,
        cost=sum(costs) if costs else None,
        outcome=_outcome(work),
        spans=spans,
    )


def root_of(spans: Iterable[SpanRecord]) -> SpanRecord | None:
    """Return the span of a trace that all its work hangs under; None where it has not ended yet."""
    return next((span for span in spans if not (span.parent_id or conventions.is_feedback(span.attributes))), None)


def decisions_of(span: SpanRecord) -> list[Routed]:
    """Return the decisions that a span carries, in the order they were made; those that it names alone come last."""
    listed = span.attributes.get(conventions.DECISIONS)
    texts = [text for text in listed if isinstance(text, str)] if isinstance(listed, list | tuple) else []
    pairs = (text.partition(" ") for text in texts)
    found = [Routed(router, decision_id) for decision_id, _, router in pairs if router]
    router = span.attributes.get(conventions.FEATURE_FLAG_KEY)
    decision_id = span.attributes.get(conventions.DECISION_ID)
    if isinstance(router, str) and isinstance(decision_id, str):
        found.append(Routed(router, decision_id))
    return list(dict.fromkeys(found))


def _outcome(spans: Sequence[SpanRecord]) -> float | None:
    """What was said outright; by the root sooner than by a stage."""
    for span in sorted(spans, key=lambda span: bool(span.parent_id)):
        for name in OUTCOME_ATTRIBUTES:
            said = span.attributes.get(name)
            if isinstance(said, str) and said.lower() in OUTCOMES:
                return OUTCOMES[said.lower()]
            if isinstance(said, int | float) and not isinstance(said, bool) and 0 <= said <= 1:
                return float(said)
    return None
