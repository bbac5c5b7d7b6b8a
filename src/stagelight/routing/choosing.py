"""One choice: the policy in memory, a draw, and the row that says all about it."""

from __future__ import annotations

import math
import os
import threading
from typing import TYPE_CHECKING, Any

from stagelight import _clock
from stagelight.errors import ContextError, PolicyError
from stagelight.sink.rows import Decision
from stagelight.wire import conventions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagelight.routing.chance import Chance
    from stagelight.routing.held import Held
    from stagelight.routing.policies import Choice, Policy
    from stagelight.stages import Here

BLIND = "uniform"  #: The policy of a choice that was made without one: every arm alike.


class Draws:
    """A router's source of chance, for one thread at a time."""

    def __init__(self, seed: int | None) -> None:
        """Draw as `seed` says; as nobody can foresee if None."""
        self._seed = _clock.ids().generate_span_id() if seed is None else seed
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._chance: Chance | None = None

    def choose(self, policy: Policy, names: Sequence[str], context: Sequence[float]) -> Choice:
        """Let `policy` choose one of `names`.

        Raises:
            PolicyError: It cannot.
        """
        with self._ours():
            return policy.choose(names, context, rng=self._ready().rng)

    def shares(self, policy: Policy, names: Sequence[str], context: Sequence[float]) -> dict[str, float]:
        """Return how likely each of `names` is.

        Raises:
            PolicyError: As `choose`.
        """
        with self._ours():
            return dict(zip(names, policy.shares(names, context, rng=self._ready().rng).tolist(), strict=True))

    def _ours(self) -> threading.Lock:
        """The lock; in a forked child a new one, for the thread that held it may not be there to let go."""
        if self._process != os.getpid():
            self._process, self._lock = os.getpid(), threading.Lock()
        return self._lock

    def _ready(self) -> Chance:
        if self._chance is None:
            from stagelight.routing.chance import Chance  # loads numpy

            self._chance = Chance(self._seed)
        return self._chance


def decided(
    router: str,
    held: Held,
    draws: Draws,
    at: Here,
    *,
    context: tuple[float, ...],
    eligible: Sequence[str] | None,
    prediction_id: str,
) -> Decision:
    """Choose by the policy, among the arms that are both eligible and known.

    Raises:
        PolicyError: There are none, or the context is not what the policy was made for.
    """
    if not all(map(math.isfinite, context)):
        raise ContextError("the context holds a number that is not finite, which no row of the log can")
    known = held.policy.arms
    names = known if eligible is None else known_as(held.policy, eligible)
    if not names:
        # A policy that is given no names would choose among all of its arms, also those that cannot answer.
        raise PolicyError(f"none of the eligible arms is one that router {router!r} can choose")
    choice = draws.choose(held.policy, names, context)
    return Decision(
        decision_id=_clock.new_id(),
        router=router,
        policy=held.policy.kind,
        policy_version=held.version,
        arm=choice.arm,
        propensity=choice.propensity,
        eligible=names,
        context=context,
        **_where(at, prediction_id),
    )


def known_as(policy: Policy, eligible: Iterable[str]) -> tuple[str, ...]:
    """Return those of `eligible` that the policy can choose, by their names of now, each once.

    A model that was renamed in one deployment goes by its old name in the next.
    """
    names = (policy.name_of(arm) for arm in eligible)
    known = set(policy.arms)
    return tuple(dict.fromkeys(name for name in names if name in known))


def blind(router: str, at: Here, arms: Sequence[object], prediction_id: str) -> Decision:
    """Choose among `arms` without a policy, each as likely as the next: what is learned from it is still right."""
    names = tuple(dict.fromkeys(arm for arm in arms if isinstance(arm, str)))
    arm = names[_clock.ids().generate_span_id() % len(names)] if names else ""
    return Decision(
        decision_id=_clock.new_id(),
        router=router,
        policy=BLIND,
        arm=arm,
        propensity=1 / max(1, len(names)),
        eligible=names,
        **_where(at, prediction_id),
    )


def attributes(decision: Decision) -> dict[str, object]:
    """Return what the span says of a choice: OpenTelemetry's feature-flag attributes, and what off-policy learning needs."""
    return {
        conventions.FEATURE_FLAG_KEY: decision.router,
        conventions.FEATURE_FLAG_RESULT_VARIANT: decision.arm,
        conventions.FEATURE_FLAG_PROVIDER_NAME: "stagelight",
        conventions.FEATURE_FLAG_RESULT_REASON: "split",
        conventions.FEATURE_FLAG_VERSION: str(decision.policy_version),
        conventions.DECISION_ID: decision.decision_id,
        "stagelight.policy": decision.policy,
        "stagelight.propensity": decision.propensity,
        "stagelight.eligible": list(decision.eligible),
    }


def listed(decision: Decision) -> dict[str, str]:
    """Return what the span says of every choice made in it, and not of the last alone."""
    return {conventions.DECISIONS: f"{decision.decision_id} {decision.router}"}


def _where(at: Here, prediction_id: str) -> dict[str, Any]:
    return {
        "prediction_id": prediction_id,
        "observed_at": _clock.wall_ns() / 1e9,
        "trace_id": at.trace_id,
        "span_id": at.span_id,
        "tenant": at.tenant,
        "workspace": at.workspace,
    }
