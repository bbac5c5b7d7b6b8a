"""The urgent route: an alert event from an application to Alertmanager, or straight to people, and nothing lost between.

`emit(Alert(...))` tells of an alert as an OTLP log record, which goes the way of all telemetry. At its end the relay
keeps it in the store's outbox, posts it to every Alertmanager as long as it fires, and ends it there when it is over.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagelight.alerts.alert import Alert
    from stagelight.alerts.concept_drift import route_concept_drift_alerts
    from stagelight.alerts.events import emit
    from stagelight.alerts.finding import Finding
    from stagelight.alerts.keeper import Keeper
    from stagelight.alerts.relay import Relay
    from stagelight.alerts.router import AlertRouter, Routed

__all__ = ["Alert", "AlertRouter", "Finding", "Keeper", "Relay", "Routed", "emit", "route_concept_drift_alerts"]

_HOMES = {
    "Alert": "alert",
    "AlertRouter": "router",
    "Finding": "finding",
    "Keeper": "keeper",
    "Relay": "relay",
    "Routed": "router",
    "emit": "events",
    "route_concept_drift_alerts": "concept_drift",
}


def __getattr__(name: str) -> Any:
    """Load the module a public name lives in, on first use: who emits needs neither the store nor an HTTP client."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
