"""How an experiment stands: do its rewards tell which arm is the best one, and is that another one than before?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from stagelight.routing.policies.beta import Thompson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

State = Literal["collecting", "running", "decided", "changed"]
ENOUGH = 50  #: Rewards of all arms together, below which nothing is said.
SURE = 0.99  #: Probability to be the best one from which an arm is. Asked every few minutes, 0.95 would often be luck.
ODDS = Thompson(draws=10_000)
NO_CONTEXT = np.zeros(0)


class Tally(NamedTuple):
    """What an arm earned."""

    rewards: int
    mean: float


@dataclass(frozen=True, slots=True)
class Standing:
    """What rewards say of an experiment."""

    state: State
    rewards: int  #: That it was computed from.
    best: str = ""  #: The arm that is most likely the best; empty where that cannot be said.
    probability: float = 0.0  #: That it is.


def standing(
    now: Mapping[str, Tally], before: Mapping[str, Tally], *, arms: Sequence[str], by_context: bool = False
) -> Standing:
    """Return how an experiment stands.

    Each arm has the posterior that Thompson sampling gives it, from a flat prior; the draws are the same each time, so
    that the same rewards always say the same.

    Args:
        now: What each arm earned of late.
        before: What each earned in the time before that.
        arms: Those that can be chosen.
        by_context: The policy chooses by the request: the arms then earned theirs with different requests, and their means
            do not compare.

    >>> odds = {"small": Tally(40, 0.2), "large": Tally(200, 0.8)}
    >>> standing(odds, {}, arms=["small", "large"])
    Standing(state='decided', rewards=240, best='large', probability=1.0)
    >>> standing(odds, {"small": Tally(200, 0.9), "large": Tally(40, 0.5)}, arms=["small", "large"]).state
    'changed'
    """
    rewards = _count(now, arms)
    if rewards < ENOUGH:
        return Standing("collecting", rewards)
    if by_context:
        return Standing("running", rewards)
    best, probability = _likeliest(now, arms)
    if probability < SURE:
        return Standing("running", rewards, best, probability)
    other = _count(before, arms) >= ENOUGH and _other_before(before, arms, best)
    return Standing("changed" if other else "decided", rewards, best, probability)


def _other_before(before: Mapping[str, Tally], arms: Sequence[str], best: str) -> bool:
    found, probability = _likeliest(before, arms)
    return found != best and probability >= SURE


def _count(tallies: Mapping[str, Tally], arms: Sequence[str]) -> int:
    return sum(tallies[arm].rewards for arm in arms if arm in tallies)


def _likeliest(tallies: Mapping[str, Tally], arms: Sequence[str]) -> tuple[str, float]:
    found = [tallies.get(arm, Tally(0, 0.0)) for arm in arms]
    numbers = {
        "successes": np.array([one.rewards * one.mean for one in found]),
        "failures": np.array([one.rewards * (1.0 - one.mean) for one in found]),
    }
    shares = ODDS.shares(numbers, NO_CONTEXT, np.random.default_rng(0))
    return arms[int(shares.argmax())], float(shares.max())
