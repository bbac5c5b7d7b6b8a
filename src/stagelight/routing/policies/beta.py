"""Thompson sampling: each arm is chosen as often as it is likely to be the best one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from stagelight.routing.policies.rule import whole, within

if TYPE_CHECKING:
    from stagelight.routing.policies.rule import BoolArray, FloatArray, Numbers


@dataclass(frozen=True, slots=True)
class Thompson:
    """Learns fastest where the arms stay as they are; after a change it is slow, for it forgets nothing.

    A Beta posterior per arm, from a flat prior. A reward between 0 and 1 counts as that much of a success and the
    rest of a failure. Shares are counted over `draws` joint draws from the posterior; the arm is then chosen by these
    very shares, which is the same as obeying one of the draws, and makes the logged propensity the true one.
    """

    kind: ClassVar[str] = "thompson"
    draws: int = 128  #: Joint draws that the shares are counted over.
    prior: float = 1.0  #: Successes, and as many failures, that each arm begins with.

    def __post_init__(self) -> None:
        whole("draws", self.draws, 1, 100_000)
        within("prior", self.prior, 0.01, 1e6)

    @property
    def width(self) -> int | None:
        """None: the context is ignored."""
        return None

    @property
    def kept(self) -> float:
        """Share of what is known that is left after one more reward: all of it."""
        return 1.0

    def blank(self, arms: int, runs: tuple[int, ...] = ()) -> Numbers:
        """Return no successes and no failures."""
        return {"successes": np.zeros((*runs, arms)), "failures": np.zeros((*runs, arms))}

    def learned(self, numbers: Numbers, hot: BoolArray, reward: FloatArray, context: FloatArray) -> Numbers:  # noqa: ARG002  # a rule's signature
        """Return the numbers after one reward per run; every arm fades, the one that was rewarded gains."""
        success = np.asarray(reward)[..., None]
        return {
            "successes": self.kept * numbers["successes"] + hot * success,
            "failures": self.kept * numbers["failures"] + hot * (1.0 - success),
        }

    def shares(self, numbers: Numbers, context: FloatArray, rng: np.random.Generator) -> FloatArray:  # noqa: ARG002  # a rule's signature
        """Return how often each arm is the best one over the draws."""
        successes = numbers["successes"]
        drawn = rng.beta(successes + self.prior, numbers["failures"] + self.prior, size=(self.draws, *successes.shape))
        winners = drawn.argmax(axis=-1)[..., None] == np.arange(successes.shape[-1])
        shares: FloatArray = winners.mean(axis=0)
        return shares


@dataclass(frozen=True, slots=True)
class DiscountedThompson(Thompson):
    """Follows arms that change: what it knows fades, so that it goes on asking. The default.

    Each reward makes all older ones count for 1 - 1/`memory` of what they did, for all arms: an arm that is no
    longer chosen becomes uncertain again and is tried. (Raj and Kalyani, *Taming non-stationary bandits*, 2017.)
    Rewards fade by the rewards that came after them, not by time: while feedback is cut off nothing is forgotten.
    """

    kind: ClassVar[str] = "discounted_thompson"
    memory: float = 1000.0  #: Rewards that count, in all: the older ones fade to 1/e at this age.

    def __post_init__(self) -> None:
        # Not `super()`: a dataclass with slots is made anew, and the bare call would ask the class that was dropped.
        Thompson.__post_init__(self)
        within("memory", self.memory, 2, 1e9)

    @property
    def kept(self) -> float:
        """Share of what is known that is left after one more reward."""
        return 1.0 - 1.0 / self.memory
