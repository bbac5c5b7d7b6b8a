"""The workers that join rooms: rewards to the model router, finished trajectories to rewards; truth to verdicts, drift to alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagelight.loops.evaluator import TrajectoryEvaluator
    from stagelight.loops.monitoring import EnhancedMonitoringSystem
    from stagelight.loops.tasks import (
        analyze_concept_drift_from_truth,
        check_drift,
        run_feedback_loop,
        run_feedback_loop_long_window,
        run_feedback_loop_medium_window,
        run_feedback_loop_short_window,
        run_full_feedback_loop,
    )
    from stagelight.loops.watchers import watch_experiments, watch_feedback_learning

_TASKS = (
    "analyze_concept_drift_from_truth",
    "check_drift",
    "run_feedback_loop",
    "run_feedback_loop_long_window",
    "run_feedback_loop_medium_window",
    "run_feedback_loop_short_window",
    "run_full_feedback_loop",
)
_WATCHERS = ("watch_experiments", "watch_feedback_learning")
__all__ = [
    "EnhancedMonitoringSystem",
    "TrajectoryEvaluator",
    "analyze_concept_drift_from_truth",
    "check_drift",
    "run_feedback_loop",
    "run_feedback_loop_long_window",
    "run_feedback_loop_medium_window",
    "run_feedback_loop_short_window",
    "run_full_feedback_loop",
    "watch_experiments",
    "watch_feedback_learning",
]

_HOMES = (
    dict.fromkeys(_TASKS, "stagelight.loops.tasks")
    | dict.fromkeys(_WATCHERS, "stagelight.loops.watchers")
    | {
        "EnhancedMonitoringSystem": "stagelight.loops.monitoring",
        "TrajectoryEvaluator": "stagelight.loops.evaluator",
    }
)


def __getattr__(name: str) -> Any:
    """Fetch a loop when it is first used."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
