"""The metrics of a stage, counted whether or not its span is sampled."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from stagelight.catalogue import stages as rows
from stagelight.telemetry import instruments
from stagelight.telemetry.current import current

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from stagelight.stages.outcome import Outcome


class Labels(NamedTuple):
    """What labels a stage's metrics."""

    stage: str
    model_version: str
    tenant: str
    workspace: str


def labels(stage: str, values: dict[str, str]) -> Labels:
    """Return the labels of `stage` under these context values; what is not set falls back to the settings."""
    telemetry = current()
    tenant = telemetry.settings.tenant if telemetry else "default"
    workspace = telemetry.settings.workspace if telemetry else "default"
    return Labels(
        stage,
        values.get("stagelight.model_version", ""),
        values.get("stagelight.tenant", tenant),
        values.get("stagelight.workspace", workspace),
    )


def started(found: Labels) -> None:
    """Count a stage as active; the first time, make its counters exist at 0, or a rate would miss their first jump."""
    _declare(found, current())
    instruments.gauge(rows.STAGES_ACTIVE).labels(stage=found.stage).inc()


def ended(found: Labels, outcome: Outcome, seconds: float, context: Context) -> None:
    """Count the call and its duration; `context` holds the span for the exemplar."""
    instruments.gauge(rows.STAGES_ACTIVE).labels(stage=found.stage).dec()
    instruments.counter(rows.STAGE_CALLS).labels(
        outcome=outcome.name, error_type=outcome.error_type, **found._asdict()
    ).inc()
    instruments.histogram(rows.STAGE_DURATION).labels(**found._asdict()).observe(seconds, context=context)


@lru_cache(maxsize=4096)
def _declare(found: Labels, _telemetry: object) -> None:
    """Once for each label set and telemetry; the arguments are the cache's key."""
    for outcome in ("ok", "error"):
        # Counting nothing, not `declare`: these labels come from callers, who must not use up what is kept for declared ones.
        instruments.counter(rows.STAGE_CALLS).labels(outcome=outcome, error_type="", **found._asdict()).inc(0)
