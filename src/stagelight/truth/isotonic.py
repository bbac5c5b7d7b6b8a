"""Isotonic regression: the rising curve that is nearest to what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from stagelight.truth.arrays import Floats


@dataclass(frozen=True, eq=False, slots=True)
class Isotonic:
    """A curve that never falls, straight between its points and flat beyond them."""

    x: Floats  #: Rising, each once. Shape (points,).
    y: Floats

    def __call__(self, values: Floats) -> Floats:
        """Read the curve at `values`."""
        return np.interp(values, self.x, self.y)


def fit(x: Floats, y: Floats) -> Isotonic:
    """Return the rising curve with the least squares to the points, by pooling adjacent violators.

    Args:
        x: Where; the same place more than once counts as its mean. Shape (points,), at least one.
        y: What was seen there.

    >>> fit(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.5])).y
    array([0.  , 0.75, 0.75])
    """
    places, which = np.unique(x, return_inverse=True)
    weights = np.bincount(which).astype(np.float64)
    means = np.bincount(which, y) / weights
    return Isotonic(places, _pooled(means, weights))


def _pooled(means: Floats, weights: Floats) -> Floats:
    """Merge neighbours that fall until none does; each block keeps its mean, weight and length."""
    blocks: list[tuple[float, float, int]] = []
    for mean, weight in zip(means.tolist(), weights.tolist(), strict=True):
        value, mass, length = mean, weight, 1
        while blocks and blocks[-1][0] >= value:
            before, before_mass, before_length = blocks.pop()
            value = (before * before_mass + value * mass) / (before_mass + mass)
            mass, length = mass + before_mass, length + before_length
        blocks.append((value, mass, length))
    return np.repeat([value for value, _, _ in blocks], [length for _, _, length in blocks])
