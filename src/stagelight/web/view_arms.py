"""What a router's arms are worth, as far as rewards tell: the mean of each at each time, and what better choices would have earned.

An arm is judged by rewards of its own from about the same time: a step with few of them borrows from the steps around it.
That is an estimate, and it flatters whichever arm was lucky; it says how much there is to win, not to the last reward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ENOUGH: Final = 20  #: Rewards of an arm, from which its mean is worth something.


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm over all steps."""

    name: str
    decisions: tuple[int, ...]  #: By step.
    rewards: tuple[int, ...]  #: How many came, by step of their decisions.
    earned: tuple[float, ...]  #: Their sum, by step.

    @property
    def mean(self) -> float | None:
        """What a decision for it earned on average; None where no reward came."""
        return sum(self.earned) / sum(self.rewards) if sum(self.rewards) else None

    def near(self, step: int) -> float | None:
        """Return what it earned about `step`, over `ENOUGH` rewards or all there are; None where there are none."""
        for radius in range(len(self.rewards)):
            around = slice(max(0, step - radius), step + radius + 1)
            count = sum(self.rewards[around])
            if count >= ENOUGH:
                return sum(self.earned[around]) / count
        return self.mean


def regret(arms: Sequence[Arm]) -> float | None:
    """Return about how many rewards the best arm of each time would have earned more; None before anything is known.

    >>> good, bad = Arm("good", (10,), (20,), (18.0,)), Arm("bad", (10,), (20,), (8.0,))
    >>> regret([good, bad])
    5.0
    """
    return sum(losses(arms).values()) if any(arm.mean is not None for arm in arms) else None


def losses(arms: Sequence[Arm]) -> Mapping[str, float]:
    """Return by name how much of the regret each arm's decisions caused."""
    lost = dict.fromkeys((arm.name for arm in arms), 0.0)
    for step in range(len(arms[0].decisions) if arms else 0):
        worth = {arm.name: found for arm in arms if (found := arm.near(step)) is not None}
        best = max(worth.values(), default=0.0)
        for arm in arms:
            lost[arm.name] += arm.decisions[step] * (best - worth.get(arm.name, best))
    return lost
