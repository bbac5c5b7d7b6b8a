"""What is watched of models: drift before labels come, accuracy and calibration once they have, and that they come in time."""

from stagelight.catalogue import fleet_drift, models
from stagelight.catalogue.models import (
    DRIFT_ALERTS,
    DRIFT_SCORE,
    LABEL_COVERAGE,
    LABEL_LAG,
    MODEL_ACCURACY,
    MODEL_CALIBRATION_ERROR,
    MODEL_ESTIMATED_ACCURACY,
    MODEL_STATUS,
)
from stagelight.catalogue.rows import Alert, Course, Metric, Runbook, Scenario
from stagelight.catalogue.scenarios import Observed, histogram, series

PAGE = fleet_drift.PAGE
VERSION = "tenant, workspace, model, model_version"
FEATURE = f"{VERSION}, feature"
CHURN = {"model": "churn", "model_version": "v3"}
AGE = {**CHURN, "feature": "age"}
DAY = 86_400.0

# A check that finds drift counts it; of a counter that comes into being with it, `increase` would see nothing.
FOUND = (
    f"sum by ({VERSION}) (increase({DRIFT_ALERTS.name}[$window])) > 0\n"
    f"    or sum by ({VERSION}) ({DRIFT_ALERTS.name} unless {DRIFT_ALERTS.name} offset $window) > 0"
)


def _score(calm: float | None, breach: float | None) -> Course:
    return Course(series(DRIFT_SCORE.name, **AGE, method="psi"), calm, breach)


def _found(calm: float | None, breach: float | None) -> Course:
    return Course(series(DRIFT_ALERTS.name, **CHURN, severity="medium"), calm, breach)


def _fleet(breach: tuple[float, float]) -> tuple[Course, ...]:
    """Values of two processes in two groups, half and half in the reference; in the breach so many a minute in each."""
    whose = {**AGE, "reference": "r1"}
    return (
        *(
            Course(series(fleet_drift.VALUES.name, **whose, bin=name, instance=process), 30, rate)
            for process in ("a", "b")
            for name, rate in zip(("00", "01"), breach, strict=True)
        ),
        *(Course(series(fleet_drift.REFERENCE_ROWS.name, **whose, bin=name), 5000, 5000) for name in ("00", "01")),
        Course(series(fleet_drift.EFFECTIVE_RATIO.name, **whose), 1, 1),
    )


MODEL_DRIFT = Alert(
    name=models.MODEL_DRIFT,
    expr=(
        # What Prometheus computes out of all processes' counts, or what a process's own check found.
        f"max by ({FEATURE}) ({fleet_drift.MODEL_DRIFT_EXPR})\n"
        f'or max by ({FEATURE}) ({DRIFT_SCORE.name}{{method="psi"}}) > $threshold\n'
        f"  and on ({VERSION}) ({FOUND})"
    ),
    threshold=0.1,
    minimum=200,
    window="2h",
    for_="10m",
    severity="warning",
    summary='{{ $labels.feature }} of {{ $labels.model }} {{ $labels.model_version }} has drifted: PSI {{ printf "%.2f" $value }}',
    means="What the model sees or says is distributed otherwise than in its reference, beyond what chance would do.",
    first_step="Which feature moved first, and when? The dashboard Models shows it; then look at what feeds that feature.",
    runbook=Runbook(
        name="Drift",
        page=PAGE,
        look=(
            f'max by ({FEATURE}) ({DRIFT_SCORE.name}{{method="psi"}})',
            f"max by ({FEATURE}) ({fleet_drift.PSI.name})",
            f"max by ({FEATURE}) ({fleet_drift.NOISE.name})",
            f"sum by ({VERSION}, severity) (increase({DRIFT_ALERTS.name}[1d]))",
            f"max by ({VERSION}, window) ({MODEL_ESTIMATED_ACCURACY.name})",
        ),
        mitigate=(
            "One feature alone: a sensor, a unit, a default value, a new source; compare the newest rows with old ones.",
            "Many features at once: other users, another season, or a deployment before the model.",
            "The score alone, and no feature: the model itself changed; was another version deployed under the same name?",
            "Look at the estimated accuracy; labels have confirmed no loss yet. Drift that costs nothing needs a new reference.",
            "What came in is right and stays so: retrain, then freeze a new reference with the new version.",
        ),
    ),
    scenarios=(
        Scenario(courses=_fleet((54, 6)), labels=AGE, says="age of churn v3 has drifted: PSI 0.88"),
        Scenario(courses=(_score(0.02, 0.3), _found(0, 1)), labels=AGE, says="age of churn v3 has drifted: PSI 0.30"),
        Scenario(
            courses=(_score(0.02, 0.3), _found(None, 1)), labels=AGE, says="age of churn v3 has drifted: PSI 0.30"
        ),
        Scenario(courses=_fleet((33, 27)), fires=False),
        Scenario(courses=(_score(0.02, 0.3), _found(0, 0)), fires=False),
    ),
)


