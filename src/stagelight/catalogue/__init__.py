"""The single source of truth: what is measured, watched, promised and shown, as frozen rows. No I/O, no OpenTelemetry.

Instruments are made from these rows at run time; dashboards, rules, runbooks and the reference are generated from them.
A row is added in the module of its subject and appears in `METRICS` by itself.
"""

from stagelight.catalogue import (
    delivery_alerts,
    feedback,
    fleet_drift,
    internal,
    labels,
    models,
    models_alerts,
    models_panels,
    models_runbook,
    panels,
    pipeline,
    pipeline_alerts,
    rl_feedback,
    rl_feedback_alerts,
    rl_feedback_panels,
    rl_feedback_runbook,
    stage_alerts,
    stages,
)
from stagelight.catalogue.rows import (
    Alert,
    Foreign,
    Kind,
    Label,
    Metric,
    Panel,
    Recording,
    Runbook,
    Scenario,
    Section,
    Slo,
    collected,
)

METRICS = collected(Metric, stages, feedback, rl_feedback, models, fleet_drift, internal)
FOREIGN = collected(Foreign, pipeline)
ALERTS = collected(Alert, stage_alerts, delivery_alerts, rl_feedback_alerts, models_alerts, pipeline_alerts)
SLOS = collected(Slo, stage_alerts, delivery_alerts, rl_feedback_alerts)
PANELS = collected(Panel, panels, rl_feedback_panels, models_panels)
RECORDINGS = collected(Recording, models, fleet_drift)
SECTIONS = collected(Section, rl_feedback_runbook, models_runbook)

__all__ = [
    "ALERTS",
    "FOREIGN",
    "METRICS",
    "PANELS",
    "RECORDINGS",
    "SECTIONS",
    "SLOS",
    "Alert",
    "Foreign",
    "Kind",
    "Label",
    "Metric",
    "Panel",
    "Recording",
    "Runbook",
    "Scenario",
    "Section",
    "Slo",
    "labels",
]
