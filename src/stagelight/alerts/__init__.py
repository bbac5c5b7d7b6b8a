"""The urgent route: an alert event from an application to Alertmanager, or straight to people, and nothing lost between.

`emit(Alert(...))` tells of an alert as an OTLP log record, which goes the way of all telemetry. At its end the relay
keeps it in the store's outbox, posts it to every Alertmanager as long as it fires, and ends it there when it is over.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagelight.alerts.alert import Alert
    from stagelight.alerts.events import emit
    from stagelight.alerts.keeper import Keeper
    from stagelight.alerts.relay import Relay

__all__ = ["Alert", "Keeper", "Relay", "emit"]

_HOMES = {"Alert": "alert", "emit": "events", "Keeper": "keeper", "Relay": "relay"}


def __getattr__(name: str) -> Any:
    """Load the module a public name lives in, on first use: who emits needs neither the store nor an HTTP client."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
