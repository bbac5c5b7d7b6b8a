"""Policies that go by the mean of each arm: UCB1, and epsilon-greedy as the baseline that others must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from stagelight.routing.policies.rule import of_the_best, within

if TYPE_CHECKING:
    from stagelight.routing.policies.rule import BoolArray, FloatArray, Numbers


@dataclass(frozen=True, slots=True)
class _Means:
    """What is known of an arm is the sum of its rewards and how many they are."""

    kind: ClassVar[str] = ""

    @property
    def width(self) -> int | None:
        """None: the context is ignored."""
        return None

    def blank(self, arms: int, runs: tuple[int, ...] = ()) -> Numbers:
        """Return no rewards."""
        return {"sums": np.zeros((*runs, arms)), "counts": np.zeros((*runs, arms))}

    def learned(self, numbers: Numbers, hot: BoolArray, reward: FloatArray, context: FloatArray) -> Numbers:  # noqa: ARG002  # a rule's signature
        """Return the numbers after one reward per run."""
        return {
            "sums": numbers["sums"] + hot * np.asarray(reward)[..., None],
            "counts": numbers["counts"] + hot,
        }


@dataclass(frozen=True, slots=True)
class UCB1(_Means):
    """Chooses the arm that could be best: its mean plus what is still uncertain about it.

    Deterministic, with a proven bound on regret while arms stay as they are. (Auer, Cesa-Bianchi and Fischer,
    *Finite-time analysis of the multiarmed bandit problem*, 2002.) Until new rewards come in it decides the same way
    again: with rewards that arrive late or in batches Thompson sampling spreads its choices, this does not.
    """

    kind: ClassVar[str] = "ucb1"
    confidence: float = 2.0  #: Under the root, with ln t / n. 2 is UCB1.

    def __post_init__(self) -> None:
        within("confidence", self.confidence, 0, 1e6)

    def shares(self, numbers: Numbers, context: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002  # a rule's signature
        """Return 1 for the arm with the highest bound; arms without a reward come first."""
        counts = numbers["counts"]
        tried = np.maximum(counts, 1.0)
        total = np.maximum(counts.sum(axis=-1, keepdims=True), 1.0)
        bounds = numbers["sums"] / tried + np.sqrt(self.confidence * np.log(total) / tried)
        return of_the_best(np.where(counts > 0, bounds, np.inf))


@dataclass(frozen=True, slots=True)
class EpsilonGreedy(_Means):
    """Chooses the arm with the best mean, and any arm now and then: the baseline.

    It never learns to try less, so that its regret grows without end; it is here to be beaten.
    """

    kind: ClassVar[str] = "epsilon_greedy"
    epsilon: float = 0.1  #: Share of decisions spread over all arms; the floor is part of it.

    def __post_init__(self) -> None:
        within("epsilon", self.epsilon, 0, 1)

    def shares(self, numbers: Numbers, context: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002  # a rule's signature
        """Return 1 - epsilon for the arm with the best mean, the rest for all; arms without a reward come first."""
        counts = numbers["counts"]
        means = np.where(counts > 0, numbers["sums"] / np.maximum(counts, 1.0), np.inf)
        shares: FloatArray = (1.0 - self.epsilon) * of_the_best(means) + self.epsilon / counts.shape[-1]
        return shares
