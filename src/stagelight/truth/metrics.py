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

    from stagelight.catalogue import Metric
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
            labels |= {"tenant": one.tenant, "workspace": one.workspace}
            if one.coverage.ratio is not None:
                gauge(LABEL_COVERAGE).labels(**labels).set(one.coverage.ratio)
            for window, figures in (("baseline", one.baseline), ("current", one.current)):
                _show_figures(figures, labels | {"window": window})
            for window, estimate in (("current", one.estimated), ("coming", one.expected)):
                value = estimate.accuracy.value if estimate else None
                _show_or_forget(MODEL_ESTIMATED_ACCURACY, labels | {"window": window}, value)
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
    for row, found in ((MODEL_ACCURACY, figures.accuracy), (MODEL_CALIBRATION_ERROR, figures.calibration_error)):
        _show_or_forget(row, labels, found.value if found else None)


def _show_or_forget(row: Metric, labels: dict[str, str], value: float | None) -> None:
    """Show a figure; where there is none any more, the last one must not go on standing for it."""
    handle = gauge(row).labels(**labels)
    if value is None:
        handle.remove()
    else:
        handle.set(value)