def _status(figure: str, calm: float | None, breach: float | None) -> Course:
    return Course(series(MODEL_STATUS.name, **CHURN, figure=figure), calm, breach)


def _now(metric: Metric, calm: float, breach: float) -> Course:
    return Course(series(metric.name, **CHURN, window="current"), calm, breach)


def _worse(metric: Metric, figure: str) -> str:
    """What a figure is now, where the comparison with the version's own past said ALERT."""
    return (
        f'max by ({VERSION}) ({metric.name}{{window="current"}})\n'
        f'and max by ({VERSION}) ({MODEL_STATUS.name}{{figure="{figure}"}}) >= $threshold'
    )


CONCEPT_DRIFT = Alert(
    name=models.CONCEPT_DRIFT,
    expr=_worse(MODEL_ACCURACY, "accuracy"),
    threshold=2,
    severity="warning",
    summary="{{ $labels.model }} {{ $labels.model_version }} is right in {{ $value | humanizePercentage }}, less often than it was",
    means=(
        "Truth has come, and the version is worse than in its own past: by more than its rule allows, on enough labels, and"
        " so surely that a version which did not change is taken for worse in one year of a hundred."
    ),
    first_step="Compare accuracy before and now on the dashboard Models; the message of the same name from the loop has examples.",
    runbook=Runbook(
        name="Concept drift",
        page=PAGE,
        look=(
            f"max by ({VERSION}, window) ({MODEL_ACCURACY.name})",
            f"max by ({VERSION}, window) ({MODEL_ESTIMATED_ACCURACY.name})",
            f"max by ({VERSION}) ({LABEL_COVERAGE.name})",
            f'max by ({FEATURE}) ({DRIFT_SCORE.name}{{method="psi"}})',
            "$ stagelight truth status",
        ),
        mitigate=(
            "Go back to the version before, if it was judged better on the same days.",
            "Estimated and labelled accuracy fell together: what comes in changed; see Drift.",
            "The estimate stayed and the labelled one fell: labels changed their meaning. Is the rule for truth still right?",
            "Coverage fell at the same time: those who are labelled may be others than before; look at its bias first.",
            "Retrain on labels of the current window, and have the new version judged before it takes over.",
        ),
    ),
    scenarios=(
        Scenario(
            courses=(_status("accuracy", 0, 2), _status("calibration", 0, 0), _now(MODEL_ACCURACY, 0.9, 0.8)),
            labels=CHURN,
            says="churn v3 is right in 80%, less often than it was",
        ),
        Scenario(
            courses=(_status("accuracy", 0, 1), _status("calibration", 2, 2), _now(MODEL_ACCURACY, 0.9, 0.8)),
            fires=False,
        ),
    ),
)
CALIBRATION_DRIFT = Alert(
    name=models.CALIBRATION_DRIFT,
    expr=_worse(MODEL_CALIBRATION_ERROR, "calibration"),
    threshold=2,
    severity="warning",
    summary=(
        "The scores of {{ $labels.model }} {{ $labels.model_version }} no longer say how often it is right:"
        ' they are off by {{ printf "%.2f" $value }}'
    ),
    means="The calibration error is larger than in the version's own past, by more than its rule allows and beyond chance.",
    first_step="Does anything decide by a threshold on the score? It decides otherwise than it was meant to.",
    runbook=Runbook(
        name="Calibration",
        page=PAGE,
        look=(
            f"max by ({VERSION}, window) ({MODEL_CALIBRATION_ERROR.name})",
            f"max by ({VERSION}, window) ({MODEL_ACCURACY.name})",
        ),
        mitigate=(
            "Recalibrate on the newest labels (isotonic); ranking by score may still be right.",
            "Until then, set thresholds by the share they let through and not by the score.",
            "Accuracy fell too: see Concept drift; calibration follows from it.",
        ),
    ),
    scenarios=(
        Scenario(
            courses=(
                _status("accuracy", 0, 0),
                _status("calibration", 0, 2),
                _now(MODEL_CALIBRATION_ERROR, 0.02, 0.11),
            ),
            labels=CHURN,
            says="The scores of churn v3 no longer say how often it is right: they are off by 0.11",
        ),
        Scenario(
            courses=(
                _status("accuracy", 2, 2),
                _status("calibration", 0, 1),
                _now(MODEL_CALIBRATION_ERROR, 0.02, 0.11),
            ),
            fires=False,
        ),
    ),
)


