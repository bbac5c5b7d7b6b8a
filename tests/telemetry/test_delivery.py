"""Delivery against real sockets: what a flush says is true, and every span is accounted for."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from servers import answering
from stagelight.catalogue.internal import SPANS
from stagelight.telemetry import CounterFactory, plan
from telemetries import TRACES, ledger, work


def test_spans_and_metrics_arrive(using):
    """Over OTLP/HTTP both signals arrive with the service's name, and the flush says True."""
    with answering() as server:
        telemetry = using(endpoint=server.url, service_name="shop")
        work(telemetry, 3)
        CounterFactory("tests_delivery_total", "x").inc(2)

        assert telemetry.flush()
        assert [span.name for span in server.spans] == ["work"] * 3
        assert server.spans[0].resource["service.name"] == "shop"
        values = {point.name: point for point in server.metrics}
        assert values["tests_delivery_total"].value == 2
        assert values["tests_delivery_total"].temporality == "cumulative"
        assert telemetry.shutdown()


def test_spans_arrive_over_grpc(using):
    """Over gRPC spans arrive at a real gRPC server, and the flush says True."""
    received = []

    class Service(TraceServiceServicer):
        def Export(self, request, _context):  # noqa: N802  gRPC's name
            received.append(request)
            return ExportTraceServiceResponse()

    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool)
        add_TraceServiceServicer_to_server(Service(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        telemetry = using(endpoint=f"http://127.0.0.1:{port}", protocol="grpc", **TRACES)
        work(telemetry)
        assert telemetry.flush()
        assert telemetry.shutdown()
        server.stop(0).wait(5)

    assert received[0].resource_spans[0].scope_spans[0].spans[0].name == "work"


def test_a_slow_server_gets_all_in_the_end(using):
    """A flush that was too short says False; once the server has answered, the next one says True and nothing is lost."""
    with answering(slow=True) as server:
        telemetry = using(endpoint=server.url, **TRACES)
        work(telemetry)
        assert not telemetry.flush(0.3)
        server.release.set()
        assert telemetry.flush(30.0)
        assert len(server.spans) == 1
        assert ledger(telemetry).delivered == 1


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (400, {}, "code: 400"),
        (401, {}, "not allowed (HTTP 401). Check OTEL_EXPORTER_OTLP_HEADERS."),
        (404, {}, "no OTLP there (HTTP 404). Does the port match the protocol?"),
        (500, {}, "the server is overloaded or failing (HTTP 500)"),
        (302, {"Location": "http://127.0.0.1:1/"}, "redirected. Set the endpoint to the address it redirects to."),
        (307, {"Location": "http://127.0.0.1:1/"}, "redirected"),
    ],
)
def test_an_answer_that_is_no_success_is_a_loss_and_one_line(status, headers, reason, using, caplog):
    """The flush says False, the spans count as failed, and one line says to where, why and what to do."""
    with answering(status, **headers) as server, caplog.at_level(logging.WARNING):
        telemetry = using(endpoint=server.url, **TRACES)
        work(telemetry)
        assert not telemetry.flush()
        work(telemetry)
        assert not telemetry.flush()

        assert ledger(telemetry).failed == 2
        (line,) = [record.getMessage() for record in caplog.records if server.url in record.getMessage()]
        assert line.startswith(f"spans not delivered to {server.url}/v1/traces: ")
        assert reason in line


def test_a_flush_after_a_loss_in_the_background_says_so_once(using):
    """A batch that was lost before anyone asked makes the next flush False, and the one after it True."""
    telemetry = using(span_exporter=Exporter(results=[SpanExportResult.FAILURE]), metric_readers=[], spans_delay_ms=1)
    work(telemetry)
    wait_until(lambda: ledger(telemetry).failed == 1)

    assert telemetry.flush() is False
    work(telemetry)
    assert telemetry.flush() is True


def wait_until(condition, seconds: float = 30.0) -> None:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        pause.wait(0.005)


