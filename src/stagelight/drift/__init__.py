"""Drift: how far what a model sees and says has moved from how it was, known before any label comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagelight.drift.comparison import Comparison, compare
    from stagelight.drift.detectors import ErrorStream, detector
    from stagelight.drift.everything import check_store
    from stagelight.drift.monitor import Monitor
    from stagelight.drift.reference import Reference
    from stagelight.drift.sketch import Sketch

_HOMES = {
    "Comparison": "comparison",
    "ErrorStream": "detectors",
    "Monitor": "monitor",
    "Reference": "reference",
    "Sketch": "sketch",
    "check_store": "everything",
    "compare": "comparison",
    "detector": "detectors",
}

__all__ = ["Comparison", "ErrorStream", "Monitor", "Reference", "Sketch", "check_store", "compare", "detector"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
