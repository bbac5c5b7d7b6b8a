"""How good a model was, as far as the truth is known: `performance`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stagelight.truth import calibration
from stagelight.truth.proportions import Interval, share

if TYPE_CHECKING:
    from stagelight.truth.arrays import Judged
    from stagelight.truth.calibration import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """The figures of some predictions, each with a 95 % interval; None for what cannot be said."""

    predictions: int  #: All of them.
    labelled: int  #: Whose truth is known; the figures are theirs alone.
    decided: int  #: Which were right or wrong; the rest took no side.
    scored: int  #: Whose score is a probability.
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    accuracy: Interval | None
    precision: Interval | None
    recall: Interval | None  #: 1 where truth is a class: no class is ever predicted not to be.
    brier: Interval | None
    log_loss: Interval | None  #: Nats.
    calibration_error: Interval | None  #: ECE.
    curve: tuple[Point, ...]  #: Reliability.

    @property
    def coverage(self) -> float | None:
        """Share of the predictions whose truth is known."""
        return self.labelled / self.predictions if self.predictions else None

    def as_dict(self) -> dict[str, Any]:
        """As JSON's types."""
        return asdict(self) | {"coverage": self.coverage}


def performance(judged: Judged, *, bins: int = calibration.BINS, seed: int = 0) -> Performance:
    """Return the figures of `judged`; what has no truth counts neither as right nor as wrong.

    >>> from stagelight.truth.arrays import Judged
    >>> performance(Judged.made([0.9, 0.8, 0.3], [1, 0, 0])).accuracy.value
    0.6666666666666666
    """
    decided, scored = judged.where(judged.decided), judged.where(judged.scored)
    said, was = decided.predicted == 1, decided.actual == 1
    tp, fp = int(np.sum(said & was)), int(np.sum(said & ~was))
    tn, fn = int(np.sum(~said & ~was)), int(np.sum(~said & was))
    sums = calibration.binned(scored.score, scored.actual, bins)
    return Performance(
        predictions=len(judged),
        labelled=int(judged.labelled.sum()),
        decided=len(decided),
        scored=len(scored),
        true_positives=tp,
        false_positives=fp,
        true_negatives=tn,
        false_negatives=fn,
        accuracy=share(tp + tn, len(decided)),
        precision=share(tp, tp + fp),
        recall=share(tp, tp + fn),
        brier=calibration.brier(scored.score, scored.actual),
        log_loss=calibration.log_loss(scored.score, scored.actual),
        calibration_error=calibration.error_interval(sums, seed=seed),
        curve=tuple(calibration.curve(sums)),
    )
