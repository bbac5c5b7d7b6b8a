"""The figures of late truth, where Prometheus sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight import _guard
from stagelight.catalogue.models import (
    LABEL_COVERAGE,
    LABEL_LAG,
    MODEL_ACCURACY,
    MODEL_CALIBRATION_ERROR,
    MODEL_ESTIMATED_ACCURACY,
    MODEL_STATUS,
)
from stagelight.telemetry.instruments import gauge, histogram

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.store.outcome_model import Joined
    from stagelight.truth.assessment import Assessment
    from stagelight.truth.figures import Performance

STATUSES = ("OK", "WARN", "ALERT")  #: In the order of their numbers.
MAX_OBSERVED = 100_000  #: Lags of one join and bucket: an import of years must not hold the program up.


def show(*assessments: Assessment) -> None:
    """Set accuracy, calibration error, coverage and verdict of each version; never raises.

    The label `window` is `baseline` or `current`; `coming` is what came after it, whose truth is still to come.
    """
    with _guard.guard("truth"):
        for one in assessments:
            labels = {"model": one.type, "model_version": one.model_version}
            if one.coverage.ratio is not None:
                gauge(LABEL_COVERAGE).labels(**labels).set(one.coverage.ratio)
            for window, figures in (("baseline", one.baseline), ("current", one.current)):
                _show_figures(figures, labels | {"window": window})
            for window, estimate in (("current", one.estimated), ("coming", one.expected)):
                if estimate is not None:
                    gauge(MODEL_ESTIMATED_ACCURACY).labels(**labels, window=window).set(estimate.accuracy.value)
            statuses = {"accuracy": one.verdict.accuracy_status, "calibration": one.verdict.calibration_status}
            for figure, status in statuses.items():
                gauge(MODEL_STATUS).labels(**labels, figure=figure).set(STATUSES.index(status))


def show_lags(joined: Iterable[Joined]) -> None:
    """Observe how long the truth took that a join has found; `join` does it by itself. Never raises."""
    with _guard.guard("truth"):
        for one in joined:
            for lag in one.lags:
                handle = histogram(LABEL_LAG).labels(model=one.type, model_version=lag.model_version)
                for _ in range(min(lag.count, MAX_OBSERVED)):
                    handle.observe(lag.mean_seconds)


def _show_figures(figures: Performance, labels: dict[str, str]) -> None:
    if figures.accuracy is not None:
        gauge(MODEL_ACCURACY).labels(**labels).set(figures.accuracy.value)
    if figures.calibration_error is not None:
        gauge(MODEL_CALIBRATION_ERROR).labels(**labels).set(figures.calibration_error.value)
