"""The stage metrics of the contract."""

from __future__ import annotations

import pytest

from stagelight.stages import trace_stage
from stagelight.testing import in_memory

CALLS = "stagelight_stage_calls_total"
DURATION = "stagelight_stage_duration_seconds"


@pytest.mark.parametrize("sampler", ["always_on", "always_off"])
def test_metrics_are_counted_whether_or_not_the_span_is_sampled(sampler, monkeypatch):
    """Sampling takes spans away, never counts."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    with in_memory() as telemetry:
        for _ in range(3):
            with trace_stage("work"):
                pass

        assert len(telemetry.spans) == (3 if sampler == "always_on" else 0)
        assert telemetry.value(CALLS, stage="work", outcome="ok") == 3
        assert telemetry.value(DURATION, stage="work") == 3


def test_counters_exist_at_zero_as_soon_as_a_stage_starts(telemetry):
    """While the first call is still running, ok and error are there at 0, or their first jump would be lost to rate()."""
    with trace_stage("work"):
        points = {point.attributes["outcome"]: point.value for point in telemetry.points(CALLS)}
        assert points == {"ok": 0, "error": 0}
        assert telemetry.value("stagelight_stages_active", stage="work") == 1

    assert telemetry.value("stagelight_stages_active", stage="work") == 0


def test_the_duration_is_in_seconds(clock):
    """A stage of two and a half seconds is observed as 2.5."""
    with in_memory(clock=clock) as telemetry:
        with trace_stage("work"):
            clock.advance(seconds=2.5)

        assert [point.sum for point in telemetry.points(DURATION)] == [2.5]


def test_a_bucket_links_to_its_trace(telemetry):
    """The exemplar of a duration is the span it was measured on."""
    with trace_stage("work"):
        pass

    (point,) = telemetry.points(DURATION)
    assert [f"{exemplar.span_id:016x}" for exemplar in point.exemplars] == [telemetry.span("work").span_id]
