"""What goes with time, what goes at the size cap, and what never goes."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stagelight.errors import StoreFullError
from stagelight.sink.rows import Feedback, Prediction
from stagelight.store import Expired, TraceQuery, open_store
from stagelight.wire.records import LogRecord, MetricPoint
from stored import NS, START, calls, trace

if TYPE_CHECKING:
    from pathlib import Path

    from stagelight.store import Store
    from stagelight.testing import SteppingClock
    from stagelight.wire.records import SpanRecord

MIB = 2**20
FEEDBACK = Feedback(
    feedback_id="f1", kind="explicit", signal="thumbs", value=1, observed_at=1.0, trace_id=trace(1)[0].trace_id
)


def numbers(store: Store) -> list[int]:
    """Which traces are there."""
    return sorted(int(row.trace_id, 16) for row in store.traces.search(TraceQuery(limit=1000)).rows)


def test_traces_go_after_their_hours(path: Path, stepping: SteppingClock) -> None:
    """A trace goes with its spans and log lines `trace_hours` after its last span arrived, not before."""
    with open_store(path, trace_hours=2) as store:
        store.traces.write(trace(1) + trace(2))
        store.logs.write([LogRecord(time_ns=1, body="x", trace_id=trace(1)[0].trace_id)])
        stepping.advance(hours=1.5)
        store.traces.write([*trace(3), replace(trace(2)[0], span_id="f" * 16)])
        assert store.admin.expire().traces == 0
        stepping.advance(hours=1)

        gone = store.admin.expire()

        assert gone.traces == 1
        assert numbers(store) == [2, 3]
        assert (store.admin.size().spans, store.admin.size().logs) == (7, 0)


def test_age_counts_from_arrival(path: Path, stepping: SteppingClock) -> None:
    """A trace from last year that is imported now is kept as long as any; a sender's wrong clock does not matter."""
    with open_store(path, trace_hours=2) as store:
        store.traces.write(trace(1, start_ns=1, end_ns=2) + trace(2, start_ns=2**62, end_ns=2**62))
        stepping.advance(hours=1)
        store.admin.expire()
        assert numbers(store) == [1, 2]
        stepping.advance(hours=2)
        store.admin.expire()
        assert numbers(store) == []


def test_pinned_traces_stay(path: Path, stepping: SteppingClock) -> None:
    """A trace that somebody judged, or that was pinned, stays with its log lines past its time."""
    with open_store(path, trace_hours=1, row_days=10) as store:
        store.traces.write(trace(1) + trace(2) + trace(3))
        store.logs.write([LogRecord(time_ns=1, body="x", trace_id=trace(1)[0].trace_id)])
        store.rows.write([FEEDBACK])
        store.traces.pin(trace(2)[0].trace_id, "report of May")
        stepping.advance(days=5)

        store.admin.expire()

        assert numbers(store) == [1, 2]
        assert store.admin.size().logs == 1


def test_a_pin_of_feedback_lasts_as_long_as_the_feedback(path: Path, stepping: SteppingClock) -> None:
    """When the feedback is past its days the trace goes too; one pinned by hand does not."""
    with open_store(path, trace_hours=1, row_days=10) as store:
        store.traces.write(trace(1) + trace(2))
        store.rows.write([FEEDBACK])
        store.traces.pin(trace(2)[0].trace_id, "by hand")
        stepping.advance(days=11)

        assert store.admin.expire().rows == 1

        assert numbers(store) == [2]


def test_later_feedback_renews_the_pin(path: Path, stepping: SteppingClock) -> None:
    """A trace stays as long as the last feedback about it does."""
    with open_store(path, trace_hours=1, row_days=10) as store:
        store.traces.write(trace(1))
        store.rows.write([FEEDBACK])
        stepping.advance(days=8)
        store.rows.write([replace(FEEDBACK, feedback_id="f2")])
        stepping.advance(days=8)

        store.admin.expire()

        assert numbers(store) == [1]


def test_rows_logs_and_metrics_go_after_their_days(path: Path, stepping: SteppingClock) -> None:
    """Every other kind of row is kept `row_days`, the state of series, senders and suggestions no longer than needed."""
    with open_store(path, row_days=10) as store:
        store.rows.write([Prediction(prediction_id="p", type="churn", observed_at=1.0)])
        store.logs.write([LogRecord(time_ns=1, body="x", resource={"service.name": "a"})])
        store.metrics.write([calls(3, 5)])
        store.traces.write(trace(1, attributes={"k": "v"}))
        stepping.advance(days=9)
        store.admin.expire()
        size = store.admin.size()
        assert (size.predictions, size.logs, size.traces) == (1, 1, 0)
        assert store.metrics.names() != []
        stepping.advance(days=2)

        gone = store.admin.expire()

        assert (gone.rows, gone.logs) == (1, 1)
        assert gone.rollups > 0
        size = store.admin.size()
        assert (size.predictions, size.logs, size.rollups) == (0, 0, 0)
        assert (store.metrics.names(), store.metrics.latest("stagelight_stage_calls_total")) == ([], [])
        assert store.traces.attribute_keys() == []


