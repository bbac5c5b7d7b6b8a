"""Shares and whether one is smaller than another: intervals, an exact test, and how many it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

Z95 = NormalDist().inv_cdf(0.975)
LEAST_SPREAD = 0.05 * 0.95  #: A share of 1 out of few is no promise that nothing will ever go wrong.


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and between what it lies with 95 % confidence."""

    value: float
    low: float
    high: float


def share(hits: int, size: int) -> Interval | None:
    """Return the share of `hits` with Wilson's interval; None of nothing.

    >>> found = share(8, 10)
    >>> round(found.low, 3), round(found.high, 3)
    (0.49, 0.943)
    """
    if size == 0:
        return None
    rate, z2 = hits / size, Z95 * Z95
    middle = (rate + z2 / (2 * size)) / (1 + z2 / size)
    half = Z95 * math.sqrt(rate * (1 - rate) / size + z2 / (4 * size * size)) / (1 + z2 / size)
    return Interval(rate, min(rate, max(0.0, middle - half)), max(rate, min(1.0, middle + half)))


def needed(rate: float, change: float) -> int:
    """How many it takes on each side to see a share of `rate` move by `change`: 16·p·(1 - p)/d².

    That gives a single test at 5 % a power of 80 %. A rate near 0 or 1 counts as .05 or .95.

    >>> needed(0.9, 0.05)
    576
    """
    return math.ceil(round(16 * max(rate * (1 - rate), LEAST_SPREAD) / change**2, 9))


def drop_p_value(baseline_hits: int, baseline_size: int, hits: int, size: int) -> float:
    """How likely so low a share of hits is, if nothing has changed: Fisher's exact test, one-sided.

    Exact matters: at the one in 40,000 that a look may spend, the normal curve is wrong for a handful of errors.

    >>> round(drop_p_value(9, 10, 5, 10), 6)
    0.070433
    """
    hits_in_all = baseline_hits + hits
    least = max(0, hits_in_all - baseline_size)
    if hits < least or size == 0 or baseline_size == 0:
        return 1.0
    # From the hits there are down to the fewest possible, each probability from the one before it.
    k = np.arange(hits, least, -1, dtype=np.float64)
    steps = np.log(k) + np.log(baseline_size - hits_in_all + k) - np.log(hits_in_all - k + 1) - np.log(size - k + 1)
    logs = np.concatenate(([0.0], np.cumsum(steps)))
    top = float(logs.max())
    tail = top + math.log(float(np.exp(logs - top).sum()))
    first = _choose(baseline_size, baseline_hits) + _choose(size, hits) - _choose(baseline_size + size, hits_in_all)
    return min(1.0, math.exp(min(0.0, first + tail)))


def _choose(size: int, chosen: int) -> float:
    """The logarithm of the number of ways to choose."""
    return math.lgamma(size + 1) - math.lgamma(chosen + 1) - math.lgamma(size - chosen + 1)
