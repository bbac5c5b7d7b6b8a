"""How sure a figure is: bootstrap intervals over runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from benchmarks.regret.worlds import FloatArray

RESAMPLES = 2000


def interval(values: FloatArray, against: FloatArray | None = None) -> tuple[float, float, float]:
    """Return the mean over runs, or the ratio of two means over the same runs, and its 95 % bootstrap interval."""
    picks = np.random.default_rng(2).integers(0, len(values), (RESAMPLES, len(values)))
    point, boot = float(values.mean()), values[picks].mean(axis=1)
    if against is not None:
        point, boot = point / float(against.mean()), boot / against[picks].mean(axis=1)
    low, high = np.quantile(boot, [0.025, 0.975])
    return point, float(low), float(high)
