"""The whole check-up against real servers: what is good, what is not, and what could not be known."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from ports import free_port
from servers import answering, refusing
from serving import served
from stagelight import doctor
from stagelight.doctor import canary, keeping, ledger
from stagelight.doctor.finding import Finding, Report, Verdict
from stagelight.egress import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Hops = dict[str, Finding]


def examined(monkeypatch: pytest.MonkeyPatch, **variables: str) -> tuple[Report, Hops]:
    """The report with these variables, and its findings by hop."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    report = doctor.report()
    return report, {finding.hop: finding for finding in report.findings}


def verdicts(hops: Hops, *names: str) -> list[Verdict]:
    """The verdicts of these hops, in this order."""
    return [hops[name].verdict for name in names]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 0),
        (["good"], 0),
        (["good", "warning"], 1),
        (["warning", "unchecked"], 3),
        (["unchecked", "failure", "warning"], 2),
    ],
)
def test_the_exit_code_is_that_of_the_gravest(found: list[Verdict], code: int) -> None:
    """0 good, 1 warning, 2 failure, 3 could not be checked; a failure outweighs what was not checked."""
    assert Report(tuple(Finding("hop", verdict, "") for verdict in found)).code == code


def test_a_canary_is_sent_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a running `stagelight serve` a span and a metric arrive and are shown: all is good."""
    with served(tmp_path) as server:
        report, hops = examined(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

        assert (report.verdict, report.code) == ("good", 0), [f for f in report.findings if f.verdict != "good"]
        assert verdicts(hops, "canary", "server", "span read back", "metric read back", "ledger") == ["good"] * 5
        assert server.store.metrics.latest("stagelight_canaries_total")[0].value == 1


def test_nobody_listening_is_a_failure_and_no_canary_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed port is told with what to start, quickly, and the canary is put down as not checked."""
    report, hops = examined(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=refusing())

    assert report.code == 2
    assert verdicts(hops, "connection", "canary") == ["failure", "unchecked"]


def test_an_endpoint_without_a_scheme_stops_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no address cannot be tried further."""
    report, hops = examined(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT="localhost:4318")

    assert report.code == 2
    assert verdicts(hops, "endpoint", "canary") == ["failure", "unchecked"]


def test_a_setting_that_does_not_parse_is_the_only_finding_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With settings that cannot be read nothing else is known; the message names the variable."""
    report, hops = examined(monkeypatch, PROMETHEUS_PORT="many")

    assert report.code == 2
    assert hops["settings"].found.startswith("PROMETHEUS_PORT: found 'many'")
    assert "endpoint" not in hops


