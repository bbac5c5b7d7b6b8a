"""Play a policy's own rule in many runs of a world at once, and count what it missed.

The rule is the one that routers run: it works on arrays with or without an axis of runs. What a router adds, and the
simulation does without, is names and JSON; a test proves that both choose the same arms.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from benchmarks.regret.worlds import lucky
from stagelight.routing.policies.rule import floored

if TYPE_CHECKING:
    from benchmarks.regret.worlds import FloatArray, World
    from stagelight.routing.policies.rule import BoolArray, Numbers, Rule

    Told: TypeAlias = tuple[BoolArray, FloatArray, FloatArray, BoolArray]


def regret(
    rule: Rule, world: World, seed: int, *, floor: float = 0.0, lag: int = 0, missing_is_zero: bool = False
) -> FloatArray:
    """Return, per run, how much reward a clairvoyant would have had more, in expectation.

    Args:
        rule: How arms are weighed.
        world: Where.
        seed: Of rewards and choices; the rewards are the same for every rule, which makes comparisons sharper.
        floor: Over the number of arms, the least share of each.
        lag: Steps until a reward is learned from.
        missing_is_zero: Make the mistake of taking a reward that never came for a 0.
    """
    steps, runs, arms = world.means.shape
    luck = lucky(seed, steps, runs)
    rng = np.random.default_rng([seed, 1])
    told = np.array(world.told or (1.0,) * arms)
    numbers = rule.blank(arms, (runs,))
    under_way: deque[Told] = deque()
    missed = np.zeros(runs)
    for step in range(steps):
        shares = floored(rule.shares(numbers, world.contexts[step], rng), floor)
        hot = drawn(shares, luck[0, step])
        means = world.means[step]
        mean = means[hot]
        missed += means.max(axis=-1) - mean
        came = luck[2, step] < told[hot.argmax(axis=-1)]
        under_way.append((hot, (luck[1, step] < mean) * came, world.contexts[step], came | missing_is_zero))
        if len(under_way) > lag:
            numbers = taught(rule, numbers, under_way.popleft())
    return missed


def drawn(shares: FloatArray, luck: FloatArray) -> BoolArray:
    """Return which arm each run chooses. Shape (runs, arms), one True per run."""
    arms = shares.shape[-1]
    chosen = np.minimum((shares.cumsum(axis=-1) <= luck[:, None]).sum(axis=-1), arms - 1)
    hot: BoolArray = np.arange(arms) == chosen[:, None]
    return hot


def taught(rule: Rule, numbers: Numbers, lesson: Told) -> Numbers:
    """Return the numbers after one lesson in the runs where there is one."""
    hot, reward, context, came = lesson
    after = rule.learned(numbers, hot, reward, context)
    if came.all():
        return after
    return {
        name: np.where(came.reshape(-1, *[1] * (array.ndim - 1)), array, numbers[name]) for name, array in after.items()
    }
