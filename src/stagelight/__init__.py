"""Trace and observe AI and ML pipelines on OpenTelemetry, and close the loop from prediction to truth.

Decorate a function with `trace_stage`, call `configure()` once, and every call is a span and a set of stage metrics.

Each name below is fetched when it is first used, so that `import stagelight` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from stagelight._version import __version__

if TYPE_CHECKING:
    from stagelight.feedback import alog_feedback, log_feedback
    from stagelight.setup import configure
    from stagelight.stages import continue_trace, end_trace, inject, start_trace, trace, trace_stage
    from stagelight.stages.context import context
    from stagelight.telemetry import CounterFactory, GaugeFactory, HistogramFactory
    from stagelight.truth import alog_prediction, alog_truth, log_prediction, log_truth

__all__ = [
    "CounterFactory",
    "GaugeFactory",
    "HistogramFactory",
    "__version__",
    "alog_feedback",
    "alog_prediction",
    "alog_truth",
    "configure",
    "context",
    "continue_trace",
    "end_trace",
    "inject",
    "log_feedback",
    "log_prediction",
    "log_truth",
    "start_trace",
    "trace",
    "trace_stage",
]

_ROOMS = {
    "stagelight.feedback": ("alog_feedback", "log_feedback"),
    "stagelight.setup": ("configure",),
    "stagelight.stages": ("continue_trace", "end_trace", "inject", "start_trace", "trace", "trace_stage"),
    # From its own module: mypy takes the `context` of `stagelight.stages` for the submodule of that name.
    "stagelight.stages.context": ("context",),
    "stagelight.telemetry": ("CounterFactory", "GaugeFactory", "HistogramFactory"),
    "stagelight.truth": ("alog_prediction", "alog_truth", "log_prediction", "log_truth"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Fetch a public name from its room, and keep it: the second look costs nothing."""
    room = _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Every public name, fetched or not."""
    return sorted(__all__)
