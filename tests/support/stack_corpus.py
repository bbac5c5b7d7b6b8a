"""A seeded corpus of traces for tail sampling: each of one sort, its spans scattered as programs scatter them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from stagelight import _clock
from stagelight.wire.records import SpanEvent, SpanRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Sort = Literal["error", "slow", "forced", "disliked", "disliked in an event", "liked", "plain"]
SHARES = (3, 2, 2, 2, 2, 3, 86)  #: Of a hundred traces, in the order of `Sort`.
MS = 1_000_000
SLOW_MS = 5_000
SCORE = "gen_ai.evaluation.score.value"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Spans in the order in which they are sent, and what sort each trace is of."""

    spans: Sequence[SpanRecord]
    sorts: dict[str, Sort]  #: By trace id.

    def of(self, *sorts: Sort) -> set[str]:
        """The ids of all traces of these sorts."""
        return {trace_id for trace_id, sort in self.sorts.items() if sort in sorts}

    @property
    def span_ids(self) -> dict[str, set[str]]:
        """Trace id -> ids of its spans."""
        return by_trace(self.spans)


def by_trace(spans: Iterable[SpanRecord]) -> dict[str, set[str]]:
    """Trace id -> ids of its spans."""
    found: dict[str, set[str]] = {}
    for span in spans:
        found.setdefault(span.trace_id, set()).add(span.span_id)
    return found


def corpus(seed: int, traces: int) -> Corpus:
    """So many traces of two to six spans; the same for the same seed, but for the times, which are now."""
    rng = random.Random(seed)
    sorts: dict[str, Sort] = {}
    spans: list[SpanRecord] = []
    for _ in range(traces):
        trace_id = f"{rng.getrandbits(128):032x}"
        (sorts[trace_id],) = rng.choices(get_args(Sort), weights=SHARES)
        spans += _trace(rng, trace_id, sorts[trace_id])
    rng.shuffle(spans)
    assert len(Counter(span.span_id for span in spans)) == len(spans)
    return Corpus(spans, sorts)


def _trace(rng: random.Random, trace_id: str, sort: Sort) -> list[SpanRecord]:
    """A root with children, one of which makes the trace what it is."""
    took = (SLOW_MS + rng.randrange(1, 2_000)) if sort == "slow" else rng.randrange(5, SLOW_MS - 500)
    end = _clock.wall_ns()
    start = end - took * MS
    root = _span(rng, trace_id, "answer", start, end)
    children = [
        replace(_span(rng, trace_id, f"step {number}", start, end), parent_id=root.span_id)
        for number in range(rng.randint(1, 5))
    ]
    spans = [root, *children]
    chosen = rng.randrange(len(spans))
    spans[chosen] = _marked(spans[chosen], sort)
    return spans


def _span(rng: random.Random, trace_id: str, name: str, start: int, end: int) -> SpanRecord:
    return SpanRecord(
        trace_id=trace_id,
        span_id=f"{rng.getrandbits(64):016x}",
        name=name,
        start_ns=start,
        end_ns=end,
        attributes={"stagelight.stage": name},
        resource={"service.name": "shop"},
    )


def _marked(span: SpanRecord, sort: Sort) -> SpanRecord:
    """`span` with what makes its trace one of `sort`."""
    scored = {"gen_ai.evaluation.name": "thumbs", SCORE: 0.1}
    if sort == "error":
        return replace(span, status="error", status_message="boom")
    if sort == "forced":
        return replace(span, attributes={**span.attributes, "stagelight.sample.keep": True})
    if sort == "disliked":
        return replace(span, attributes={**span.attributes, **scored})
    if sort == "liked":
        return replace(span, attributes={**span.attributes, **scored, SCORE: 0.9})
    if sort == "disliked in an event":
        event = SpanEvent(name="gen_ai.evaluation.result", time_ns=span.end_ns, attributes={**scored, SCORE: 0})
        return replace(span, events=(event,))
    return span
