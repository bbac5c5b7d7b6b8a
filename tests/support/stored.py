"""Traces and metric points for the tests of what stands on the store."""

from __future__ import annotations

from typing import Any

from stagelight.wire.records import MetricPoint, SpanRecord

NS = 1_000_000_000
MS = 1_000_000
START = 1_767_225_600 * NS  #: 2026-01-01 00:00 UTC, where the stepping clock starts.


def trace(number: int = 1, spans: int = 3, **fields: Any) -> list[SpanRecord]:
    """A root `request` with children `stage1`, `stage2`, … of 10 ms each; the `number`th trace starts `number` seconds in."""
    start = START + number * NS
    root = SpanRecord(
        trace_id=f"{number:032x}",
        span_id=f"{number:08x}{0:08x}",
        **{"name": "request", "start_ns": start, "end_ns": start + spans * 10 * MS, **fields},
    )
    children = [
        SpanRecord(
            trace_id=root.trace_id,
            span_id=f"{number:08x}{child:08x}",
            parent_id=root.span_id,
            **{"name": f"stage{child}", "start_ns": start + child * MS, "end_ns": start + (child + 10) * MS, **fields},
        )
        for child in range(1, spans)
    ]
    return [root, *children]


def calls(value: float, at_s: float, *, start_s: float = 0.0, **fields: Any) -> MetricPoint:
    """A point of the stage calls' counter, `at_s` seconds into 2026."""
    given: dict[str, Any] = {
        "name": "stagelight_stage_calls_total",
        "kind": "sum",
        "monotonic": True,
        "attributes": {"stage": "predict", "outcome": "ok"},
        "resource": {"service.instance.id": "one"},
    }
    times = {"time_ns": START + round(at_s * NS), "start_ns": START + round(start_s * NS)}
    return MetricPoint(value=value, **{**given, **times, **fields})


def durations(buckets: tuple[int, ...], at_s: float, *, bounds: tuple[float, ...], **fields: Any) -> MetricPoint:
    """A point of the stage durations' histogram, cumulative since the beginning of 2026."""
    given: dict[str, Any] = {
        "name": "stagelight_stage_duration_seconds",
        "kind": "histogram",
        "attributes": {"stage": "predict"},
        "resource": {"service.instance.id": "one"},
        "time_ns": START + round(at_s * NS),
        "start_ns": START,
        "count": sum(buckets),
        "value": 1.0,
    }
    return MetricPoint(buckets=buckets, bounds=bounds, **{**given, **fields})
