"""The single source of truth: what is measured, watched, promised and shown, as frozen rows. No I/O, no OpenTelemetry.

Instruments are made from these rows at run time; dashboards, rules, runbooks and the reference are generated from them.
A row is added in the module of its subject and appears in `METRICS` by itself.
"""

from stagelight.catalogue import (
    delivery_alerts,
    feedback,
    internal,
    labels,
    models,
    panels,
    pipeline,
    pipeline_alerts,
    rl_feedback,
    stage_alerts,
    stages,
)
from stagelight.catalogue.rows import Alert, Foreign, Kind, Label, Metric, Panel, Runbook, Scenario, Slo, collected

METRICS = collected(Metric, stages, feedback, rl_feedback, models, internal)
FOREIGN = collected(Foreign, pipeline)
ALERTS = collected(Alert, stage_alerts, delivery_alerts, pipeline_alerts)
SLOS = collected(Slo, stage_alerts, delivery_alerts)
PANELS = collected(Panel, panels)

__all__ = [
    "ALERTS",
    "FOREIGN",
    "METRICS",
    "PANELS",
    "SLOS",
    "Alert",
    "Foreign",
    "Kind",
    "Label",
    "Metric",
    "Panel",
    "Runbook",
    "Scenario",
    "Slo",
    "labels",
]
