"""Log lines: kept once, found by their trace, followed as they come."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drawn_records import exact
from drawn_records import logs as drawn_logs
from stagelight.store.codec import clean
from stagelight.wire.records import LogRecord
from stored import START, trace

if TYPE_CHECKING:
    from stagelight.store import Store

owners = itertools.count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(drawn_logs, max_size=4, unique_by=repr))
def test_what_was_written_is_what_is_read(store: Store, drawn: list[LogRecord]) -> None:
    """Every field of any record comes back with its value and its type; only NUL outside JSON cannot be kept."""
    tenant = f"t{next(owners)}"
    store.logs.write(drawn, tenant=tenant)

    got = [one.log for one in store.logs.recent(tenant=tenant)]

    expected = [replace(log, severity=clean(log.severity), event_name=clean(log.event_name)) for log in drawn]
    assert exact(got) == exact(expected)


def test_a_trace_has_its_lines(store: Store) -> None:
    """Lines of a trace come by time with the trace, to their owner alone."""
    trace_id = trace(1)[0].trace_id
    late = LogRecord(time_ns=START + 2, body="second", trace_id=trace_id)
    early = LogRecord(time_ns=START + 1, body={"text": "first"}, trace_id=trace_id)
    store.traces.write(trace(1))
    store.logs.write([late, early, LogRecord(time_ns=START, body="elsewhere")])

    got = store.traces.get(trace_id)

    assert got is not None
    assert got.logs == (early, late)
    assert store.logs.of_trace(trace_id, tenant="other") == []


def test_a_line_sent_again_is_kept_once(store: Store) -> None:
    """Equal in everything is sent again; another nanosecond, another owner or another text is another line."""
    line = LogRecord(time_ns=START, body="hello")

    assert store.logs.write([line, line]) == 1
    assert store.logs.write([line, replace(line, time_ns=START + 1), replace(line, body="bye")]) == 2
    assert store.logs.write([line], tenant="other") == 1
    assert store.logs.write([]) == 0


def test_lines_can_be_followed(store: Store) -> None:
    """Numbers only grow: what came after the last one, oldest first."""
    store.logs.write([LogRecord(time_ns=START + n, body=n) for n in range(3)])
    first = store.logs.recent(limit=2)
    store.logs.write([LogRecord(time_ns=START, body="new")])

    assert [one.log.body for one in first] == [0, 1]
    assert [one.log.body for one in store.logs.recent(first[-1].id)] == [2, "new"]
