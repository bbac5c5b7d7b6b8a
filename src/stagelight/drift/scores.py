"""How far counts have moved from a reference's, by seven methods; many features at once.

PSI, KL, JS and chi-squared look at groups, and a group that is empty on both sides does not exist for them. Shares are
smoothed by half a row a group (Jeffreys), so that an empty group is far away and not infinitely far. KS, Wasserstein and
the shift of the mean look at fine bins in their order, leave out what is no number, and have no meaning where no finite
number is. No rows at all have moved nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from stagelight.drift.bins import LOWEST, NumberBins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stagelight.drift.reference import Reference
    from stagelight.drift.sketch import Sketch

    Floats = NDArray[np.float64]

AT_ONCE = 8  #: Features whose bins are compared at once: in little memory, not fetched from the system each time.
HALF = 0.5  #: Rows added to each group.


@dataclass(frozen=True, slots=True)
class Scores:
    """One figure by each method, or an array with one for each feature; NaN where a method has no meaning."""

    psi: Floats  #: Population stability index, in nats.
    kl: Floats  #: Kullback-Leibler divergence of now from the reference, in nats.
    js: Floats  #: Jensen-Shannon distance (a root), 0 to 0.83.
    ks: Floats  #: Largest gap between the distribution functions, 0 to 1.
    wasserstein: Floats  #: Mean way a value has gone, in the feature's own unit.
    chi2: Floats  #: Pearson's statistic that both are of one distribution.
    mean_shift: Floats  #: Of the mean, in standard deviations of the reference.

    def row(self, number: int) -> dict[str, float | None]:
        """Return the figures of one feature by method; None where a method has no meaning."""
        found = {field.name: float(getattr(self, field.name)[number]) for field in fields(self)}
        return {name: None if np.isnan(value) else value for name, value in found.items()}


class Table:
    """The references of many features side by side, prepared so that scoring them costs next to nothing.

    >>> from stagelight.drift.reference import Reference
    >>> ages = Reference.of([20.0, 30.0, 40.0, 50.0] * 100)
    >>> Table([ages]).scores([ages.count([20.0] * 300 + [30.0] * 100)]).ks.round(2)
    array([0.5])
    """

    def __init__(self, references: Sequence[Reference]) -> None:
        """Prepare for sketches in the bins of `references`, in the same order."""
        self.references = tuple(references)
        self._width = max(reference.bins.size for reference in references)
        widths = range(0, self._width * len(references), self._width)
        groups = [reference.bins.groups + at for reference, at in zip(references, widths, strict=True)]
        self._starts = np.concatenate(groups).astype(np.intp)
        self._features = np.concatenate(([0], np.cumsum([len(one) for one in groups])[:-1])).astype(np.intp)
        self._of = np.repeat(np.arange(len(groups)), [len(one) for one in groups])
        before = self.stacked([reference.sketch for reference in references])
        self._before = self.grouped(before)
        self._last = np.array([reference.bins.size - 1 for reference in references])
        numbers = np.array([isinstance(reference.bins, NumberBins) for reference in references])
        self._ordered = numbers & self._finite(before)
        self._positions = np.zeros((len(references), self._width))
        for row, reference in zip(self._positions, references, strict=True):
            if isinstance(reference.bins, NumberBins):
                row[: reference.bins.size] = reference.bins.positions
                row[reference.bins.size :] = reference.bins.positions[-1]
        self._gaps = np.diff(self._positions[:, LOWEST:], axis=1, append=self._positions[:, -1:])
        self._running = self._distribution(before)
        self._deviation = self._standard_deviation(before)

    def stacked(self, sketches: Sequence[Sketch]) -> NDArray[np.int64]:
        """Return the counts of `sketches`, a row each."""
        stacked = np.zeros((len(sketches), self._width), np.int64)
        for row, sketch in zip(stacked, sketches, strict=True):
            row[: sketch.counts.size] = sketch.counts
        return stacked

    def grouped(self, stacked: NDArray[np.int64] | Floats) -> Floats:
        """Return how many rows each group of each feature holds, feature after feature."""
        return np.add.reduceat(stacked.ravel(), self._starts).astype(np.float64)

    def scores(self, sketches: Sequence[Sketch]) -> Scores:
        """Return how far `sketches` have moved from the references."""
        return self.of_counts(self.stacked(sketches))

    def of_counts(self, stacked: NDArray[np.int64]) -> Scores:
        """Return the same of counts that are stacked already, as `stacked` returns them."""
        psi, kl, js, chi2 = self.of_groups(self.grouped(stacked))
        ks, wasserstein, signed = np.empty((3, len(stacked)))
        for at in range(0, len(stacked), AT_ONCE):
            some = slice(at, at + AT_ONCE)
            gaps = self._distribution(stacked[some])
            gaps -= self._running[some]
            np.einsum("ij,ij->i", gaps, self._gaps[some], out=signed[some])
            np.abs(gaps, out=gaps)
            np.einsum("ij,ij->i", gaps, self._gaps[some], out=wasserstein[some])
            gaps.max(axis=1, out=ks[some])
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = np.where(signed == 0, 0.0, -signed / self._deviation)
        silent = ~(self._ordered & self._finite(stacked))
        for found in (ks, wasserstein, shift):
            found[silent] = np.nan
        return Scores(psi, kl, js, ks, wasserstein, chi2, shift)

    def of_groups(self, now: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return PSI, KL, JS and chi-squared of the rows in each group."""
        before = self._before
        both = now + before
        used = both > 0
        p, q = self._shares(before, used), self._shares(now, used)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(used, np.log(q / p), 0.0)
            middle = (p + q) / 2
            towards = np.where(used, q * np.log(q / middle) + p * np.log(p / middle), 0.0)
            weights = np.sqrt(self._sums(now) / self._sums(before))
            gap = np.where(used, before * weights[self._of] - now / weights[self._of], 0.0)
            chi2 = self._sums(np.where(used, gap * gap / both, 0.0))
        told = (self._sums(now) > 0) & (self._sums(before) > 0)
        return (
            np.where(told, self._sums((q - p) * ratio), 0.0),
            np.where(told, self._sums(q * ratio), 0.0),
            np.where(told, np.sqrt(np.maximum(self._sums(towards), 0.0) / 2), 0.0),
            np.where(told, chi2, 0.0),
        )

    @cached_property
    def before(self) -> Floats:
        """Rows of the references in each group."""
        return self._before

    def used(self, now: Floats) -> Floats:
        """Return how many groups of each feature hold rows on either side."""
        return self._sums(((now + self._before) > 0).astype(np.float64))

    def moved_most(self, sketches: Sequence[Sketch]) -> list[int]:
        """Return for each feature the group that has grown most, by what it adds to PSI."""
        now = self.grouped(self.stacked(sketches))
        used = (now + self._before) > 0
        p, q = self._shares(self._before, used), self._shares(now, used)
        with np.errstate(divide="ignore", invalid="ignore"):
            grown = np.where(used & (q > p), (q - p) * np.log(q / p), 0.0)
        ends = np.append(self._features[1:], grown.size)
        return [int(grown[start:end].argmax()) for start, end in zip(self._features, ends, strict=True)]

    def _shares(self, rows: Floats, used: NDArray[np.bool_]) -> Floats:
        smoothed = np.where(used, rows + HALF, 0.0)
        return smoothed / self._sums(smoothed)[self._of]

    def _sums(self, groups: Floats) -> Floats:
        return np.add.reduceat(groups, self._features)

    def _finite(self, stacked: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say of each feature, if it is a number, whether any row is one that is finite."""
        infinite = stacked[:, LOWEST] + stacked[np.arange(self._last.size), self._last]
        found: NDArray[np.bool_] = stacked[:, LOWEST:].sum(axis=1) > infinite
        return found

    def _distribution(self, stacked: NDArray[np.int64]) -> Floats:
        """The share of rows in each bin or one before it; 0 everywhere where there are no rows."""
        running = np.cumsum(stacked[:, LOWEST:], axis=1)  # of whole numbers: seven times as fast as of floats
        return running / np.maximum(running[:, -1:], 1)

    def _standard_deviation(self, stacked: NDArray[np.int64]) -> Floats:
        shares = stacked[:, LOWEST:] / np.maximum(stacked[:, LOWEST:].sum(axis=1, keepdims=True), 1)
        positions = self._positions[:, LOWEST:]
        unit = np.maximum(np.abs(positions).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        scaled = positions / unit  # squares of what is very large or very small are no numbers any more
        mean = (shares * scaled).sum(axis=1, keepdims=True)
        deviation: Floats = np.sqrt((shares * np.square(scaled - mean)).sum(axis=1)) * unit[:, 0]
        return deviation