class Exporter(SpanExporter):
    """Does what it is told, then succeeds."""

    def __init__(self, results=(), gate: threading.Event | None = None) -> None:
        self.results, self.gate, self.spans = list(results), gate, []
        self.working = threading.Event()

    def export(self, spans):
        self.working.set()
        if self.gate is not None:
            self.gate.wait(30)
        result = self.results.pop(0) if self.results else SpanExportResult.SUCCESS
        if isinstance(result, BaseException):
            raise result
        if result is SpanExportResult.SUCCESS:
            self.spans += spans
        return result


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), MemoryError(), None, "nonsense"]
)
def test_the_export_thread_lives_on(error, using):
    """An exporter that raises, exits or answers nonsense loses its batch; the next one is delivered."""
    exporter = Exporter(results=[error])
    telemetry = using(span_exporter=exporter, metric_readers=[])
    work(telemetry)
    assert not telemetry.flush()
    work(telemetry)
    assert telemetry.flush()

    assert (ledger(telemetry).failed, ledger(telemetry).delivered) == (1, 1)
    assert len(exporter.spans) == 1


def test_every_span_is_accounted_for(monkeypatch, using):
    """A queue that runs over drops and counts: accepted = delivered + dropped + failed, and the metrics say the same."""
    monkeypatch.setattr(plan, "GIVEN_QUEUE", 100)
    gate = threading.Event()
    exporter = Exporter(gate=gate, results=[SpanExportResult.FAILURE])
    telemetry = using(span_exporter=exporter, metric_readers=[])
    work(telemetry, 100)
    exporter.working.wait(30)
    work(telemetry, 1_000)
    gate.set()
    assert not telemetry.flush()

    found = ledger(telemetry)
    assert found.accepted == 1_100
    assert found.waiting == 0
    assert found.failed == 100
    assert found.delivered == len(exporter.spans) == 100
    assert found.dropped == 900


def test_spans_after_the_end_are_counted_as_dropped(using):
    """A span that ends after shutdown is not lost silently."""
    telemetry = using(span_exporter=Exporter(), metric_readers=[])
    telemetry.shutdown()
    work(telemetry)

    assert ledger(telemetry).dropped == 1


def test_spans_that_were_sampled_out_are_none_of_its_business(monkeypatch, using):
    """OTEL_TRACES_SAMPLER holds: what it drops is neither exported nor counted."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    exporter = Exporter()
    telemetry = using(span_exporter=exporter, metric_readers=[])
    work(telemetry, 10)

    assert telemetry.flush()
    assert ledger(telemetry).accepted == 0
    assert exporter.spans == []


def test_the_ledger_is_on_the_metrics_page(using):
    """What an exporter could not deliver shows as `fate="failed"` wherever metrics go."""
    with answering(400) as broken, answering() as working:
        telemetry = using(endpoint=broken.url, **TRACES)
        work(telemetry, 4)
        telemetry.flush()
        assert ledger(telemetry).failed == 4

        telemetry = using(endpoint=working.url)
        work(telemetry, 4)
        telemetry.flush()
        telemetry.flush()
        last = {p.attributes["fate"]: p.value for p in working.metrics if p.name == SPANS.name}
        assert last == {"delivered": 4, "dropped": 0, "failed": 0}


def test_a_metric_export_that_failed_lost_nothing_once_a_later_one_arrives(using):
    """Each export carries the totals, so the truth of a flush is that of its own export."""
    with answering(500) as server:
        telemetry = using(endpoint=server.url, traces_exporter="none")
        assert not telemetry.flush()
        server.status = 200
        assert telemetry.flush()
        assert server.metrics


def test_deltas_that_were_lost_stay_lost(monkeypatch, using):
    """With delta temporality an export that failed in the background is gone, and the next flush says so."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    with answering(500) as server:
        telemetry = using(endpoint=server.url, traces_exporter="none", metrics_interval_ms=10)
        server.called.wait(30)
        wait_until(lambda: len(server.bodies.get("/v1/metrics", [])) > 1)
        server.status = 200
        assert not telemetry.flush()
        assert telemetry.flush()
