"""The dashboard of models: drift without labels, accuracy and calibration with them, and how late and how many they come."""

from stagelight.catalogue import fleet_drift
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
from stagelight.catalogue.rows import Panel

MODELS = "Models"

PICKED = 'model=~"$model",model_version=~"$model_version"'
CHOSEN = f"{{{PICKED}}}"
FEATURES = f'{{{PICKED},feature=~"$feature"}}'
METHODS = f'{{{PICKED},feature=~"$feature",method=~"$method"}}'
VERSION = "tenant, workspace, model, model_version"
NAMED = "{{model}} {{model_version}} {{tenant}}"

STATUS = Panel(
    name="Verdicts",
    dashboard=MODELS,
    section="Models now",
    kind="table",
    expr=(f"max by ({VERSION}, figure) ({MODEL_STATUS.name}{CHOSEN})",),
    help="Each version against its own past: 0 is OK, 1 WARN, 2 ALERT.",
    width=8,
)
MOST_DRIFTED = Panel(
    name="Most drifted features",
    dashboard=MODELS,
    section="Models now",
    kind="table",
    expr=(f'topk(10, max by ({VERSION}, feature) ({DRIFT_SCORE.name}{{{PICKED},method="psi"}}))',),
    help="PSI of the last check: 0.1 is low, 0.25 medium, 0.5 high, 1 critical.",
    width=8,
)
COVERAGE_NOW = Panel(
    name="Labels known",
    dashboard=MODELS,
    section="Models now",
    kind="gauge",
    expr=(f"min by ({VERSION}) ({LABEL_COVERAGE.name}{CHOSEN})",),
    legend=(NAMED,),
    unit="percentunit",
    help="Of the predictions that are mature, the share whose truth is known.",
    width=8,
)
DRIFT = Panel(
    name="Drift by feature and method",
    dashboard=MODELS,
    section="Drift, without labels",
    kind="timeseries",
    expr=(f"max by ({VERSION}, feature, method) ({DRIFT_SCORE.name}{METHODS})",),
    legend=(NAMED + " {{feature}} {{method}}",),
    help="As each process's last check found it.",
)
FLEET = Panel(
    name="PSI of the whole fleet",
    dashboard=MODELS,
    section="Drift, without labels",
    kind="timeseries",
    expr=(
        f"max by ({VERSION}, feature) ({fleet_drift.PSI.name}{FEATURES})",
        f"max by ({VERSION}, feature) ({fleet_drift.NOISE.name}{FEATURES})",
    ),
    legend=(NAMED + " {{feature}}", NAMED + " {{feature}}: chance stays below"),
    help="Out of the last hour's values of all processes together, and what chance alone would come to once in a thousand times.",
)
FOUND = Panel(
    name="Checks that found drift",
    dashboard=MODELS,
    section="Drift, without labels",
    kind="bars",
    expr=(f"sum by ({VERSION}, severity) (increase({DRIFT_ALERTS.name}{CHOSEN}[$__rate_interval]))",),
    legend=(NAMED + " {{severity}}",),
    help="Beyond the threshold and beyond noise.",
)
ESTIMATED = Panel(
    name="Accuracy, labelled and estimated",
    dashboard=MODELS,
    section="Drift, without labels",
    kind="timeseries",
    expr=(
        f"max by ({VERSION}, window) ({MODEL_ACCURACY.name}{CHOSEN})",
        f"max by ({VERSION}, window) ({MODEL_ESTIMATED_ACCURACY.name}{CHOSEN})",
    ),
    legend=(NAMED + " {{window}}", NAMED + " {{window}}, estimated"),
    unit="percentunit",
    help="The estimate needs no labels, and does not see when labels change their meaning.",
)
CALIBRATION = Panel(
    name="Calibration error",
    dashboard=MODELS,
    section="With labels",
    kind="timeseries",
    expr=(f"max by ({VERSION}, window) ({MODEL_CALIBRATION_ERROR.name}{CHOSEN})",),
    legend=(NAMED + " {{window}}",),
    help="Mean gap between how sure the model is and how often it is right.",
)
COVERAGE = Panel(
    name="Label coverage",
    dashboard=MODELS,
    section="With labels",
    kind="timeseries",
    expr=(f"min by ({VERSION}) ({LABEL_COVERAGE.name}{CHOSEN})",),
    legend=(NAMED,),
    unit="percentunit",
    help="Of the predictions that are mature, the share whose truth is known.",
)
LAG = Panel(
    name="Label lag",
    dashboard=MODELS,
    section="With labels",
    kind="timeseries",
    expr=tuple(
        f"histogram_quantile({quantile}, sum by (model, model_version, le) (increase({LABEL_LAG.name}_bucket{CHOSEN}[1d])))"
        for quantile in (0.5, 0.9, 0.99)
    ),
    legend=tuple(f"{{{{model}}}} {{{{model_version}}}} {share} % are there after" for share in (50, 90, 99)),
    unit="s",
    help="Time from a prediction to its truth, of those whose truth came within a day.",
)
LABELS = Panel(
    name="Labels that came",
    dashboard=MODELS,
    section="With labels",
    kind="bars",
    expr=(f"sum by (model, model_version) (increase({LABEL_LAG.name}_count{CHOSEN}[$__rate_interval]))",),
    legend=("{{model}} {{model_version}}",),
    help="Predictions whose truth became known.",
)
