"""How models do: drift of what they see and say, lag and coverage of truth, accuracy and calibration.

A model's name is its tenant's own. What belongs to another than the default one says so by labels besides the contract's.
"""

from stagelight.catalogue.labels import DRIFT_SEVERITY, FEATURE, FIGURE, METHOD, MODEL, MODEL_VERSION, OWNER, WINDOW
from stagelight.catalogue.rows import Metric

HOUR = 3600.0
DAY = 24 * HOUR

#: The alerts of this subject by name: rules in Prometheus raise them, and so do the loops, with the figures at hand.
MODEL_DRIFT, CONCEPT_DRIFT, CALIBRATION_DRIFT, LABELS_LATE = (
    "StagelightModelDrift",
    "StagelightConceptDrift",
    "StagelightCalibrationDrift",
    "StagelightLabelsLate",
)

DRIFT_SCORE = Metric(
    name="stagelight_drift_score",
    kind="gauge",
    labels=(MODEL, MODEL_VERSION, FEATURE, METHOD, *OWNER),
    help="How far a feature has moved from its reference, by method; 0 is not at all.",
)
DRIFT_ALERTS = Metric(
    name="stagelight_drift_alerts_total",
    kind="counter",
    labels=(MODEL, MODEL_VERSION, DRIFT_SEVERITY, *OWNER),
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
    labels=(MODEL, MODEL_VERSION, *OWNER),
    help="Share of mature predictions whose truth is known.",
)
MODEL_ACCURACY = Metric(
    name="stagelight_model_accuracy",
    kind="gauge",
    unit="percentunit",
    labels=(MODEL, MODEL_VERSION, WINDOW, *OWNER),
    help="Share of predictions that turned out right, of those whose truth is known.",
)
MODEL_CALIBRATION_ERROR = Metric(
    name="stagelight_model_calibration_error",
    kind="gauge",
    labels=(MODEL, MODEL_VERSION, WINDOW, *OWNER),
    help="Mean gap between a model's confidence and how often it is right (ECE).",
)
MODEL_ESTIMATED_ACCURACY = Metric(
    name="stagelight_model_estimated_accuracy",
    kind="gauge",
    unit="percentunit",
    labels=(MODEL, MODEL_VERSION, WINDOW, *OWNER),
    help="Accuracy to expect before the truth is there, from scores alone (CBPE); blind to labels that change their meaning.",
)
MODEL_STATUS = Metric(
    name="stagelight_model_status",
    kind="gauge",
    labels=(MODEL, MODEL_VERSION, FIGURE, *OWNER),
    help="Verdict of the last comparison of a version with its own past: 0 is OK, 1 WARN, 2 ALERT.",
)
