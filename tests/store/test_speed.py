"""Fast enough to receive: measured, printed, and held to a floor; and the overview never reads spans."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight.store import TraceQuery
from stagelight.wire.records import Scope, SpanRecord
from stored import MS, START, trace

if TYPE_CHECKING:
    from stagelight.store import Store

FLOOR = 10_000  #: Spans a second of processor time; wall time would measure the neighbours.
RESOURCE = {"service.name": "demo", "service.instance.id": "x", "telemetry.sdk.language": "python", "process.pid": 1}


def batches(traces: int) -> list[list[SpanRecord]]:
    """Traces of ten spans with eight attributes each, cut into batches of 500."""
    draw = random.Random(1)
    spans = []
    for number in range(traces):
        trace_id, root = f"{draw.getrandbits(128):032x}", f"{draw.getrandbits(64):016x}"
        shared = {
            "session.id": f"s{number % 100}",
            "stagelight.model_version": "v2",
            "stagelight.request_id": trace_id[:12],
        }
        for stage in range(10):
            start = START + number * MS
            own = {"stagelight.stage": f"stage{stage}", "code.line.number": stage, "score": draw.random(), "ok": True}
            spans.append(
                SpanRecord(
                    trace_id=trace_id,
                    span_id=f"{draw.getrandbits(64):016x}" if stage else root,
                    parent_id=root if stage else "",
                    name=f"stage{stage}",
                    start_ns=start,
                    end_ns=start + draw.randrange(50 * MS),
                    attributes={**shared, **own, "code.function.name": f"app.stage{stage}"},
                    resource=RESOURCE,
                    scope=Scope(name="stagelight"),
                    flags=257,
                )
            )
    return [spans[first : first + 500] for first in range(0, len(spans), 500)]


def test_ten_thousand_spans_a_second(store: Store) -> None:
    """Batches of 500 are written well above what a busy application sends, each span found again."""
    given = batches(1_000)
    wall, processor = time.perf_counter(), time.process_time()

    written = sum(store.traces.write(batch) for batch in given)

    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    size = store.admin.size()
    print(
        f"{written / wall:,.0f} spans/s, {written / processor:,.0f} per CPU second, {size.bytes / written:.0f} bytes each"
    )
    assert written == size.spans == 10_000
    assert written / processor > FLOOR


def test_the_overview_reads_no_spans(store: Store) -> None:
    """The table of stages and its lines come from rollups alone, however many spans there are."""
    store.traces.write(trace(1))
    seen: list[str] = []

    @sa.event.listens_for(store._database.engine, "before_cursor_execute")
    def _note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    assert store.metrics.stages(START, START * 2)
    assert store.metrics.series("stage1", START, START + 10**10)

    assert seen
    assert not [one for one in seen if " spans" in one or " traces" in one]


def test_a_rare_attribute_is_found_without_reading_all_spans(store: Store) -> None:
    """The signature of each trace leaves a few to look at: asking for one request is as quick as listing the newest."""
    given = batches(1_000)
    for batch in given:
        store.traces.write(batch)
    wanted = str(given[0][0].attributes["stagelight.request_id"])

    def seconds(query: TraceQuery) -> float:
        begin = time.process_time()
        assert store.traces.search(query).rows
        return time.process_time() - begin

    rare = min(seconds(TraceQuery(attributes={"stagelight.request_id": wanted})) for _ in range(5))
    newest = min(seconds(TraceQuery(limit=1000)) for _ in range(5))

    print(f"one of 1,000 traces by attribute {rare * 1e3:.1f} ms, the newest 1,000 {newest * 1e3:.1f} ms")
    assert rare < newest
