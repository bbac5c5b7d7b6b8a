"""Counts for Prometheus, brought up to date when somebody looks: streams take values in, and count them later, in bulk."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from stagelight.catalogue.fleet_drift import REFERENCE_ROWS
from stagelight.telemetry import handover
from stagelight.telemetry.instruments import gauge

if TYPE_CHECKING:
    from stagelight.drift.monitor import Monitor

_monitors: weakref.WeakSet[Monitor] = weakref.WeakSet()


def watch(monitor: Monitor) -> None:
    """Have `monitor` settle each time metrics are collected; what it counts then is in the next collection."""
    _monitors.add(monitor)
    gauge(REFERENCE_ROWS).refreshed_by(_look)


def _look() -> None:
    # No counter may be touched while the SDK collects.
    handover.later(_settle)


def _settle() -> None:
    for monitor in list(_monitors):
        monitor.settle()