def test_another_server_takes_the_canary_but_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector accepts OTLP and has no pages: delivered is good enough there."""
    with answering(200) as collector:
        report, hops = examined(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)

    assert report.code == 0, report
    assert "not a `stagelight serve`" in hops["server"].found
    assert [span.name for span in collector.spans] == [canary.NAME]


def test_a_server_that_refuses_is_told_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A canary that was not delivered is a failure which says why, once, and not also in the log."""
    with answering(404) as server:
        report, hops = examined(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert report.code == 2
    assert "no OTLP there" in hops["canary"].found
    assert caplog.records == []


def test_a_canary_flies_over_grpc_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """With gRPC against a port that speaks HTTP the canary shows that it does not work."""
    monkeypatch.setattr(canary, "FLUSH_SECONDS", 1.0)
    with answering(200) as server:
        report, hops = examined(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")

    assert report.code == 2
    assert hops["canary"].verdict == "failure"
    assert "server" not in hops


def test_a_server_that_wants_a_token_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a token that may only send, the canary is delivered and reading it back is put down as not checked."""
    with served(tmp_path, token=True) as server:
        header = server.token("ingest")["Authorization"].replace(" ", "%20")
        report, hops = examined(
            monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_EXPORTER_OTLP_HEADERS=f"authorization={header}"
        )

    assert report.code == 3, report.findings
    assert verdicts(hops, "canary", "span read back", "ledger") == ["good", "unchecked", "unchecked"]


def test_with_a_token_that_may_read_all_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bearer token of OTEL_EXPORTER_OTLP_HEADERS is used to read back as well."""
    with served(tmp_path, token=True) as server:
        header = server.token("ingest", "read")["Authorization"].replace(" ", "%20")
        report, hops = examined(
            monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_EXPORTER_OTLP_HEADERS=f"authorization={header}"
        )

    assert report.code == 0, report
    assert hops["span read back"].verdict == "good"


def test_a_token_that_no_header_can_hold_leaves_the_server_unchecked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token with a letter lost to an accent is told, and stops the reading back alone."""
    with served(tmp_path) as server:
        report, hops = examined(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=server.url, STAGELIGHT_TOKEN="slé")

    assert report.code == 3
    assert "token" in hops["server"].found


def test_a_sampler_that_keeps_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With OTEL_TRACES_SAMPLER=always_off no span can arrive, and that is why; the metric is still read back."""
    with served(tmp_path) as server:
        report, hops = examined(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_TRACES_SAMPLER="always_off")

    assert report.code == 1, report
    assert "sampler" in hops["canary"].found
    assert verdicts(hops, "metric read back") == ["good"]
    assert "span read back" not in hops


def test_a_sampler_that_cannot_be_used_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What configure() would refuse is a failure of the canary, in the same words."""
    with served(tmp_path) as server:
        report, hops = examined(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_TRACES_SAMPLER="sometimes")

    assert report.code == 2
    assert "sometimes" in hops["canary"].found


def test_telemetry_that_is_off_has_no_way_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """With OTEL_SDK_DISABLED nothing is tried; the warning says so."""
    report, hops = examined(monkeypatch, OTEL_SDK_DISABLED="true")

    assert report.code == 1
    assert "endpoint" not in hops


def test_metrics_alone_are_enough_for_a_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where spans go nowhere by choice the metric is still sent and read back."""
    with served(tmp_path) as server:
        _, hops = examined(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_TRACES_EXPORTER="none")

    assert "span read back" not in hops
    assert verdicts(hops, "variables", "metric read back") == ["warning", "good"]


def test_nothing_over_otlp_means_no_canary() -> None:
    """A program that only prints its spans has nothing to send."""
    from stagelight.config import load

    sent = canary.send(load(environ={}, traces_exporter="console", metrics_exporter="none"))

    assert sent.finding.verdict == "unchecked"


def test_what_programs_lost_is_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger shows spans that programs reported as dropped or failed, and errors inside stagelight, as warnings."""
    from stagelight import _clock
    from stagelight.wire.records import MetricPoint
    from stored import NS

    def point(name: str, value: int, **labels: str) -> MetricPoint:
        return MetricPoint(
            name=name, kind="sum", monotonic=True, time_ns=_clock.wall_ns() - NS, value=value, attributes=labels
        )

    with served(tmp_path) as server:
        server.store.metrics.write(
            [
                point("stagelight_spans_total", 1200, fate="delivered"),
                point("stagelight_spans_total", 3, fate="dropped"),
                point("stagelight_internal_errors_total", 2, room="stages"),
            ]
        )
        found = ledger.check(Client(server.url))

    assert [f.verdict for f in found] == ["warning", "warning"]
    assert found[0].found == "spans: 1,200 delivered, 3 dropped, 0 failed"
    assert "stages 2" in found[1].found


def test_a_server_that_goes_away_leaves_the_rest_unchecked() -> None:
    """When the server ends between two questions the doctor says so instead of failing."""
    gone = Client(refusing())

    assert [f.verdict for f in ledger.check(gone)] == ["unchecked"]
    assert [f.verdict for f in canary.read_back(gone, canary.Sent(Finding("canary", "good", ""), "ab", 1))] == [
        "unchecked",
        "unchecked",
    ]


def test_a_canary_that_never_shows_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes spans and does not show them has something wrong inside; waiting has an end."""
    monkeypatch.setattr(canary, "READ_SECONDS", 0.0)
    with served(tmp_path) as server:
        sent = canary.Sent(Finding("canary", "good", ""), "0" * 31 + "1", 2**62)
        found = canary.read_back(Client(server.url), sent)

    assert [f.verdict for f in found] == ["failure", "failure"]


# What is kept on this machine.


def kept(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Hops:
    """The findings about what is kept here, by hop."""
    from stagelight.config import load

    return {finding.hop: finding for finding in keeping.check(load(environ=variables))}


def test_no_store_yet_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first `serve` there is nothing, and nothing wrong."""
    assert kept(monkeypatch)["store"].found == "none yet; `stagelight serve` makes one"


def test_a_store_tells_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Path, bytes and traces of the store are shown; one that is nearly full is a warning."""
    from stagelight.store import open_store

    path = tmp_path / "a.db"
    open_store(path).close()

    assert kept(monkeypatch, STAGELIGHT_STORE=str(path))["store"].verdict == "good"
    full = kept(monkeypatch, STAGELIGHT_STORE=str(path), STAGELIGHT_STORE_MAX_BYTES="1000")["store"]
    assert (full.verdict, "STAGELIGHT_STORE_MAX_BYTES" in full.advice) == ("warning", True)


def test_a_store_that_is_no_store_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file, a file of something else and an address that nobody knows each fail."""
    odd = tmp_path / "odd.db"
    odd.write_text("not a database, but longer than the hundred bytes of a header " * 4)

    for store in (str(tmp_path / "missing.db"), str(odd), "nosuch://host/db"):
        assert kept(monkeypatch, STAGELIGHT_STORE=store)["store"].verdict == "failure", store


def test_a_trace_file_must_be_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path in a folder to come is good, a folder itself is not."""
    (tmp_path / "there.jsonl").write_text("1234")

    assert kept(monkeypatch, TRACE_LOG_FILE=str(tmp_path / "logs" / "t.jsonl"))["trace file"].verdict == "good"
    assert "4 bytes" in kept(monkeypatch, TRACE_LOG_FILE=str(tmp_path / "there.jsonl"))["trace file"].found
    assert kept(monkeypatch, TRACE_LOG_FILE=str(tmp_path))["trace file"].verdict == "failure"


def test_rows_need_their_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STAGELIGHT_URL is good when a `stagelight serve` answers there, and a failure when nobody or another does."""
    with served(tmp_path) as server:
        assert kept(monkeypatch, STAGELIGHT_URL=server.url)["rows"].verdict == "good"
    with answering(200) as other:
        assert "is no `stagelight serve`" in kept(monkeypatch, STAGELIGHT_URL=other.url)["rows"].found
    assert kept(monkeypatch, STAGELIGHT_URL=refusing())["rows"].verdict == "failure"
    assert kept(monkeypatch, STAGELIGHT_URL="ftp://x")["rows"].verdict == "failure"


def test_rows_that_wait_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spool's size is shown, and becomes a warning when it is nearly full."""
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "1.jsonl").write_bytes(b"x" * 95)
    variables = {"STAGELIGHT_URL": refusing(), "STAGELIGHT_SPOOL": str(tmp_path / "spool")}

    assert kept(monkeypatch, **variables)["spool"].verdict == "good"
    assert kept(monkeypatch, **variables, STAGELIGHT_SPOOL_MAX_BYTES="100")["spool"].verdict == "warning"


@pytest.fixture
def exposition() -> Iterator[int]:
    """The port of something that serves /metrics."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"# HELP a b\n# TYPE a counter\na_total 1\n")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_metrics_page_is_free_or_answers(exposition: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A free port and one that serves metrics are good; one that something else has taken is a warning."""
    assert kept(monkeypatch, PROMETHEUS_PORT=str(exposition))["/metrics"].found.endswith("answers")
    assert "is free" in kept(monkeypatch, PROMETHEUS_PORT=str(free_port()))["/metrics"].found
    with answering(200) as other:
        taken = kept(monkeypatch, PROMETHEUS_PORT=other.url.rpartition(":")[2])["/metrics"]
    assert taken.verdict == "warning"
    bad = kept(monkeypatch, PROMETHEUS_PORT="9464", PROMETHEUS_HOST="not a host")["/metrics"]
    assert bad.verdict in ("failure", "good")
