"""The single source of truth: what is measured, watched, promised and shown, as frozen rows. No I/O, no OpenTelemetry.

Instruments are made from these rows at run time; dashboards, rules, runbooks and the reference are generated from them.
A row is added in the module of its subject and appears in `METRICS` by itself.

Tables are put together when they are first asked for: a program that records metrics needs no alerts and no panels.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stagelight.catalogue import labels
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    METRICS: Mapping[str, Metric]
    FOREIGN: Mapping[str, Foreign]
    ALERTS: Mapping[str, Alert]
    SLOS: Mapping[str, Slo]
    PANELS: Mapping[str, Panel]
    RECORDINGS: Mapping[str, Recording]
    SECTIONS: Mapping[str, Section]

_TABLES: dict[str, tuple[type[Any], str]] = {
    "METRICS": (Metric, "stages feedback rl_feedback models fleet_drift internal"),
    "FOREIGN": (Foreign, "pipeline"),
    "ALERTS": (Alert, "stage_alerts delivery_alerts rl_feedback_alerts models_alerts pipeline_alerts"),
    "SLOS": (Slo, "stage_alerts delivery_alerts rl_feedback_alerts"),
    "PANELS": (Panel, "panels rl_feedback_panels models_panels"),
    "RECORDINGS": (Recording, "models fleet_drift"),
    "SECTIONS": (Section, "rl_feedback_runbook models_runbook"),
}  #: Kind of row, and the modules of the subjects that have such rows.

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


def __getattr__(name: str) -> Any:
    """Put a table together, and keep it."""
    if name not in _TABLES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    kind, subjects = _TABLES[name]
    table = collected(kind, *(import_module(f"{__name__}.{subject}") for subject in subjects.split()))
    globals()[name] = table
    return table
