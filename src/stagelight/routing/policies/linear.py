"""Policies that look at the request: LinUCB, and a form that follows models whose strengths change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from stagelight.routing.policies.rule import of_the_best, whole, within

if TYPE_CHECKING:
    from stagelight.routing.policies.rule import BoolArray, FloatArray, Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class LinUCB:
    """Chooses the arm that could be best for this request; each arm has a ridge regression of its own.

    Expects rewards that are about linear in the context; a constant is added to it, so that an empty context
    (`dimension=0`) works too. Scale the context to about 1. (Li, Chu, Langford and Schapire, *A contextual-bandit
    approach to personalized news article recommendation*, 2010, algorithm 1.)
    """

    kind: ClassVar[str] = "linucb"
    dimension: int  #: How many numbers a context has.
    alpha: float = 1.0  #: How many standard errors an arm may hope for.
    ridge: float = 1.0  #: Rewards' worth of belief that the context does not matter.

    def __post_init__(self) -> None:
        whole("dimension", self.dimension, 0, 1000)
        within("alpha", self.alpha, 0, 1e6)
        within("ridge", self.ridge, 1e-6, 1e6)

    @property
    def width(self) -> int | None:
        """How many numbers of context it wants."""
        return self.dimension

    @property
    def kept(self) -> float:
        """Share of what is known that is left after one more reward: all of it."""
        return 1.0

    def blank(self, arms: int, runs: tuple[int, ...] = ()) -> Numbers:
        """Return no squares and no products."""
        size = self.dimension + 1
        return {"squares": np.zeros((*runs, arms, size, size)), "products": np.zeros((*runs, arms, size))}

    def learned(self, numbers: Numbers, hot: BoolArray, reward: FloatArray, context: FloatArray) -> Numbers:
        """Return the numbers after one reward per run; every arm fades, the one that was rewarded gains."""
        seen = with_constant(context)[..., None, :]
        mine = hot[..., None] * seen
        return {
            "squares": self.kept * numbers["squares"] + mine[..., :, None] * seen[..., None, :],
            "products": self.kept * numbers["products"] + mine * np.asarray(reward)[..., None, None],
        }

    def shares(self, numbers: Numbers, context: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002  # a rule's signature
        """Return 1 for the arm with the highest bound on its reward for this context."""
        seen = with_constant(context)[..., None, :]
        squares = numbers["squares"] + self.ridge * np.eye(self.dimension + 1)
        # One solution serves both: A⁻¹x gives the mean as b·A⁻¹x and the variance as x·A⁻¹x.
        leverage = np.linalg.solve(squares, np.broadcast_to(seen, numbers["products"].shape)[..., None])[..., 0]
        means = (numbers["products"] * leverage).sum(axis=-1)
        errors = np.sqrt(np.maximum((seen * leverage).sum(axis=-1), 0.0))
        return of_the_best(means + self.alpha * errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscountedLinUCB(LinUCB):
    """LinUCB that follows models whose strengths change: what it knows fades, so that it goes on asking.

    Each reward makes all older ones count for 1 - 1/`memory` of what they did, for all arms; the ridge does not
    fade. (After Russac, Vernade and Cappé, *Weighted linear bandits for non-stationary environments*, 2019, with one
    regression per arm and the plain width.)
    """

    kind: ClassVar[str] = "discounted_linucb"
    memory: float = 1000.0  #: Rewards that count, in all: the older ones fade to 1/e at this age.

    def __post_init__(self) -> None:
        # Not `super()`: a dataclass with slots is made anew, and the bare call would ask the class that was dropped.
        LinUCB.__post_init__(self)
        within("memory", self.memory, 2, 1e9)

    @property
    def kept(self) -> float:
        """Share of what is known that is left after one more reward."""
        return 1.0 - 1.0 / self.memory


def with_constant(context: FloatArray) -> FloatArray:
    """Return the context with a 1 after it, which stands for what is true of every request.

    >>> with_constant(np.array([0.5])).tolist()
    [0.5, 1.0]
    """
    return np.concatenate([context, np.ones((*context.shape[:-1], 1))], axis=-1)
