"""What every stage yields, whether or not its span is sampled."""

from stagelight.catalogue.labels import ERROR_TYPE, MODEL_VERSION, OUTCOME, STAGE, TENANT, WORKSPACE
from stagelight.catalogue.rows import Metric

STAGE_CALLS = Metric(
    name="stagelight_stage_calls_total",
    kind="counter",
    labels=(STAGE, OUTCOME, ERROR_TYPE, MODEL_VERSION, TENANT, WORKSPACE),
    help="Calls of a stage that ended, by outcome.",
)
STAGE_DURATION = Metric(
    name="stagelight_stage_duration_seconds",
    kind="histogram",
    unit="s",
    labels=(STAGE, MODEL_VERSION, TENANT, WORKSPACE),
    buckets=(0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    help="Time from the start of a stage to its end.",
)
STAGES_ACTIVE = Metric(
    name="stagelight_stages_active",
    kind="gauge",
    labels=(STAGE,),
    help="Stages that have started and not yet ended.",
)
