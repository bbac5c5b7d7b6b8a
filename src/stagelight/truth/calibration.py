"""Does a score of .8 come true eight times in ten? Calibration error, Brier score, log loss, and what chance makes of them.

Bins are ten of equal width, upper edge within, as scikit-learn's calibration_curve cuts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stagelight.truth.proportions import Z95, Interval, share

if TYPE_CHECKING:
    from stagelight.truth.arrays import Floats

BINS = 10
DRAWS = 1_000  #: Bootstrap draws behind an interval.
QUICK = 500  #: Draws that tell whether a rise can be more than chance at all.
SLICE = 20_000  #: Draws held at once.
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False, slots=True)
class Bins:
    """Scores and truth, added up by bin. Shape (bins,) each."""

    sizes: Floats
    scores: Floats  #: Sums.
    hits: Floats  #: Sums.
    hit_scores: Floats  #: Sums of the scores of those that came true.

    @property
    def size(self) -> int:
        """How many there are in all."""
        return int(self.sizes.sum())

    @property
    def error(self) -> float:
        """Mean gap between confidence and how often it is right (ECE), weighted by bin; NaN of nothing."""
        return float(np.abs(self.hits - self.scores).sum() / self.sizes.sum()) if self.size else float("nan")


@dataclass(frozen=True, slots=True)
class Point:
    """A bin of the reliability curve."""

    size: int
    mean_score: float
    share: Interval  #: Of those that came true.


def binned(score: Floats, actual: Floats, bins: int = BINS) -> Bins:
    """Add up by bin; scores are probabilities, truth is 1 or 0.

    >>> binned(np.array([0.1, 0.9]), np.array([0.0, 1.0])).error
    0.09999999999999999
    """
    place = np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], score)
    sums = (None, score, actual, score * actual)
    return Bins(*(np.bincount(place, weights, minlength=bins).astype(np.float64) for weights in sums))


def curve(bins: Bins) -> list[Point]:
    """The reliability curve: its points, from low scores to high, where there is any prediction."""
    points = []
    for size, score, hits in zip(bins.sizes, bins.scores, bins.hits, strict=True):
        if found := share(round(float(hits)), round(float(size))):
            points.append(Point(round(float(size)), float(score / size), found))
    return points


def error_interval(bins: Bins, *, seed: int = 0, draws: int = DRAWS) -> Interval | None:
    """Return the calibration error with a bootstrap interval; None of nothing.

    Chance alone opens gaps, and a bootstrap draw opens them again: the interval is turned around the figure (the basic
    bootstrap), which takes that bias back. It reaches down to 0 where a perfect model would show as large an error.
    """
    if not bins.size:
        return None
    rng = np.random.default_rng(seed)
    misses = bins.sizes - bins.hits
    cells = np.concatenate([bins.hits, misses])
    means = _ratio(np.concatenate([bins.hit_scores, bins.scores - bins.hit_scores]), cells)
    counts = rng.multinomial(bins.size, cells / cells.sum(), size=draws)
    half = len(misses)
    gaps = counts[:, :half] - (counts * means)[:, :half] - (counts * means)[:, half:]
    low, high = np.quantile(np.abs(gaps).sum(axis=1) / bins.size, [0.025, 0.975])
    value = bins.error
    least = max(0.0, min(value, 2 * value - float(high)))
    if value <= np.quantile(_errors(bins, np.zeros_like(bins.sizes), draws, rng), 0.975):
        least = 0.0
    return Interval(value, least, min(1.0, max(value, 2 * value - float(low))))


def rise_p_value(baseline: Bins, current: Bins, *, alpha: float, seed: int = 0) -> float:
    """How likely so large a rise of the calibration error is, if the curve has not changed; a parametric bootstrap.

    Both windows are drawn anew from one curve, each with its own scores and sizes: the error of a small window is larger
    by chance, and a shift of the scores along one curve is no change of it.

    Args:
        baseline: The past.
        current: The present.
        alpha: What matters: below ten times that, enough draws are made to tell.
        seed: Of the draws.
    """
    rise = current.error - baseline.error
    rng = np.random.default_rng(seed)
    sizes = baseline.sizes + current.sizes
    offset = _ratio(baseline.hits + current.hits - baseline.scores - current.scores, sizes)
    made = reached = 0
    goal = QUICK
    while made < goal:
        draws = min(SLICE, goal - made)
        drawn = _errors(current, offset, draws, rng) - _errors(baseline, offset, draws, rng)
        made, reached = made + draws, reached + int((drawn >= rise - 1e-12).sum())
        if made == QUICK and reached <= 5:  # noqa: PLR2004  too few to tell one in 100 from one in 100,000
            goal = QUICK + int(4 / alpha)
        elif reached > 50:  # noqa: PLR2004  known well enough
            break
    return (1 + reached) / (1 + made)


def _errors(bins: Bins, offset: Floats, draws: int, rng: np.random.Generator) -> Floats:
    chance = np.clip(_ratio(bins.scores, bins.sizes) + offset, 0.0, 1.0)
    hits = rng.binomial(bins.sizes.astype(np.int64), chance, size=(draws, len(bins.sizes)))
    errors: Floats = np.abs(hits - bins.scores).sum(axis=1) / bins.sizes.sum()
    return errors


def _ratio(one: Floats, other: Floats) -> Floats:
    return np.divide(one, other, out=np.zeros_like(one), where=other > 0)


def brier(score: Floats, actual: Floats) -> Interval | None:
    """Mean squared distance between confidence and truth, with a normal interval; None of nothing."""
    return _mean((score - actual) ** 2)


def log_loss(score: Floats, actual: Floats) -> Interval | None:
    """Mean surprise at the truth, in nats, with a normal interval; None of nothing."""
    safe = np.clip(score, EPSILON, 1 - EPSILON)
    return _mean(-(actual * np.log(safe) + (1 - actual) * np.log1p(-safe)))


def _mean(values: Floats) -> Interval | None:
    if not len(values):
        return None
    mean = float(values.mean())
    half = Z95 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("inf")
    return Interval(mean, max(0.0, mean - half), mean + half)
