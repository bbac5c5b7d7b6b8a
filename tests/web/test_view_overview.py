"""The Overview over a real store."""

from __future__ import annotations

import json

import pytest

from stagelight.store import open_store
from stagelight.web.view_overview import WINDOWS, Stretch, overview
from stagelight.wire.records import SpanRecord

NOW = 1_800_000_005 * 10**9
SECOND = 10**9


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    with open_store(tmp_path / "o.db") as opened:
        yield opened


def ran(store, seconds_ago, *, name="load", status="ok", tenant="default"):
    """A stage that took 10 ms."""
    start = NOW - seconds_ago * SECOND
    ids = {"trace_id": f"{seconds_ago:032x}", "span_id": "1" * 16}
    store.traces.write(
        [SpanRecord(**ids, name=name, start_ns=start, end_ns=start + SECOND // 100, status=status)], tenant=tenant
    )


def test_nothing_ever_received_is_an_empty_page(store):
    """Then the page greets a newcomer."""
    seen = overview(store, "", now_ns=NOW)

    assert seen.empty
    assert (seen.window, seen.calls, seen.error_ratio, seen.slowest) == ("5m", 0, 0.0, None)


@pytest.mark.parametrize(
    ("seconds_ago", "window"), [(10, "5m"), (600, "15m"), (3000, "1h"), (7200, "6h"), (80_000, "24h")]
)
def test_unasked_the_shortest_window_is_shown_in_which_anything_ran(store, seconds_ago, window):
    """A page opened an hour after the run shows the run, not an empty quarter of an hour."""
    ran(store, seconds_ago)

    seen = overview(store, "", now_ns=NOW)
    assert (seen.window, seen.calls) == (window, 1)


def test_a_window_that_was_asked_for_is_kept_although_nothing_ran_in_it(store):
    """The reader's choice stands."""
    ran(store, 7200)

    seen = overview(store, "15m", now_ns=NOW)
    assert (seen.window, seen.stages, seen.empty) == ("15m", (), False)


def test_totals_are_those_of_the_stages_and_sampling_is_marked(store):
    """Calls and errors add up; figures from spans say so."""
    ran(store, 10)
    ran(store, 20, status="error")
    ran(store, 30, name="predict")
    seen = overview(store, "5m", now_ns=NOW)

    assert [row.stats.stage for row in seen.stages] == ["load", "predict"]
    assert (seen.calls, seen.errors, seen.sampled) == (3, 1, True)
    assert seen.error_ratio == pytest.approx(1 / 3)
    assert seen.slowest.p95_ms == pytest.approx(10, rel=0.3)
    assert [len(seen.latest), len(seen.failed)] == [3, 1]


def test_another_tenants_stages_and_traces_are_not_shown(store):
    """With a token, its tenant's rows alone."""
    ran(store, 10, tenant="other")

    assert overview(store, "", now_ns=NOW, tenant="acme").empty


def test_charts_hold_the_steps_that_are_over(store):
    """The step that has just begun would look like a fall; errors are a line of their own."""
    ran(store, 2)
    ran(store, 15, status="error")
    (row,) = overview(store, "5m", now_ns=NOW).stages
    times, calls, errors = json.loads(row.rate)
    latency_times, p95 = json.loads(row.latency)

    assert times == latency_times
    assert len(times) == len(calls) == len(errors) == len(p95) == 29
    assert times[-1] + 10 <= NOW // SECOND
    assert (sum(calls), sum(errors)) == (0.1, 0.1)
    assert sum(value is not None for value in p95) == 1


def test_only_so_many_stages_have_charts(store):
    """Each chart is a query; a thousand stages still make a page."""
    for number in range(45):
        ran(store, 10 + number, name=f"stage {number}")
    seen = overview(store, "5m", now_ns=NOW)

    assert len(seen.stages) == 45
    assert sum(bool(row.rate) for row in seen.stages) == 40


@pytest.mark.parametrize("seconds", WINDOWS.values())
def test_windows_are_cut_at_whole_steps(seconds):
    """A refresh a second later shows the same buckets."""
    one, later = Stretch.last(seconds, NOW), Stretch.last(seconds, NOW + SECOND)

    assert one == later
    assert one.until_ns > NOW
    assert one.until_ns - one.since_ns == seconds * SECOND
    assert one.since_ns % (one.step * SECOND) == 0 or seconds % one.step
