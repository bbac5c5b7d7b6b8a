"""`assess`: everything there is to say of every version of a model now, in one call; `keep`: write its verdict down."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stagelight import _clock
from stagelight.store.outcome_model import KeptVerdict
from stagelight.truth.bias import coverage_bias
from stagelight.truth.cbpe import estimate
from stagelight.truth.figures import performance
from stagelight.truth.joining import judged
from stagelight.truth.verdict import compare_windows, windows

if TYPE_CHECKING:
    from stagelight.store import Store
    from stagelight.store.outcome_model import Coverage
    from stagelight.truth.arrays import Judged
    from stagelight.truth.bias import CoverageBias
    from stagelight.truth.cbpe import Estimate
    from stagelight.truth.figures import Performance
    from stagelight.truth.rules import Rule
    from stagelight.truth.verdict import Verdict, Windows


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known of one version of a model, mature predictions alone; what is not mature is under `expected`."""

    type: str
    model_version: str
    tenant: str
    workspace: str
    coverage: Coverage  #: Of all its predictions that are kept.
    windows: Windows
    baseline: Performance
    current: Performance
    verdict: Verdict
    estimated: Estimate | None  #: For the current window, beside the measured accuracy.
    expected: Estimate | None  #: For what came after it, whose truth is still to come.
    bias: CoverageBias  #: Of the current window.

    def as_dict(self) -> dict[str, Any]:
        """As JSON's types."""
        return asdict(self) | {
            "coverage": asdict(self.coverage) | {"ratio": self.coverage.ratio},
            "baseline": self.baseline.as_dict(),
            "current": self.current.as_dict(),
            "verdict": self.verdict.as_dict(),
        }


def assess(
    store: Store,
    rule: Rule,
    model_version: str | None = None,
    *,
    now: float | None = None,
    tenant: str | None = None,
    workspace: str | None = None,
) -> list[Assessment]:
    """Judge the present of each version against its past, as the rule says; call `join` first.

    The same truth at the same time gives the same answers.

    Args:
        store: After a join.
        rule: Of the type of prediction.
        model_version: This one alone; all that predicted if None, each by itself.
        now: Seconds since 1970; the clock's if None.
        tenant: Whose; everybody's, each by himself, if None.
        workspace: Whose; everybody's, each by himself, if None.

    Raises:
        StoreUnavailableError: The database cannot be reached.
    """
    moment = _clock.wall_ns() / 1e9 if now is None else now
    found = store.outcomes.coverage(rule.type, now=moment, tenant=tenant)
    return [
        _assessed(store, rule, one, moment)
        for one in found
        if model_version in (None, one.model_version) and workspace in (None, one.workspace)
    ]


def _assessed(store: Store, rule: Rule, coverage: Coverage, now: float) -> Assessment:
    spans = windows(now, maturity_s=rule.labelling.maturity_s, compare=rule.compare)
    owner = {"tenant": coverage.tenant, "workspace": coverage.workspace}

    def between(since: float, until: float, *, mature: bool = True) -> Judged:
        return judged(store, rule.type, coverage.model_version, since, until, now=now, mature=mature, **owner)

    past = between(spans.baseline_since, spans.current_since)
    present = between(spans.current_since, spans.current_until)
    coming = between(spans.current_until, now + 1, mature=False)
    return Assessment(
        type=rule.type,
        model_version=coverage.model_version,
        **owner,
        coverage=coverage,
        windows=spans,
        baseline=performance(past),
        current=performance(present),
        verdict=compare_windows(past, present, compare=rule.compare, looks_per_year=spans.looks_per_year),
        estimated=estimate(past, present),
        expected=estimate(past, coming),
        bias=coverage_bias(present),
    )


def keep(store: Store, assessment: Assessment, *, judged_ns: int | None = None) -> None:
    """Write the verdict down: the view v_drift_alerts shows the newest of each model version.

    Args:
        store: Where.
        assessment: As `assess` gave it.
        judged_ns: When; the clock's now if None. The same moment again changes nothing.
    """
    verdict, spans = assessment.verdict, assessment.windows
    store.outcomes.keep(
        KeptVerdict(
            type=assessment.type,
            model_version=assessment.model_version,
            judged_ns=_clock.wall_ns() if judged_ns is None else judged_ns,
            accuracy_status=verdict.accuracy_status,
            calibration_status=verdict.calibration_status,
            reason=verdict.reason,
            figures=json.dumps(_figures(assessment)),
            baseline_size=verdict.baseline_size,
            current_size=verdict.current_size,
            baseline_since=spans.baseline_since,
            baseline_until=spans.current_since,
            current_since=spans.current_since,
            current_until=spans.current_until,
            baseline_accuracy=verdict.baseline_accuracy,
            current_accuracy=verdict.current_accuracy,
            accuracy_p=verdict.accuracy_p,
            baseline_calibration_error=verdict.baseline_calibration_error,
            current_calibration_error=verdict.current_calibration_error,
            calibration_p=verdict.calibration_p,
            estimated_accuracy=assessment.estimated.accuracy.value if assessment.estimated else None,
            tenant=assessment.tenant,
            workspace=assessment.workspace,
        )
    )


def _figures(found: Assessment) -> dict[str, Any]:
    """The verdict's figures, and those beside it that a page shows without reading the predictions again."""
    coming = found.expected
    return found.verdict.as_dict() | {
        "predictions": found.current.predictions,
        "labelled": found.current.labelled,
        "accuracy_interval": asdict(found.current.accuracy) if found.current.accuracy else None,
        "curve": [asdict(point) for point in found.current.curve],
        "bias": {"distance": found.bias.distance, "noise": found.bias.noise},
        "expected": {"predictions": coming.predictions, **asdict(coming.accuracy)} if coming else None,
    }
