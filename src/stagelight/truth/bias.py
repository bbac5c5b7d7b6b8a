"""Are the predictions whose truth is known like those whose truth is not? Where they differ, accuracy speaks for some only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from stagelight.truth.arrays import Floats, Judged

BINS = 10


@dataclass(frozen=True, slots=True)
class CoverageBias:
    """Scores with and without truth, side by side."""

    edges: tuple[float, ...]  #: Of the bins, one more than there are bins.
    labelled: tuple[int, ...]  #: Predictions in each bin whose truth is known.
    unlabelled: tuple[int, ...]  #: Whose truth is not.
    distance: (
        float | None
    )  #: Jensen–Shannon divergence in bits: 0 alike, 1 nothing in common; None where a side is empty.
    noise: float | None  #: What it is on average by chance alone, for as many predictions.


def coverage_bias(judged: Judged, bins: int = BINS) -> CoverageBias:
    """Return how the scores of labelled predictions differ from those of the others.

    >>> from stagelight.truth.arrays import Judged
    >>> coverage_bias(Judged.made([0.1, 0.9], [1, np.nan])).distance
    1.0
    """
    finite = np.isfinite(judged.score)
    scores = judged.score[finite]
    inside = bool(judged.probable[finite].all())
    low, high = (0.0, 1.0) if inside or not len(scores) else (float(scores.min()), float(scores.max()))
    edges = np.linspace(low, high, bins + 1)
    with_truth = judged.labelled[finite]
    known, unknown = (np.histogram(scores[side], edges)[0] for side in (with_truth, ~with_truth))
    empty = not known.sum() or not unknown.sum()
    return CoverageBias(
        tuple(edges.tolist()),
        tuple(int(count) for count in known),
        tuple(int(count) for count in unknown),
        None if empty else divergence(known / known.sum(), unknown / unknown.sum()),
        None if empty else _noise(known.astype(np.float64), unknown.astype(np.float64)),
    )


def divergence(one: Floats, other: Floats) -> float:
    """Jensen–Shannon divergence of two distributions, in bits."""
    middle = (one + other) / 2
    return float(sum(_relative(side, middle) for side in (one, other)) / 2)


def _relative(side: Floats, middle: Floats) -> float:
    some = side > 0
    return float(np.sum(side[some] * np.log2(side[some] / middle[some])))


def _noise(known: Floats, unknown: Floats) -> float:
    """Its mean under one distribution: chi-squared by its Taylor expansion, a degree of freedom per filled bin but one."""
    filled = int(np.sum(known + unknown > 0))
    return float((filled - 1) * (1 / known.sum() + 1 / unknown.sum()) / (8 * np.log(2)))
