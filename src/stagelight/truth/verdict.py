"""Has a model become worse than it was? `compare_windows` says OK, WARN or ALERT, and how sure that is.

A check that looks every day finds something one day. Here each look may spend an equal part of the false alarms allowed
in a year (alpha spending, linear in time): windows end at midnight UTC and move once a day, so there are 365 looks, and
by the union bound the chance of any false ALERT in a year stays under `false_alarms`, however the looks overlap.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from stagelight.truth import calibration
from stagelight.truth.comparison import DAY, Comparison
from stagelight.truth.proportions import LEAST_SPREAD, drop_p_value, needed

if TYPE_CHECKING:
    from stagelight.truth.arrays import Judged
    from stagelight.truth.calibration import Bins

Status = Literal["OK", "WARN", "ALERT"]
YEAR = 365 * DAY
WARN_P = 0.01  #: Of a single look; a WARN now and then is chance, and pages nobody.


@dataclass(frozen=True, slots=True)
class Windows:
    """The past and the present of a comparison; both mature. Seconds since 1970, UTC."""

    baseline_since: float
    current_since: float  #: Where the baseline ends.
    current_until: float
    step_s: float = DAY  #: By which they move on.

    @property
    def looks_per_year(self) -> float:
        """How often there is something new to see."""
        return YEAR / self.step_s


def windows(now: float, *, maturity_s: float, compare: Comparison | None = None, step_s: float = DAY) -> Windows:
    """Return the windows to compare at `now`: the present ends at the last step at which all predictions were mature.

    >>> found = windows(100.5 * DAY, maturity_s=10 * DAY)
    >>> found.current_until / DAY, found.current_since / DAY, found.baseline_since / DAY
    (90.0, 83.0, 55.0)
    """
    compare = compare or Comparison()
    until = math.floor((now - maturity_s) / step_s) * step_s
    since = until - compare.current_s
    return Windows(since - compare.baseline_s, since, until, step_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a comparison of the present with the past came to."""

    accuracy_status: Status
    calibration_status: Status
    reason: str  #: In a sentence, for people.
    enough: bool  #: Whether there was enough truth on both sides to tell about accuracy.
    alpha: float  #: What this look may spend.
    baseline_size: int
    current_size: int
    needed: int  #: Predictions with truth on each side.
    baseline_accuracy: float | None
    current_accuracy: float | None
    accuracy_p: float | None  #: Of so large a drop, by chance.
    calibration_needed: int
    baseline_calibration_error: float | None
    current_calibration_error: float | None
    calibration_p: float | None  #: Of so large a rise, by chance.

    @property
    def accuracy_drop(self) -> float | None:
        """By how much accuracy fell."""
        if self.baseline_accuracy is None or self.current_accuracy is None:
            return None
        return self.baseline_accuracy - self.current_accuracy

    @property
    def calibration_rise(self) -> float | None:
        """By how much the calibration error grew."""
        if self.baseline_calibration_error is None or self.current_calibration_error is None:
            return None
        return self.current_calibration_error - self.baseline_calibration_error

    def as_dict(self) -> dict[str, Any]:
        """As JSON's types."""
        return asdict(self) | {"accuracy_drop": self.accuracy_drop, "calibration_rise": self.calibration_rise}


@dataclass(frozen=True, slots=True)
class _Test:
    """One figure, compared."""

    baseline: float | None
    current: float | None
    needed: int
    enough: bool
    p: float | None
    status: Status


def compare_windows(
    baseline: Judged,
    current: Judged,
    *,
    compare: Comparison | None = None,
    looks_per_year: float = 365.0,
    seed: int = 0,
) -> Verdict:
    """Say whether `current` is worse than `baseline`, in a way that may be asked every day.

    ALERT: as bad as `compare` names, enough truth on both sides, and less likely by chance than this look may spend.
    WARN: half as bad, and one in a hundred by chance. All else is OK, `reason` says where there was too little to tell.

    Args:
        baseline: Mature predictions of the past.
        current: Mature predictions of the present.
        compare: What counts as worse.
        looks_per_year: How often this is asked with something new to see.
        seed: Of the bootstrap: the same predictions give the same verdict.
    """
    compare = compare or Comparison()
    alpha = compare.false_alarms / looks_per_year
    accuracy = _accuracy(baseline, current, compare.accuracy_drop, alpha)
    error = _calibration(baseline, current, compare.calibration_rise, alpha, seed)
    return Verdict(
        accuracy_status=accuracy.status,
        calibration_status=error.status,
        reason=_reason(accuracy, error, int(baseline.decided.sum()), int(current.decided.sum())),
        enough=accuracy.enough,
        alpha=alpha,
        baseline_size=int(baseline.decided.sum()),
        current_size=int(current.decided.sum()),
        needed=accuracy.needed,
        baseline_accuracy=accuracy.baseline,
        current_accuracy=accuracy.current,
        accuracy_p=accuracy.p,
        calibration_needed=error.needed,
        baseline_calibration_error=error.baseline,
        current_calibration_error=error.current,
        calibration_p=error.p,
    )


def _accuracy(baseline: Judged, current: Judged, drop: float, alpha: float) -> _Test:
    (hits0, size0), (hits1, size1) = _hits(baseline), _hits(current)
    rate0, rate1 = (hits / size if size else None for hits, size in ((hits0, size0), (hits1, size1)))
    least = needed(rate0 if rate0 is not None else 0.5, drop)
    if rate0 is None or rate1 is None or min(size0, size1) < least:
        return _Test(rate0, rate1, least, enough=False, p=None, status="OK")
    p = drop_p_value(hits0, size0, hits1, size1)
    return _Test(rate0, rate1, least, enough=True, p=p, status=_status(rate0 - rate1, drop, p, alpha))


def _hits(judged: Judged) -> tuple[int, int]:
    decided = judged.where(judged.decided)
    return int(np.sum(decided.predicted == decided.actual)), len(decided)


def _calibration(baseline: Judged, current: Judged, rise: float, alpha: float, seed: int) -> _Test:
    before, after = _bins(baseline), _bins(current)
    error0, error1 = (bins.error if bins.size else None for bins in (before, after))
    scores = baseline.score[baseline.scored]
    spread = float(np.mean(scores * (1 - scores))) if len(scores) else 0.25
    least = math.ceil(round(16 * max(spread, LEAST_SPREAD) / rise**2, 9))
    if min(before.size, after.size) < least:
        return _Test(error0, error1, least, enough=False, p=None, status="OK")
    p = calibration.rise_p_value(before, after, alpha=alpha, seed=seed)
    return _Test(error0, error1, least, enough=True, p=p, status=_status(after.error - before.error, rise, p, alpha))


def _bins(judged: Judged) -> Bins:
    scored = judged.where(judged.scored)
    return calibration.binned(scored.score, scored.actual)


def _status(worse: float, least: float, p: float, alpha: float) -> Status:
    if worse >= least and p <= alpha:
        return "ALERT"
    return "WARN" if worse >= least / 2 and p <= WARN_P else "OK"


def _reason(accuracy: _Test, error: _Test, before: int, after: int) -> str:
    if not accuracy.enough:
        text = f"too little truth to tell: {before} and {after} predictions, {accuracy.needed} on each side are needed"
    else:
        text = (
            f"accuracy {accuracy.baseline:.3f} before, {accuracy.current:.3f} now "
            f"({before} and {after} predictions, p = {accuracy.p:.2g})"
        )
    if error.baseline is not None and error.current is not None:
        text += f"; calibration error {error.baseline:.3f} before, {error.current:.3f} now"
        text += f" (p = {error.p:.2g})" if error.p is not None else ""
    return text
