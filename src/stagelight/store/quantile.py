"""Quantiles out of histogram buckets, as Prometheus' `histogram_quantile` computes them. Pure."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def histogram_quantile(q: float, bounds: Sequence[float], buckets: Sequence[float]) -> float | None:
    """Return the value below which a share `q` of what was observed lies; None where nothing was.

    Args:
        q: 0 to 1.
        bounds: Upper bounds, rising. Shape (n,).
        buckets: How many fell into each; the last one is above all bounds. Shape (n + 1,).

    Within a bucket values count as evenly spread. Above the last bound nothing is known: the answer is that bound.

    >>> histogram_quantile(0.5, [1.0, 2.0, 4.0], [2, 4, 2, 0])
    1.5
    """
    total = sum(buckets)
    if not bounds or total <= 0:
        return None
    rank = q * total
    reached = list(accumulate(buckets))
    at = next(number for number, count in enumerate(reached) if count >= rank)
    if at == len(bounds):
        return bounds[-1]
    if at == 0 and bounds[0] <= 0:
        return bounds[0]
    low, before = (bounds[at - 1], reached[at - 1]) if at else (0.0, 0.0)
    if not buckets[at]:  # q = 0 with nothing in the first bucket
        return low
    return low + (bounds[at] - low) * (rank - before) / buckets[at]


def merged(histograms: Iterable[tuple[Sequence[float], Sequence[float]]]) -> tuple[list[float], list[float]]:
    """Add histograms up, also ones whose bounds differ: exact at every bound that all of them share.

    >>> merged([([1.0, 2.0], [1, 1, 1]), ([2.0, 3.0], [5, 0, 2])])
    ([2.0], [7.0, 3.0])
    """
    found = [
        (list(bounds), list(accumulate(buckets))) for bounds, buckets in histograms if len(buckets) == len(bounds) + 1
    ]
    if not found:
        return [], []
    shared = sorted(set(found[0][0]).intersection(*(bounds for bounds, _ in found)))
    reached = [float(sum(counts[bounds.index(bound)] for bounds, counts in found)) for bound in shared]
    reached.append(float(sum(counts[-1] for _, counts in found)))
    return shared, [after - before for before, after in zip([0.0, *reached], reached, strict=False)]
