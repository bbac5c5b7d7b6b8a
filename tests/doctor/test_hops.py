"""What each program behind the collector may answer, and what is made of it; the programs themselves are in tests/stack."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from servers import answering, refusing
from serving import served
from stagelight import _clock, doctor
from stagelight.config import load
from stagelight.doctor import hops
from stagelight.doctor.canary import Sent
from stagelight.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TRACE = "a" * 32
ENDED = Finding("canary", "good", "")
TEMPO = {"trace": {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": TRACE}]}]}]}, "status": "complete"}
NOTHING = {"status": "success", "data": {"resultType": "vector", "result": []}}


def sent(**what: str) -> Sent:
    """A canary that was sent just now."""
    now = _clock.monotonic_ns()
    return Sent(ENDED, at_ns=1, began_ns=now, **({"trace_id": TRACE, "instance": "canary-1"} | what))


@contextmanager
def saying(answers: Mapping[str, Any], status: int = 200) -> Iterator[str]:
    """The address of a server that answers GET of these paths as told, and any other with 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            body = json.dumps(answers.get(path)).encode()
            self.send_response(status if path in answers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def followed(canary: Sent, **urls: str) -> dict[str, Finding]:
    """The findings with these addresses, by hop."""
    return {finding.hop: finding for finding in hops.follow(load(environ={}, **urls), canary)}


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for what never comes."""
    monkeypatch.setattr(hops, "WAIT_SECONDS", 0.0)


def test_no_address_means_no_hop() -> None:
    """Who runs none of the programs hears nothing of them."""
    assert followed(sent()) == {}
    assert list(hops.health(load(environ={}))) == []


def test_tempo_is_asked_as_it_answers() -> None:
    """A trace in the form of Tempo's API is the canary; the finding tells the time that it took."""
    with saying({f"/api/v2/traces/{TRACE}": TEMPO}) as url:
        found = followed(sent(), tempo_url=url)["traces"]

    assert found.verdict == "good"
    assert found.seconds is not None
    assert found.seconds >= 0


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("answer", [{"trace": {}}, {"trace": None}, {}, None, [], "no"])
def test_an_answer_without_the_span_is_a_loss(answer: object) -> None:
    """Tempo answers for a trace that it does not have, too; what else may stand at the address has no span either."""
    with saying({f"/api/v2/traces/{TRACE}": answer}) as url:
        found = followed(sent(), tempo_url=url)["traces"]

    assert found.verdict == "failure"
    assert "STAGELIGHT_TRACES_ENDPOINT" in found.advice


@pytest.mark.parametrize(
    ("setting", "hop", "path"),
    [
        ("tempo_url", "traces", "/health"),
        ("prometheus_url", "prometheus", "/api/v1/query"),
        ("alertmanager_urls", "alertmanager", "/api/v2/alerts"),
    ],
)
def test_a_program_that_wants_a_token_leaves_its_hop_unchecked(setting: str, hop: str, path: str) -> None:
    """401 and 403 say nothing about the canary."""
    with saying({path: {}}, status=401) as url:
        found = followed(sent(), **{setting: url})[hop]

    assert (found.verdict, "token" in found.found) == ("unchecked", True)


@pytest.mark.parametrize("url", ["prometheus:9090", ""])
def test_a_program_that_cannot_be_asked_is_a_failure_at_once(url: str) -> None:
    """An address that is none, or at which nobody listens, needs no waiting."""
    found = followed(sent(), prometheus_url=url or refusing())["prometheus"]

    assert found.verdict == "failure"
    assert "STAGELIGHT_PROMETHEUS_URL" in found.advice


def test_what_was_not_sent_is_not_looked_for() -> None:
    """A sampler that kept no span, or metrics that go nowhere by choice, leave their hops unchecked."""
    with saying({}) as url:
        found = followed(sent(trace_id="", instance=""), tempo_url=url, prometheus_url=url)

    assert {hop: finding.verdict for hop, finding in found.items()} == {
        "traces": "unchecked",
        "prometheus": "unchecked",
    }
    assert "no span was sent" in found["traces"].found
    assert "no metric was sent" in found["prometheus"].found


@pytest.mark.usefixtures("soon")
def test_a_loss_without_a_known_reason_tells_where_to_look() -> None:
    """Where Prometheus scrapes all its targets, or is not known at all, the advice names the settings in question."""
    with saying({"/api/v1/query": NOTHING, "/api/v2/alerts": []}) as url:
        metric = followed(sent(), prometheus_url=url)["prometheus"]
        alert = followed(sent(), alertmanager_urls=url)["alertmanager"]

    assert "STAGELIGHT_METRICS_ENDPOINT" in metric.advice
    assert "prometheus.yml" in alert.advice


def test_each_peer_of_alertmanager_is_asked() -> None:
    """In a cluster every peer is told, so every peer is looked at."""
    with saying({"/api/v2/alerts": [{"labels": {}}]}) as url:
        told = load(environ={}, alertmanager_urls=[url, refusing()])
        found = list(hops.follow(told, sent()))

    assert [finding.verdict for finding in found] == ["good", "failure"]


@pytest.mark.parametrize(("status", "verdict"), [(200, "good"), (503, "failure")])
def test_the_collector_says_how_it_is(status: int, verdict: str) -> None:
    """Its health is good with 200 alone; while it starts or drains it answers 503."""
    with saying({"/": {"status": "Server not available"}}, status=status) as url:
        (found,) = hops.health(load(environ={}, collector_health_url=url))

    assert (found.hop, found.verdict) == ("collector", verdict)


def test_a_server_that_passes_nothing_on_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a `stagelight serve` at the endpoint nothing reaches the programs behind a collector, so none is asked."""
    with served(tmp_path) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        monkeypatch.setenv("STAGELIGHT_PROMETHEUS_URL", refusing())
        found = {finding.hop: finding for finding in doctor.report().findings}

    assert found["prometheus"].verdict == "unchecked"
    assert "passes nothing on" in found["prometheus"].found


@pytest.mark.parametrize("refused", [True, False])
def test_without_a_canary_nothing_is_asked(*, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the canary did not leave, because nobody listens or all was refused, the hops behind are put down as such."""
    with answering(400) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", refusing() if refused else collector.url)
        monkeypatch.setenv("STAGELIGHT_TEMPO_URL", refusing())
        report = doctor.report()

    traces = next(finding for finding in report.findings if finding.hop == "traces")
    assert traces.verdict == "unchecked"
    assert report.lost_at == ("connection" if refused else "canary")


def test_spans_alone_are_enough_for_a_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where metrics go nowhere by choice the span is still sent and read back, and no metric is waited for."""
    with served(tmp_path) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
        found = {finding.hop: finding for finding in doctor.report().findings}

    assert found["canary"].found == "a span delivered"
    assert found["span read back"].verdict == "good"
    assert "metric read back" not in found
