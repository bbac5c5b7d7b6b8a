"""What analyses found, as what people are told: severity, figures, examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stagelight.alerts import Finding
from stagelight.alerts.finding import Subject

if TYPE_CHECKING:
    from stagelight.alerts.finding import Kind, Level
    from stagelight.store import Store
    from stagelight.store.drift_model import Measurement
    from stagelight.truth.assessment import Assessment
    from stagelight.truth.rules import Rule

EXAMPLES: Final = 5  #: Traces that an alert names.
STEPS: Final[tuple[tuple[float, Level], ...]] = ((4.0, "critical"), (2.0, "high"), (1.0, "medium"))


def result_of(found: Assessment) -> dict[str, Any]:
    """Return what an analysis found of a model version, as JSON's types."""
    return {
        "prediction_type": found.type,
        "model_version": found.model_version,
        "tenant": found.tenant,
        "workspace": found.workspace,
        "coverage": found.coverage.ratio,
        "estimated_accuracy": found.estimated.accuracy.value if found.estimated else None,
        "expected_accuracy": found.expected.accuracy.value if found.expected else None,
    } | found.verdict.as_dict()


def subjects_of(found: Assessment) -> list[Subject]:
    """Return what an assessment could have been a finding about, where there was enough truth to tell."""
    told = {"accuracy_degradation": found.verdict.accuracy_p, "calibration_drift": found.verdict.calibration_p}
    kinds = [kind for kind, p_value in told.items() if p_value is not None]
    return [Subject(kind, found.type, found.model_version, "", found.tenant, found.workspace) for kind in kinds]


def of_assessment(store: Store, found: Assessment, rule: Rule) -> list[Finding]:
    """Return what is told of a model version: nothing, or that accuracy or calibration got worse, or both."""
    owner = {"tenant": found.tenant, "workspace": found.workspace}
    verdict, spans = found.verdict, found.windows
    about: list[tuple[Kind, str, float | None, float | None, float | None, float | None, float]] = [
        (
            "accuracy_degradation",
            verdict.accuracy_status,
            verdict.baseline_accuracy,
            verdict.current_accuracy,
            verdict.accuracy_p,
            verdict.accuracy_drop,
            rule.compare.accuracy_drop,
        ),
        (
            "calibration_drift",
            verdict.calibration_status,
            verdict.baseline_calibration_error,
            verdict.current_calibration_error,
            verdict.calibration_p,
            verdict.calibration_rise,
            rule.compare.calibration_rise,
        ),
    ]
    wrong = (found.type, found.model_version, spans.current_since, spans.current_until)
    return [
        Finding(
            kind=kind,
            model=found.type,
            model_version=found.model_version,
            severity=severity_of(worse, least),
            baseline=before,
            current=now,
            p_value=p_value,
            baseline_size=verdict.baseline_size,
            current_size=verdict.current_size,
            estimated=found.estimated.accuracy.value if found.estimated else None,
            trace_ids=tuple(
                store.outcomes.mistakes(*wrong, tenant=found.tenant, workspace=found.workspace, limit=EXAMPLES)
            ),
            **owner,
        )
        for kind, status, before, now, p_value, worse, least in about
        if status == "ALERT" and before is not None and now is not None and worse is not None
    ]


def of_measurement(found: Measurement) -> Finding:
    """Return what is told of a feature that drifted."""
    return Finding(
        kind="score_drift",
        model=found.model,
        model_version=found.model_version,
        severity=found.severity,  # type: ignore[arg-type]  # an alert's is one of the four
        feature=found.feature,
        baseline=0.0,
        current=found.psi,
        p_value=found.p_value,
        baseline_size=found.reference_rows,
        current_size=found.rows,
        trace_ids=(found.trace_id,) if found.trace_id else (),
        tenant=found.tenant,
        workspace=found.workspace,
    )


def severity_of(worse: float, least: float) -> Level:
    """Return how bad a change is: medium from what counts as worse, high from twice that, critical from four times.

    >>> [severity_of(worse, 0.05) for worse in (0.04, 0.05, 0.1, 0.3)]
    ['low', 'medium', 'high', 'critical']
    """
    return next((level for times, level in STEPS if worse >= times * least - 1e-12), "low")
