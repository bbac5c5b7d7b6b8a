"""The explicit life cycle as the contract writes it, through `from stagelight import …`, into the store and the trace file."""

from __future__ import annotations

import pytest

from stagelight import _clock, configure, end_trace, journal, log_feedback, log_prediction, start_trace, trace_stage
from stagelight.setup import shutdown
from stagelight.store import TraceQuery, open_store
from stagelight.testing import SteppingClock

QUIET = {"traces_exporter": "none", "metrics_exporter": "none"}


@pytest.fixture(autouse=True)
def _ended():
    """Whatever a test configures is ended with it."""
    yield
    shutdown()


@pytest.mark.parametrize("sampler", ["always_on", "always_off"])
def test_a_life_cycle_leaves_a_whole_trace_in_the_store_and_in_the_trace_file(tmp_path, monkeypatch, sampler):
    """Start, stages by id, end: the whole trace is kept locally, also when its spans are sampled out of export."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    file, store = tmp_path / "traces.jsonl", tmp_path / "s.db"
    configure(store=store, trace_log_file=file, **QUIET)

    trace_id = start_trace(request_id="r-17", model_version="v3")
    with trace_stage(trace_id, "llm_call", {"model": "deepseek"}):
        receipt = log_prediction("mood", score=0.9)
    end_trace(trace_id, final_decision="ml_validated")
    assert log_feedback(trace_id, rating=5).status == "stored"
    assert shutdown()

    with open_store(store) as opened:
        kept = opened.traces.get(trace_id)
        assert sorted(span.name for span in kept.spans) == ["feedback", "llm_call", "trace"]
        assert kept.root.attributes["final_decision"] == "ml_validated"
        assert {row.trace_id for row in opened.rows.of_trace(trace_id)} == {trace_id}
        assert receipt.status == "stored"
        assert "<svg" in kept._repr_html_()
    written = [span for spans in journal.read(file) for span in spans]  # what is said later has a line of its own
    assert sorted(span.name for span in written) == ["feedback", "llm_call", "trace"]
    assert {span.trace_id for span in written} == {trace_id}


def test_what_is_sampled_out_and_no_life_cycle_is_not_kept(tmp_path, monkeypatch):
    """Only life cycles begun by id are kept past the sampler; a plain stage that is sampled out is gone."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    configure(store=tmp_path / "s.db", **QUIET)
    with trace_stage("plain"):
        pass
    assert shutdown()

    with open_store(tmp_path / "s.db") as opened:
        assert opened.traces.search(TraceQuery()).rows == ()


def test_a_trace_left_open_at_the_end_is_kept_as_abandoned(tmp_path):
    """A trace that nobody ended when telemetry ends is told as abandoned, not lost."""
    configure(store=tmp_path / "s.db", **QUIET)
    trace_id = start_trace("forgotten")
    assert shutdown()

    with open_store(tmp_path / "s.db") as opened:
        assert opened.traces.get(trace_id).root.attributes["stagelight.outcome"] == "abandoned"


def test_an_embedded_store_is_looked_after_by_its_writer(tmp_path):
    """Without a server, traces past TRACE_CLEANUP_HOURS go when later ones are written."""
    clock = SteppingClock()
    with _clock.replaced(clock=clock):
        configure(store=tmp_path / "s.db", trace_cleanup_hours=1, **QUIET)
        end_trace(old := start_trace("old"))
        assert shutdown()
        clock.advance(hours=2)
        configure(store=tmp_path / "s.db", trace_cleanup_hours=1, **QUIET)
        end_trace(new := start_trace("new"))
        assert shutdown()

        with open_store(tmp_path / "s.db") as opened:
            assert opened.traces.get(old) is None
            assert opened.traces.get(new) is not None
