"""The single source of truth: what is measured, watched, promised and shown, as frozen rows. No I/O, no OpenTelemetry.

Instruments are made from these rows at run time; dashboards, rules, runbooks and the reference are generated from them.
A row is added in the module of its subject and appears in `METRICS` by itself.
"""

from stagelight.catalogue import feedback, internal, labels, stages
from stagelight.catalogue.rows import Alert, Kind, Label, Metric, Panel, Runbook, Slo, collected

METRICS = collected(Metric, stages, feedback, internal)
ALERTS = collected(Alert, stages, feedback, internal)
SLOS = collected(Slo, stages, feedback, internal)
PANELS = collected(Panel, stages, feedback, internal)

__all__ = [
    "ALERTS",
    "METRICS",
    "PANELS",
    "SLOS",
    "Alert",
    "Kind",
    "Label",
    "Metric",
    "Panel",
    "Runbook",
    "Slo",
    "labels",
]
