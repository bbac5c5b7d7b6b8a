"""What checks found, as metrics; and the counts of each bin, out of which Prometheus computes the drift of a whole fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stagelight.catalogue.fleet_drift import EFFECTIVE_RATIO, REFERENCE_ROWS, VALUES, category_bin, number_bin
from stagelight.catalogue.labels import DRIFT_SEVERITY, METHOD
from stagelight.catalogue.models import DRIFT_ALERTS, DRIFT_SCORE
from stagelight.drift.bins import NOT_A_NUMBER, NumberBins
from stagelight.stages import continue_trace
from stagelight.telemetry.instruments import counter, gauge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stagelight.drift.bins import Bins
    from stagelight.drift.reference import Reference
    from stagelight.store.drift_model import Measurement


def measured(found: Measurement) -> None:
    """Show the scores of a check, and count it where it is an alert; the example becomes the count's exemplar."""
    told = {name: getattr(found, name) for name in ("tenant", "workspace", "model", "model_version")}
    scores = gauge(DRIFT_SCORE)
    for method in METHOD.values:
        value = getattr(found, method)
        if value is not None:
            scores.labels(**told, feature=found.feature, method=method).set(value)
    alerts = counter(DRIFT_ALERTS)
    for severity in DRIFT_SEVERITY.values:
        alerts.declare(**told, severity=severity)
    if found.verdict == "alert":
        with continue_trace(_carrier(found)):
            alerts.labels(**told, severity=found.severity).inc()


def referred(whose: Mapping[str, str], reference: Reference) -> None:
    """Show the rows of a reference in each group, and have the counter of each begin at 0."""
    told = {**whose, "reference": reference.layout}
    held = np.add.reduceat(reference.sketch.counts, reference.bins.groups)
    for name, rows in zip(names(reference.bins), held.tolist(), strict=True):
        gauge(REFERENCE_ROWS).labels(**told, bin=name).set(rows)
        counter(VALUES).declare(**told, bin=name)
    gauge(EFFECTIVE_RATIO).labels(**told).set(1.0)


def counted(whose: Mapping[str, str], reference: Reference, counts: NDArray[np.int64]) -> None:
    """Count so many more values in each group."""
    told = {**whose, "reference": reference.layout}
    values = counter(VALUES)
    held = np.add.reduceat(counts, reference.bins.groups)
    for name, rows in zip(names(reference.bins), held.tolist(), strict=True):
        if rows:
            values.labels(**told, bin=name).inc(rows)


def resembling(whose: Mapping[str, str], reference: Reference, ratio: float) -> None:
    """Show how many independent rows each row is worth."""
    gauge(EFFECTIVE_RATIO).labels(**whose, reference=reference.layout).set(ratio)


def retired(whose: Mapping[str, str], reference: Reference) -> None:
    """Show a reference no more that holds no more; its counters stay where they are."""
    told = {**whose, "reference": reference.layout}
    for name in names(reference.bins):
        gauge(REFERENCE_ROWS).labels(**told, bin=name).remove()
    gauge(EFFECTIVE_RATIO).labels(**told).remove()


def names(bins: Bins) -> list[str]:
    """Return what the groups of `bins` are called: numbers in their order, so that Prometheus can add them up."""
    groups = bins.groups.size
    if isinstance(bins, NumberBins):
        return [number_bin(None if at == NOT_A_NUMBER else at - 1) for at in range(groups)]
    return [category_bin(at) for at in range(groups)]


def _carrier(found: Measurement) -> dict[str, str]:
    if not (found.trace_id and found.span_id):
        return {}
    return {"traceparent": f"00-{found.trace_id}-{found.span_id}-01"}
