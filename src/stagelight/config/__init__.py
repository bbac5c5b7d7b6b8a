"""Settings: one frozen object, read once. An argument beats the environment, which beats `[tool.stagelight]`, which beats the default."""

from stagelight.config.environment import suggest, variable, variables
from stagelight.config.settings import Settings, load, table

__all__ = ["Settings", "load", "suggest", "table", "variable", "variables"]
