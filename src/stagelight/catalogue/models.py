"""How models do: drift of what they see and say, lag and coverage of truth, accuracy and calibration."""

from stagelight.catalogue.labels import DRIFT_SEVERITY, FEATURE, METHOD, MODEL, MODEL_VERSION, WINDOW
from stagelight.catalogue.rows import Metric

HOUR = 3600.0
DAY = 24 * HOUR

DRIFT_SCORE = Metric(
    name="stagelight_drift_score",
    kind="gauge",
    labels=(MODEL, MODEL_VERSION, FEATURE, METHOD),
    help="How far a feature has moved from its reference, by method; 0 is not at all.",
)
DRIFT_ALERTS = Metric(
    name="stagelight_drift_alerts_total",
    kind="counter",
    labels=(MODEL, MODEL_VERSION, DRIFT_SEVERITY),
    help="Checks that found drift beyond its threshold and beyond noise.",
)
LABEL_LAG = Metric(
    name="stagelight_label_lag_seconds",
    kind="histogram",
    unit="s",
    labels=(MODEL, MODEL_VERSION),
    buckets=(60.0, 600.0, HOUR, 6 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 180 * DAY),
    help="Time from a prediction to its truth.",
)
LABEL_COVERAGE = Metric(
    name="stagelight_label_coverage_ratio",
    kind="gauge",
    unit="percentunit",
    labels=(MODEL, MODEL_VERSION),
    help="Share of mature predictions whose truth is known.",
)
MODEL_ACCURACY = Metric(
    name="stagelight_model_accuracy",
    kind="gauge",
    unit="percentunit",
    labels=(MODEL, MODEL_VERSION, WINDOW),
    help="Share of predictions that turned out right, of those whose truth is known.",
)
MODEL_CALIBRATION_ERROR = Metric(
    name="stagelight_model_calibration_error",
    kind="gauge",
    labels=(MODEL, MODEL_VERSION, WINDOW),
    help="Mean gap between a model's confidence and how often it is right (ECE).",
)