def test_a_sender_is_kept_as_long_as_a_pinned_trace(path: Path, stepping: SteppingClock) -> None:
    """What a pinned span says of its service is still there when everything around it is gone."""
    with open_store(path, row_days=1) as store:
        store.traces.write(trace(1, resource={"service.name": "shop"}) + trace(2, resource={"service.name": "till"}))
        store.traces.pin(trace(1)[0].trace_id, "by hand")
        stepping.advance(days=3)

        store.admin.expire()

        got = store.traces.get(trace(1)[0].trace_id)
        assert got is not None
        assert got.root.resource == {"service.name": "shop"}


def test_old_buckets_become_coarser(store: Store, stepping: SteppingClock) -> None:
    """After a day 10-second buckets are 5-minute ones: less room, the same sums; of a gauge the last value stays."""
    for number in range(60):
        store.metrics.write([calls(number + 1, number * 10)])
        level = MetricPoint(name="g", kind="gauge", value=number, time_ns=START + number * 10 * NS)
        store.metrics.write([level])
    before = store.metrics.stages(START, START + 600 * NS)
    assert store.admin.size().rollups == 120
    stepping.advance(days=1, minutes=11)

    store.admin.expire()
    store.admin.expire()

    assert store.admin.size().rollups == 4
    assert store.metrics.stages(START, START + 600 * NS) == before
    points = store.metrics.series("predict", START, START + 600 * NS, 300)
    assert [one.calls for one in points] == [30, 30]


def filled(number: int, draw: random.Random) -> list[SpanRecord]:
    """A trace of some 10 kB."""
    return trace(number, 5, attributes={"prompt": f"{draw.getrandbits(8_000):x}"})


def test_the_cap_takes_the_oldest_and_shrinks_the_file(path: Path) -> None:
    """Writing past the cap goes on: the oldest traces go, the newest and the pinned stay, the file is within its size."""
    draw = random.Random(3)
    with open_store(path, max_bytes=3 * MIB) as store:
        store.traces.pin(f"{0:032x}", "by hand")
        for number in range(300):
            store.traces.write(filled(number, draw))
            assert store.admin.size().bytes <= 3.5 * MIB

        kept = numbers(store)

    assert path.stat().st_size <= 3 * MIB
    assert 0 in kept
    assert kept[1:] == list(range(300 - len(kept) + 1, 300))
    assert len(kept) > 100


def test_a_lower_cap_shrinks_what_is_there(path: Path) -> None:
    """A file that was allowed to grow is brought down by the next expiry, and says by how much."""
    draw = random.Random(4)
    with open_store(path) as store:
        store.traces.write([span for number in range(400) for span in filled(number, draw)])
    before = path.stat().st_size
    assert before > 3 * MIB

    with open_store(path, max_bytes=2 * MIB) as store:
        gone = store.admin.expire()

    assert path.stat().st_size <= 2 * MIB
    assert gone.traces > 0
    assert gone.freed_bytes >= before - 2 * MIB


def test_room_is_given_back_after_an_expiry(path: Path, stepping: SteppingClock) -> None:
    """Also far below the cap the file gets smaller when its traces are gone."""
    draw = random.Random(5)
    with open_store(path) as store:
        store.traces.write([span for number in range(200) for span in filled(number, draw)])
        before = store.admin.size().bytes
        stepping.advance(days=2)

        gone = store.admin.expire()

        assert gone.freed_bytes > 0.9 * (before - 300_000)
        assert store.admin.size().bytes < before / 4


def test_metrics_go_after_traces_and_logs(path: Path) -> None:
    """At the cap log lines and then metrics make room when no trace is left to go."""
    with open_store(path) as store:
        store.logs.write([LogRecord(time_ns=n, body="x" * 2_000) for n in range(600)])
        store.metrics.write([calls(1, n * 10, start_s=n, attributes={"stage": f"s{n % 50}"}) for n in range(3_000)])
        store.rows.write([Prediction(prediction_id=f"p{n}", type="churn", observed_at=1.0) for n in range(10)])

    with open_store(path, max_bytes=MIB // 2) as store:
        gone = store.admin.expire()

    assert gone.logs == 600
    assert gone.rollups > 0
    with open_store(path) as store:
        assert store.rows.count("predictions") == 10


def test_when_nothing_may_go_writing_is_refused(path: Path) -> None:
    """Pinned traces and predictions are not sacrificed: every kind of write says that the store is full, reading goes on."""
    draw = random.Random(6)
    with open_store(path) as store:
        for number in range(100):
            store.traces.pin(f"{number:032x}", "by hand")
        store.traces.write([span for number in range(100) for span in filled(number, draw)])

    with open_store(path, max_bytes=MIB // 2) as store:
        for write in (
            lambda: store.traces.write(trace(200)),
            lambda: store.metrics.write([calls(1, 1)]),
            lambda: store.logs.write([LogRecord(time_ns=1, body="x")]),
            lambda: store.rows.write([FEEDBACK]),
        ):
            with pytest.raises(
                StoreFullError, match=r"holds [\d,]+ bytes of at most 524,288 and nothing in it may be expired: raise"
            ):
                write()
        assert len(numbers(store)) == 100
        assert store.admin.expire() == Expired()


def test_a_store_made_without_giving_back_is_no_endless_loop(tmp_path: Path) -> None:
    """A database that another program made cannot shrink; it is used as it is."""
    import sqlite3
    from contextlib import closing

    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE mine (x)")
        connection.execute("DROP TABLE mine")
    with open_store(path) as store:
        store.traces.write(trace(1))

        store.admin.reset()

        assert store.admin.size().traces == 0
