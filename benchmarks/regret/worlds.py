"""Worlds to learn in: what each arm is worth at each step, many runs at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray: TypeAlias = NDArray[np.float64]

ARMS = 4
STEPS = 10_000
RUNS = 50
DIMENSION = 3
LADDER = (0.3, 0.4, 0.5, 0.6)  # the stationary problem, from the worst arm to the best


@dataclass(frozen=True, slots=True)
class World:
    """What the arms are worth; the runs share nothing but the length."""

    means: FloatArray  #: Probability that an arm is rewarded. Shape (steps, runs, arms).
    contexts: FloatArray  #: What a policy sees. Shape (steps, runs, dimension).
    told: tuple[float, ...] = field(default=())  #: Probability, per arm, that its reward ever comes; empty is always.

    @property
    def steps(self) -> int:
        """How long it lasts."""
        return int(self.means.shape[0])

    @property
    def runs(self) -> int:
        """How many there are side by side."""
        return int(self.means.shape[1])


def stages(*levels: Sequence[float], steps: int = STEPS, runs: int = RUNS, told: tuple[float, ...] = ()) -> World:
    """Return a world of equal stages; in each the arms have these means."""
    means = np.repeat(np.array(levels, dtype=np.float64), -(-steps // len(levels)), axis=0)[:steps]
    return _plain(np.broadcast_to(means[:, None, :], (steps, runs, len(levels[0]))), told)


def redrawn(rng: np.random.Generator, *, steps: int = STEPS, runs: int = RUNS) -> World:
    """Return a world whose arms all get new means, uniform in 0 to 1, at half time."""
    halves = np.repeat(rng.random((2, runs, ARMS)), -(-steps // 2), axis=0)[:steps]
    return _plain(halves)


def walking(rng: np.random.Generator, *, pace: float, steps: int = STEPS, runs: int = RUNS) -> World:
    """Return a world whose means walk at random between 0 and 1, `pace` being the standard deviation of a step."""
    walk = rng.normal(0.0, pace, (steps, runs, ARMS))
    walk[0] = rng.random((runs, ARMS))
    folded = np.abs(np.cumsum(walk, axis=0)) % 2.0
    return _plain(np.minimum(folded, 2.0 - folded))


def swinging(rng: np.random.Generator, *, steps: int = STEPS, runs: int = RUNS) -> World:
    """Return a world whose means swing slowly, once, between 0.3 and 0.7, each arm from a point of its own."""
    start = rng.random((runs, ARMS)) * 2.0 * np.pi
    turn = 2.0 * np.pi * np.arange(steps)[:, None, None] / steps
    return _plain(0.5 + 0.2 * np.sin(turn + start))


def contextual(rng: np.random.Generator, *, changes: bool, steps: int = STEPS, runs: int = RUNS) -> World:
    """Return a world where the best arm depends on the context; at half time what it depends on is drawn anew."""
    contexts = rng.normal(size=(steps, runs, DIMENSION))
    contexts /= np.linalg.norm(contexts, axis=-1, keepdims=True)
    weights = rng.normal(size=(2, runs, ARMS, DIMENSION))
    weights *= 0.5 / np.linalg.norm(weights, axis=-1, keepdims=True)
    half = steps // 2
    later = weights[1] if changes else weights[0]
    tilt = np.concatenate(
        [
            np.einsum("trd,rkd->trk", contexts[:half], weights[0]),
            np.einsum("trd,rkd->trk", contexts[half:], later),
        ]
    )
    return World(0.5 + tilt, contexts)


def _plain(means: FloatArray, told: tuple[float, ...] = ()) -> World:
    steps, runs, _ = means.shape
    return World(means, np.zeros((steps, runs, 0)), told)


def lucky(seed: int, steps: int, runs: int) -> FloatArray:
    """Return what chance decides: which arm is drawn, whether it is rewarded, whether that is told; uniform in 0 to 1."""
    return np.random.default_rng([seed, 0]).random((3, steps, runs))
