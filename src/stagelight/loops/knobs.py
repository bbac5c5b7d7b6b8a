"""The loop's settings: as `configure()` was told, else as the variables say."""

from __future__ import annotations

from dataclasses import fields

from stagelight import config
from stagelight.config import Settings
from stagelight.telemetry.current import current

NAMES = (
    "enable_trajectory_evaluation",
    "enable_trajectory_feedback_loop",
    "rl_feedback_batch_size",
    "rl_feedback_loop_interval_seconds",
    "trajectory_latency_budget_seconds",
    "trajectory_token_budget",
    "trajectory_cost_budget",
    "trajectory_sample_ratio",
)


def knobs(settings: Settings | None = None) -> Settings:
    """Return the settings that loops go by: `settings`, else those of `configure()` where it was told, else the variables.

    Raises:
        ConfigurationError: A variable does not parse.
    """
    if settings is not None:
        return settings
    telemetry = current()
    if telemetry is None:
        return config.load()
    defaults = {field.name: field.default for field in fields(Settings)}
    told = {name: getattr(telemetry.settings, name) for name in NAMES}
    return config.load(**{name: value for name, value in told.items() if value != defaults[name]})
