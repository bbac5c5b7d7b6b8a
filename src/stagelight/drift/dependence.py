"""How much a row says that its neighbours have not said: the effective sample size of rows that resemble each other.

A sketch keeps, for neighbours 1, 2, 4 and 8 rows apart, how often both lie in the same group and how their places go
together. From these follow the two figures on which the noise of a chi-squared sum depends: its mean and its longest
direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from stagelight.drift import chi2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stagelight.drift.bins import Bins

LAGS = (1, 2, 4, 8)
LOOKED_AT = 1024  #: Rows of a batch whose neighbours are compared; more would tell hardly more.
SURE = 3.3  #: Standard deviations from which likeness is no chance.
CAUTION = 1.5  #: Standard errors that are added to what is measured.
LONGEST = 0.99  #: Likeness from one row to the next that is believed at most.


@dataclass(frozen=True, eq=False, slots=True)
class Links:
    """For each lag: pairs, pairs in one group, the sum of their places, and the sum of the products of their places."""

    sums: NDArray[np.int64]  #: Shape (4, lags).

    @classmethod
    def none(cls) -> Self:
        """Return the links of no rows."""
        return cls(np.zeros((4, len(LAGS)), np.int64))

    @classmethod
    def of(cls, bins: Bins, values: Any, *, rows: int = LOOKED_AT) -> Self:
        """Return the links among the first `rows` of `values`, which are in the order they came."""
        return cls.among(bins, bins.place(values[:rows]))

    @classmethod
    def among(cls, bins: Bins, places: NDArray[np.intp]) -> Self:
        """Return the links among values that lie in the bins `places`, in the order they came."""
        groups = bins.group_of.take(places)
        exact = places.astype(np.float64)  # products of places are whole and far below 2**53
        twice = 2 * exact.sum()
        first, last = exact[: LAGS[-1]].tolist(), exact[-LAGS[-1] :].tolist()
        found = []
        for lag in LAGS:
            alike = np.count_nonzero(groups[lag:] == groups[:-lag])
            both = twice - sum(first[:lag]) - sum(last[-lag:])
            found.append((max(0, exact.size - lag), alike, both, exact[lag:].dot(exact[:-lag])))
        return cls(np.array(found, np.int64).T)

    def __add__(self, other: Links) -> Links:
        """Return both together."""
        return Links(self.sums + other.sums)


def effective_rows(counts: NDArray[np.int64], links: Links, bins: Bins, *, exceeded_by: float = 0.001) -> float:
    """Return how many independent rows would be as noisy as these, where only a share `exceeded_by` is noisier."""
    rows = float(counts.sum())
    held = np.add.reduceat(counts, bins.groups)
    freedom = int(np.count_nonzero(held)) - 1
    if rows == 0 or freedom < 1 or not links.sums[0, 0]:
        return rows
    mean, longest = _inflation(counts, held, links, ordered=bins.kind == "number")
    if longest <= 1:
        return rows
    return rows / spread(freedom, mean, longest, exceeded_by)


def spread(freedom: int, mean: float, longest: float, exceeded_by: float) -> float:
    """Return by how much a chi-squared quantile grows: one direction is `longest`, the others share the rest of the mean.

    The sum of unequal chi-squared parts is taken for one chi-squared with the same mean, variance and skewness, after
    Liu, Tang and Zhang (2009).

    >>> round(spread(19, 1.0, 1.0, 0.001), 6)
    1.0
    """
    others = max(1.0, (freedom * mean - longest) / (freedom - 1)) if freedom > 1 else 0.0
    first, second, third = (longest**power + others**power * (freedom - 1) for power in (1, 2, 3))
    alike = second**3 / third**2
    found = (chi2.quantile(exceeded_by, round(alike, 1)) - alike) * np.sqrt(second / alike) + first
    return float(max(1.0, found / chi2.quantile(exceeded_by, freedom)))


def _inflation(
    counts: NDArray[np.int64], held: NDArray[np.int64], links: Links, *, ordered: bool
) -> tuple[float, float]:
    """Return how many times noisier than independent rows: in the mean of all directions, and in the longest."""
    pairs, same, places, products = links.sums.astype(np.float64)
    pairs = np.maximum(pairs, 1)
    by_chance = float(np.square(held / held.sum()).sum())
    noise = SURE / math.sqrt(pairs[0])
    # A match between many groups is rarer by chance than one between few.
    alike = (same / pairs - by_chance) / (1 - by_chance)
    mean = inflation(alike, noise / math.sqrt(max(1, int(np.count_nonzero(held)) - 1)))
    if not ordered:
        return mean, mean
    at = np.arange(counts.size)
    middle = float(counts @ at / counts.sum())
    variance = float(counts @ np.square(at - middle) / counts.sum())
    together = (products / pairs - middle * places / pairs + middle**2) / variance
    longest = inflation(together, noise)
    if longest > 1:
        longest = max(longest, at_worst(min(1.0, float(together[0])), float(pairs[0])))
    return mean, max(mean, longest)


def inflation(likeness: NDArray[np.float64], noise: float) -> float:
    """Return 1 + 2 × the sum of the likeness over all lags, from that at 1, 2, 4 and 8; 1 where it may be all chance.

    Likeness that grows with the distance is a rhythm, not a memory: it makes rows no noisier and is not counted.

    >>> round(inflation(0.9 ** np.array(LAGS), noise=0.1), 1)
    19.0
    """
    if likeness[0] <= noise:
        return 1.0
    one, two, four, eight = np.minimum.accumulate(np.clip(likeness, 0.0, 1.0)).tolist()
    near = one + two + four + eight + np.sqrt(two * four)
    if not eight:
        return float(1 + 2 * (near + four))  # it ends somewhere on the way from 4 to 8
    near += sum(four * (eight / four) ** (step / 4) for step in (1, 2, 3))
    decay = min(LONGEST, (eight / one) ** (1 / 7))
    return float(1 + 2 * (near + eight * decay / (1 - decay)))


def at_worst(likeness: float, pairs: float) -> float:
    """Return how much noisier rows may be whose neighbours resemble each other so: what is measured is too low on average.

    Kendall's bias of a first autocorrelation, and its standard error, for rows that forget at a steady rate.
    """
    upper = min(LONGEST, likeness + (1 + 3 * likeness) / pairs + CAUTION * np.sqrt((1 - likeness**2) / pairs))
    return float((1 + upper) / (1 - upper))
