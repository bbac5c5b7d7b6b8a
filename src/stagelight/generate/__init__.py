"""Out of the catalogue: rules and their tests, dashboards, runbooks, the metric reference. Text in, text out."""

from stagelight.generate.everything import texts
from stagelight.generate.overrides import plan, read

__all__ = ["plan", "read", "texts"]
