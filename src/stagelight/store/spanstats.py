"""Stage statistics out of spans, for programs that send no stage metrics: the same two shapes, under names of our own.

They count what was stored, so where spans are sampled they are a sample; readers are told.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from stagelight.catalogue.stages import STAGE_DURATION
from stagelight.store.rollups import Addition, Series, bucket_of, labels_text
from stagelight.store.summary import stage_of
from stagelight.wire import conventions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.store.summary import TraceSpans
    from stagelight.wire.records import SpanRecord, Tenancy

CALLS = "spans.calls"
DURATION = "spans.duration"
BOUNDS = STAGE_DURATION.buckets
NS = 1e9


def additions(groups: Iterable[TraceSpans]) -> list[Addition]:
    """Return what these spans add to the statistics of their stages."""
    found: dict[tuple[Tenancy, str, str, int], Addition] = {}
    for group in groups:
        for span in group.spans.values():
            if conventions.is_feedback(span.attributes):
                continue  # nobody's stage
            stage, bucket = stage_of(span), bucket_of(span.end_ns)
            outcome = "error" if span.status == "error" else "ok"
            _count(found, group.tenancy, stage, outcome, bucket)
            _time(found, group.tenancy, stage, bucket, span)
    return list(found.values())


def _count(
    found: dict[tuple[Tenancy, str, str, int], Addition], tenancy: Tenancy, stage: str, outcome: str, bucket: int
) -> None:
    key = tenancy, stage, outcome, bucket
    if key not in found:
        labels = labels_text({"stage": stage, "outcome": outcome})
        found[key] = Addition(Series(tenancy, CALLS, labels, "sum"), bucket)
    found[key].value += 1


def _time(
    found: dict[tuple[Tenancy, str, str, int], Addition], tenancy: Tenancy, stage: str, bucket: int, span: SpanRecord
) -> None:
    key = tenancy, stage, "", bucket
    if key not in found:
        one = Series(tenancy, DURATION, labels_text({"stage": stage}), "histogram", BOUNDS)
        found[key] = Addition(one, bucket, buckets=[0] * (len(BOUNDS) + 1))
    addition = found[key]
    seconds = span.duration_ns / NS
    addition.value += seconds
    addition.count += 1
    addition.buckets[bisect_left(BOUNDS, seconds)] += 1