def _lag(window: str) -> str:
    return f"histogram_quantile(0.9, sum by (model, le) (increase({LABEL_LAG.name}_bucket{window})))"


def _lagging(calm: Observed, breach: Observed) -> tuple[Course, ...]:
    return (
        *histogram(LABEL_LAG, calm=calm, breach=breach, **CHURN),
        Course(series(f"{LABEL_LAG.name}_count", **CHURN), calm.per_minute, breach.per_minute),
    )


def _coverage(calm: float, breach: float) -> Course:
    return Course(series(LABEL_COVERAGE.name, **CHURN), calm, breach)


LABELS_LATE = Alert(
    name=models.LABELS_LATE,
    expr=(
        f"{_lag('[$window]')} > $threshold\n"
        f"    * {_lag('[$before] offset $window')}\n"
        f"  and on (model) sum by (model) (increase({LABEL_LAG.name}_count[$window])) >= $minimum\n"
        f"or avg by (tenant, workspace, model) ({LABEL_COVERAGE.name}) * $threshold\n"
        f"    < avg by (tenant, workspace, model) (avg_over_time({LABEL_COVERAGE.name}[$before] offset $window))"
    ),
    threshold=1.5,
    minimum=20,
    window="1d",
    before="7d",
    severity="ticket",
    summary="The truth about {{ $labels.model }} comes later than it did, or not at all",
    means="Labels take half as long again as in the week before, or far fewer of those that should be there are.",
    first_step="Has the job run that brings the truth? Its last result and its log say so.",
    runbook=Runbook(
        name="Late labels",
        page=PAGE,
        look=(
            f"histogram_quantile(0.5, sum by (model, model_version, le) (increase({LABEL_LAG.name}_bucket[1d])))",
            f"histogram_quantile(0.9, sum by (model, model_version, le) (increase({LABEL_LAG.name}_bucket[1d])))",
            f"max by ({VERSION}) ({LABEL_COVERAGE.name})",
            f"sum by (model) (increase({LABEL_LAG.name}_count[1d]))",
            "$ stagelight truth status",
            "$ stagelight truth join",
        ),
        mitigate=(
            "The job that brings truth failed or was skipped: `stagelight truth join` catches up, and twice does no harm.",
            "Truth comes, and is joined to nothing: did the event's name or the entity's id change? The rule says what it expects.",
            "It is the source that is late: nothing to do but to wait; accuracy of these days stays provisional until then.",
            "Volume grew and people label by hand: label a random sample, never the easy ones first.",
        ),
    ),
    scenarios=(
        Scenario(courses=_lagging(Observed(DAY, 1), Observed(5 * DAY, 1)), labels={"model": "churn"}),
        Scenario(courses=(_coverage(0.9, 0.4),), labels={"model": "churn"}),
        Scenario(courses=(*_lagging(Observed(DAY, 1), Observed(DAY, 0.2)), _coverage(0.9, 0.7)), fires=False),
    ),
)
