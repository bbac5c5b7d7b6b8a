"""Finished traces reach local sinks whole, on another thread, whatever the sinks do."""

from __future__ import annotations

import os
import threading

import pytest
from opentelemetry.context import Context, set_value
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import set_span_in_context

from stagelight import _guard
from stagelight.telemetry import finished
from stagelight.telemetry.finished import FinishedTraces
from stagelight.telemetry.spans import KEEP

LOCAL = {"traces_exporter": "none", "metrics_exporter": "none"}


class Sink:
    """Keeps what it is handed, each call apart."""

    def __init__(self) -> None:
        self.calls: list[list] = []
        self.threads: set[str] = set()

    def __call__(self, records) -> None:
        self.calls.append(list(records))
        self.threads.add(threading.current_thread().name)

    @property
    def names(self) -> list[str]:
        return [record.name for call in self.calls for record in call]


@pytest.fixture
def sink() -> Sink:
    return Sink()


def test_a_trace_arrives_whole_when_its_last_span_ends(sink, using):
    """A trace is handed over once, with all its spans, on a thread of our own, and not before its last span has ended."""
    telemetry = using(sinks=[sink], **LOCAL)
    root = telemetry.tracer.start_span("root")
    for number in range(3):
        telemetry.tracer.start_span(f"child{number}", set_span_in_context(root)).end()
    assert telemetry.flush()
    assert sink.calls == []

    root.end()
    assert telemetry.flush()
    assert [[record.name for record in call] for call in sink.calls] == [["child0", "child1", "child2", "root"]]
    assert sink.threads == {"stagelight-traces"}


def test_traces_stay_whole_side_by_side(sink, using):
    """Every call of a sink holds whole traces, however many threads make them at once."""
    telemetry = using(sinks=[sink], **LOCAL)

    def work() -> None:
        for _ in range(50):
            root = telemetry.tracer.start_span("root", Context())
            telemetry.tracer.start_span("child", set_span_in_context(root)).end()
            root.end()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert telemetry.flush()

    for call in sink.calls:
        traces = {record.trace_id: [r.name for r in call if r.trace_id == record.trace_id] for record in call}
        assert all(names == ["child", "root"] for names in traces.values())
    assert len(sink.names) == 800


def test_a_sink_that_raises_costs_neither_the_program_nor_its_neighbour(sink, using):
    """A failing sink is counted and makes the flush False; the next sink gets every span."""

    def broken(_records) -> None:
        raise OSError("disk full")

    telemetry = using(sinks=[broken, sink], **LOCAL)
    telemetry.tracer.start_span("work").end()

    assert telemetry.flush() is False
    assert sink.names == ["work"]
    assert _guard.errors() == {"telemetry": 1}


def test_a_sink_that_hangs_is_waited_for_no_longer_than_told(using):
    """A flush comes back in time and says False while a sink hangs."""
    gate = threading.Event()
    telemetry = using(sinks=[lambda _records: gate.wait(30) and None], **LOCAL)
    telemetry.tracer.start_span("work").end()

    assert telemetry.flush(0.1) is False
    gate.set()
    assert telemetry.flush(5.0)


def test_the_end_hands_over_what_is_half_done(sink, using):
    """Spans that ended in a trace which is still open are not lost when the process ends."""
    telemetry = using(sinks=[sink], **LOCAL)
    root = telemetry.tracer.start_span("root")
    telemetry.tracer.start_span("child", set_span_in_context(root)).end()
    assert telemetry.shutdown()
    root.end()

    assert sink.names == ["child"]


def test_what_is_sampled_out_is_kept_where_its_context_says_so(monkeypatch, sink, using):
    """A life cycle that is kept locally reaches the sinks though its spans are sampled out, unsampled flag and all."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    telemetry = using(sinks=[sink], **LOCAL)
    telemetry.tracer.start_span("dropped").end()
    kept = set_value(KEEP, True, Context())
    root = telemetry.tracer.start_span("kept", kept, attributes={"a": 1})
    telemetry.tracer.start_span("child", set_span_in_context(root, kept)).end()
    root.end()
    telemetry.flush()

    assert sink.names == ["child", "kept"]
    assert {record.flags & 1 for record in sink.calls[0]} == {0}
    assert sink.calls[0][1].attributes["a"] == 1


def test_open_traces_are_bounded(monkeypatch, sink, using):
    """Traces that never end cannot fill the memory: the oldest is handed over as far as it got."""
    monkeypatch.setattr(finished, "MAX_OPEN", 3)
    telemetry = using(sinks=[sink], **LOCAL)
    roots = []
    for number in range(5):
        roots.append(telemetry.tracer.start_span("root", Context()))
        telemetry.tracer.start_span(f"child{number}", set_span_in_context(roots[-1])).end()
    telemetry.flush()

    assert sink.names == ["child0", "child1"]


def test_what_waits_for_a_sink_is_bounded(monkeypatch, using):
    """A sink that is too slow loses whole traces, which are counted and make the flush False."""
    monkeypatch.setattr(finished, "MAX_WAITING", 10)
    gate, working = threading.Event(), threading.Event()

    def slow(_records) -> None:
        working.set()
        gate.wait(30)

    telemetry = using(sinks=[slow], **LOCAL)
    telemetry.tracer.start_span("first").end()
    working.wait(5)
    for _ in range(25):
        telemetry.tracer.start_span("later", Context()).end()
    gate.set()

    assert telemetry.flush() is False
    assert telemetry._deliveries["sinks"].dropped == 15


def test_a_span_that_was_open_before_is_handed_over_alone(sink):
    """A processor that joins a running program gets the end of a span whose start it never saw."""
    provider = TracerProvider(shutdown_on_exit=False)
    span = provider.get_tracer("x").start_span("early")
    processor = FinishedTraces([sink])
    provider.add_span_processor(processor)
    span.end()
    assert provider.force_flush()
    provider.shutdown()

    assert sink.names == ["early"]


def test_a_forked_child_has_its_own(sink, using):
    """After a fork the child's traces reach its sinks too, and the parent's do not come out twice."""
    telemetry = using(sinks=[sink], **LOCAL)
    waiting = telemetry.tracer.start_span("parent's")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        telemetry.tracer.start_span("child's", Context()).end()
        telemetry.flush(5.0)
        os.write(writer, ",".join(sink.names).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert pipe.read() == "child's"
    os.waitpid(pid, 0)
    waiting.end()
    assert telemetry.flush()
    assert sink.names == ["parent's"]
