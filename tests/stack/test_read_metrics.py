"""What rules and panels read of collector, Prometheus and Alertmanager stands in their real exposition text."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx

import stack_sender
import stage_program
from repository import ROOT
from stack import eventually
from stagelight import _clock, catalogue, wire
from stagelight.catalogue import pipeline
from stagelight.generate import everything
from stagelight.wire.records import LogRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stack_collector import Collector
    from stack_prometheus import Alertmanager, Prometheus

BY_RULES = {"up", "ALERTS"}  #: Prometheus makes these itself; they are on no page.


@contextmanager
def refusing() -> Iterator[str]:
    """The address of a server that refuses whatever comes, for good."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(400)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def names(url: str) -> set[str]:
    """The names of the series on a metrics page."""
    lines = httpx.get(url, trust_env=False).text.splitlines()
    return {line.split("{")[0].split(" ")[0] for line in lines if line and not line.startswith("#")}


def read_of(program: str) -> set[str]:
    """What the catalogue's rules and panels read of `program`."""
    return {row.name for row in catalogue.FOREIGN.values() if row.by == program} - BY_RULES


def send_all(collector: Collector) -> None:
    """A program's spans and metrics, and an alert event, whether they are accepted or not."""
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.http, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    exporters = {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_TRACES_EXPORTER": "otlp"}
    # That they are lost is what is being shown.
    with stage_program.asked(**exporters, **variables) as program, suppress(AssertionError):
        program.ask()
    event = LogRecord(time_ns=_clock.wall_ns(), event_name="stagelight.alert.x", attributes={}, resource={})
    stack_sender.post(f"{collector.http}/v1/logs", wire.encode_logs([event], "protobuf"))


def test_what_is_read_of_the_collector_is_there(collector: Callable[..., Collector]) -> None:
    """One whose receivers refuse everything shows all that goes wrong and right, under the names that rules read."""
    wanted = read_of("collector") - {row.name for row in pipeline.ENQUEUE_FAILED.values()}  # the next test's
    with refusing() as url:
        started = collector(
            "collector.yaml",
            STAGELIGHT_TRACES_ENDPOINT=url,
            STAGELIGHT_METRICS_ENDPOINT=url,
            STAGELIGHT_RELAY_ENDPOINT=url,
        )
        send_all(started)
        eventually(lambda: not wanted - names(started.telemetry), what=f"{sorted(wanted)} on the collector's page")


def test_a_full_queue_is_counted_under_the_names_that_are_read(collector: Callable[..., Collector]) -> None:
    """Queues that hold next to nothing take nothing in: counted for each signal, and sent back to whoever sent it."""
    small = "{queue_size: 10, batch: {min_size: 1, max_size: 10}}"
    overlays = [f"exporters::otlp_http/{name}::sending_queue: {small}" for name in ("traces", "metrics")]
    started = collector(
        "collector.yaml", overlays=[*overlays, "exporters::otlp_http/relay::sending_queue::queue_size: 1"]
    )
    send_all(started)
    wanted = {row.name for row in pipeline.ENQUEUE_FAILED.values()}
    eventually(lambda: not wanted - names(started.telemetry), what=f"{sorted(wanted)} on the collector's page")

    assert all(started.own(row.name) > 0 for row in pipeline.REFUSED.values())


def test_what_is_read_of_prometheus_and_alertmanager_is_there(
    prometheus: Callable[..., Prometheus], alertmanager: Callable[..., Alertmanager]
) -> None:
    """Their own pages show the names that the alerts on lost notifications and failing rules read."""
    receiver = alertmanager()
    server = prometheus(alertmanager=receiver.url, rules=(ROOT / everything.RULES).glob("*.yml"))

    wanted = read_of("prometheus")
    eventually(lambda: not wanted - names(f"{server.url}/metrics"), what=f"{sorted(wanted)} on Prometheus' page")
    assert read_of("alertmanager") <= names(f"{receiver.url}/metrics")
