"""Regret of other libraries in the stationary world: run it where river and mabwiser are installed.

    python -m benchmarks.regret.peers > benchmarks/regret/peers.json

Needs neither stagelight nor its environment. The runs see the same rewards as ours: run for run, step for step.
"""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from benchmarks.regret.intervals import interval
from benchmarks.regret.worlds import LADDER, lucky, stages

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.regret.worlds import World

SEED = 7


class Player(Protocol):
    """A library's policy, asked for one arm and told one reward at a time."""

    def pull(self) -> int:
        """Return the arm it chooses."""
        ...

    def update(self, arm: int, reward: int) -> None:
        """Tell it what the arm was worth."""
        ...


class River:
    """A policy of river."""

    def __init__(self, policy: Any, arms: int) -> None:
        self.policy, self.arms = policy, range(arms)

    def pull(self) -> int:
        """Return the arm it chooses."""
        return int(self.policy.pull(self.arms))

    def update(self, arm: int, reward: int) -> None:
        """Tell it what the arm was worth."""
        self.policy.update(arm, reward)


class Mabwiser:
    """A policy of mabwiser; it wants to be fitted before it is asked, so that each arm is tried once first."""

    def __init__(self, policy: Any, arms: int) -> None:
        self.policy, self.untried = policy, list(range(arms))
        self.fitted = False

    def pull(self) -> int:
        """Return the arm it chooses."""
        return self.untried.pop() if self.untried else int(self.policy.predict())

    def update(self, arm: int, reward: int) -> None:
        """Tell it what the arm was worth."""
        (self.policy.partial_fit if self.fitted else self.policy.fit)(np.array([arm]), np.array([reward]))
        self.fitted = True


def players() -> dict[str, Callable[[int, int], Player]]:
    """Return how to make each library's policies, of a number of arms and a seed."""
    from mabwiser.mab import MAB, LearningPolicy
    from river import bandit, proba, stats

    return {
        "river ThompsonSampling": lambda arms, seed: River(
            bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=seed), arms
        ),
        "river UCB(delta=1)": lambda arms, seed: River(bandit.UCB(delta=1, reward_obj=stats.Mean(), seed=seed), arms),
        "mabwiser ThompsonSampling": lambda arms, seed: Mabwiser(
            MAB(list(range(arms)), LearningPolicy.ThompsonSampling(), seed=seed), arms
        ),
        "mabwiser UCB1(alpha=1)": lambda arms, seed: Mabwiser(
            MAB(list(range(arms)), LearningPolicy.UCB1(alpha=1), seed=seed), arms
        ),
    }


def regret(make: Callable[[int, int], Player], world: World, seed: int) -> list[float]:
    """Return the regret of each run, as `play.regret` counts it."""
    steps, runs, arms = world.means.shape
    rewarded = lucky(seed, steps, runs)[1]
    missed = []
    for run in range(runs):
        player, lost = make(arms, 1000 * seed + run), 0.0
        means, luck = world.means[:, run].tolist(), rewarded[:, run].tolist()
        for step in range(steps):
            arm = player.pull()
            player.update(arm, int(luck[step] < means[step][arm]))
            lost += max(means[step]) - means[step][arm]
        missed.append(lost)
    return missed


def main() -> None:
    """Print the reference table as JSON."""
    world = stages(LADDER)
    found = {}
    for name, make in players().items():
        missed = np.array(regret(make, world, SEED))
        mean, low, high = interval(missed)
        found[name] = {"regret": round(mean, 1), "interval": [round(low, 1), round(high, 1)]}
        print(name, found[name], file=sys.stderr)
    about = {"world": "stationary", "means": LADDER, "steps": world.steps, "runs": world.runs, "seed": SEED}
    versions = {name: version(name) for name in ("river", "mabwiser", "numpy")} | {"python": platform.python_version()}
    print(json.dumps({**about, "versions": versions, "policies": found}, indent=2))


if __name__ == "__main__":
    main()
