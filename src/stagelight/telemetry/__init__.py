"""Providers and exporters out of the settings; a row of the catalogue becomes a live instrument; spans are delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagelight.telemetry.factories import CounterFactory, GaugeFactory, HistogramFactory

__all__ = ["CounterFactory", "GaugeFactory", "HistogramFactory"]


def __getattr__(name: str) -> Any:
    """Load the factories when they are first asked for."""
    if name in __all__:
        from stagelight.telemetry import factories

        return getattr(factories, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
