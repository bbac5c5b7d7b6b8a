"""How accurate a model should be before any truth is known, if its scores still mean what they meant.

Confidence-based performance estimation: scores are calibrated by isotonic regression on predictions whose truth is known;
then each prediction is right with the probability that its score says. **It is blind to concept drift**: where the world
changes and the scores do not, it goes on promising what was true before. Show it beside the measured accuracy, never
instead of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stagelight.truth import isotonic
from stagelight.truth.proportions import Z95, Interval

if TYPE_CHECKING:
    from stagelight.truth.arrays import Floats, Judged

LEAST = 100  #: Predictions with truth, below which nothing is estimated.


@dataclass(frozen=True, slots=True)
class Estimate:
    """What to expect; intervals are those of chance alone, if the scores mean what they meant."""

    predictions: int  #: Estimated from.
    reference: int  #: Predictions with truth that the scores were calibrated on.
    accuracy: Interval
    precision: float | None  #: None where nothing was predicted to be.
    recall: float | None


def estimate(reference: Judged, current: Judged, *, calibrate: bool = True) -> Estimate | None:
    """Return what accuracy to expect of `current`, or None where there is too little to say.

    Args:
        reference: Predictions whose truth is known, as those of the baseline window.
        current: Predictions whose truth need not be known.
        calibrate: Off takes the scores as probabilities as they are.
    """
    known = reference.where(reference.scored)
    rated = current.where(current.probable & ~np.isnan(current.predicted))
    if len(known) < LEAST or not len(rated):
        return None
    chance = isotonic.fit(known.score, known.actual)(rated.score) if calibrate else rated.score
    return _expected(chance, rated.predicted == 1, len(known))


def _expected(chance: Floats, said: np.ndarray, reference: int) -> Estimate:
    right = np.where(said, chance, 1 - chance)
    size, mean = len(chance), float(right.mean())
    half = Z95 * math.sqrt(float((right * (1 - right)).sum())) / size
    positives, missed = float(chance[said].sum()), float(chance[~said].sum())
    return Estimate(
        size,
        reference,
        Interval(mean, max(0.0, mean - half), min(1.0, mean + half)),
        positives / int(said.sum()) if said.any() else None,
        positives / (positives + missed) if positives + missed else None,
    )
