"""The metrics of a stage, counted whether or not its span is sampled."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from stagelight.catalogue import stages as rows
from stagelight.stages import names
from stagelight.stages.context import tenancy
from stagelight.telemetry import instruments
from stagelight.telemetry.current import current

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from stagelight.stages.outcome import Outcome
    from stagelight.telemetry.instruments import BoundCounter, BoundGauge, BoundHistogram


class Labels(NamedTuple):
    """What labels a stage's metrics."""

    stage: str
    model_version: str
    tenant: str
    workspace: str


def labels(stage: str, values: dict[str, str]) -> Labels:
    """Return the labels of `stage` under these context values; what is not set falls back to the settings."""
    return Labels(stage, values.get(names.MODEL_VERSION, ""), *tenancy(values))


def started(found: Labels) -> None:
    """Count a stage as active; the first time, make its counters exist at 0, or a rate would miss their first jump."""
    _declare(found, current())
    _active(found.stage).inc()


def ended(found: Labels, outcome: Outcome, seconds: float, context: Context) -> None:
    """Count the call and its duration; `context` holds the span for the exemplar."""
    _active(found.stage).dec()
    _calls(found, outcome.name, outcome.error_type).inc()
    _duration(found).observe(seconds, context=context)


@lru_cache(maxsize=4096)
def _declare(found: Labels, _telemetry: object) -> None:
    """Once for each label set and telemetry; the arguments are the cache's key."""
    # Counting nothing, not `declare`: these labels come from callers, who must not use up what is kept for declared ones.
    for outcome in ("ok", "error"):
        _calls(found, outcome, "").inc(0)


# Handles are kept: looking labels up is the dearest part of counting. They follow the telemetry in use by themselves.


@lru_cache(maxsize=1024)
def _active(stage: str) -> BoundGauge:
    return instruments.gauge(rows.STAGES_ACTIVE).labels(stage=stage)


@lru_cache(maxsize=4096)
def _calls(found: Labels, outcome: str, error_type: str) -> BoundCounter:
    return instruments.counter(rows.STAGE_CALLS).labels(outcome=outcome, error_type=error_type, **found._asdict())


@lru_cache(maxsize=4096)
def _duration(found: Labels) -> BoundHistogram:
    return instruments.histogram(rows.STAGE_DURATION).labels(**found._asdict())
