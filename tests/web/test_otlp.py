"""The OTLP receiver, over a socket, with official exporters where one exists."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from serving import served
from spans import body, bomb, span
from stagelight import _guard, wire
from stagelight.errors import StoreFullError, StoreUnavailableError
from stagelight.store import TraceQuery
from stagelight.store.traces import Traces
from stagelight.wire.records import LogRecord, MetricPoint

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
GZIP = {"Content-Encoding": "gzip"}
SIGNALS = ("traces", "metrics", "logs")

PLAIN_PROGRAM = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("plain")
with tracer.start_as_current_span("checkout", attributes={"cart.items": 3}):
    with tracer.start_as_current_span("pay") as span:
        span.add_event("declined", {"reason": "limit"})
        span.set_status(trace.StatusCode.ERROR, "card declined")
provider.shutdown()
import sys
assert not any(name.startswith("stagelight") for name in sys.modules)
"""


def counted(server) -> dict[str, int]:
    size = server.store.admin.size()
    return {"traces": size.traces, "spans": size.spans, "logs": size.logs, "rollups": size.rollups}


def sentence(answer: httpx.Response) -> str:
    if answer.headers["content-type"] == "application/json":
        return answer.json()["message"]
    assert answer.headers["content-type"] == "application/x-protobuf"
    return Status.FromString(answer.content).message


def test_a_program_that_never_heard_of_us_shows_up(server):
    """A plain OpenTelemetry program with the official exporter sends protobuf, and its trace is in API and page."""
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "OTEL_SERVICE_NAME": "shop", "NO_PROXY": "*"}
    subprocess.run([sys.executable, "-c", PLAIN_PROGRAM], env=environ, check=True, timeout=60)

    (row,) = server.client.get("/api/traces").json()["traces"]
    assert (row["name"], row["service"], row["span_count"], row["error_count"]) == ("checkout", "shop", 2, 1)
    assert "checkout" in server.client.get("/traces").text
    assert "card declined" in server.client.get(f"/traces/{row['trace_id']}").text


def test_json_as_another_language_sends_it(server):
    """OTLP/JSON by the letter of its specification (hex ids, numbers as text) is taken and shown."""
    request = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "js-shop"}}]},
                "scopeSpans": [
                    {
                        "scope": {"name": "js"},
                        "spans": [
                            {
                                "traceId": "5b8efff798038103d269b633813fc60c",
                                "spanId": "eee19b7ec3c1b174",
                                "name": "GET /cart",
                                "kind": 2,
                                "startTimeUnixNano": str(span().start_ns),
                                "endTimeUnixNano": str(span().end_ns),
                                "attributes": [{"key": "http.response.status_code", "value": {"intValue": "200"}}],
                            }
                        ],
                    }
                ],
            }
        ]
    }
    answer = server.client.post("/v1/traces", json=request)

    assert (answer.status_code, answer.json()) == (200, {})
    trace = server.client.get("/api/traces/5b8efff798038103d269b633813fc60c").json()
    assert trace["spans"][0]["attributes"] == {"http.response.status_code": 200}
    assert trace["spans"][0]["kind"] == "server"


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_fifty_thousand_spans_arrive(server, compression):
    """50,000 spans of the official exporter are in the store, none lost, none twice, whatever the compression."""
    roots = 5000 if compression is Compression.Gzip else 200
    provider = TracerProvider(resource=Resource({"service.name": "many"}))
    exporter = OTLPSpanExporter(f"{server.url}/v1/traces", compression=compression)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=60_000, max_export_batch_size=2048))
    tracer = provider.get_tracer("many")
    for _ in range(roots):
        with tracer.start_as_current_span("root"):
            for number in range(9):
                with tracer.start_as_current_span("child", attributes={"number": number}):
                    pass
    assert provider.force_flush(60_000)
    provider.shutdown()

    assert counted(server) | {"rollups": 0} == {"traces": roots, "spans": roots * 10, "logs": 0, "rollups": 0}


def test_the_same_request_twice_is_one(server):
    """An exporter that repeats a request after a lost answer doubles nothing."""
    sent = body(span(), span(trace=2))
    for _ in range(2):
        assert server.client.post("/v1/traces", content=sent, headers=PROTOBUF).status_code == 200

    assert counted(server)["spans"] == 2


def test_many_senders_at_once(server):
    """Eight programs that send at the same time all get their spans in."""
    answers: list[int] = []

    def send(base: int) -> None:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
            for number in range(10):
                sent = body(*(span(trace=base + number) for _ in range(20)))
                answers.append(client.post("/v1/traces", content=sent, headers=PROTOBUF).status_code)

    threads = [threading.Thread(target=send, args=(base,)) for base in range(100, 900, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 80
    assert counted(server)["spans"] == 1600


@pytest.mark.parametrize("media", ["protobuf", "json"])
def test_metrics_and_logs_are_kept(server, media):
    """Metric points and log records are received in both encodings."""
    headers = PROTOBUF if media == "protobuf" else JSON
    now = span().end_ns
    point = MetricPoint(
        name="stagelight_stage_calls_total",
        kind="sum",
        monotonic=True,
        temporality="delta",
        time_ns=now,
        start_ns=now - 10**9,
        value=3,
        attributes={"stage": "predict", "outcome": "ok"},
    )
    line = LogRecord(
        time_ns=now, severity="INFO", severity_number=9, body="hello", trace_id=f"{1:032x}", span_id=f"{1:016x}"
    )
    metrics, logs = wire.encode_metrics([point], media), wire.encode_logs([line], media)
    server.client.post("/v1/traces", content=body(span()), headers=PROTOBUF).raise_for_status()

    assert server.client.post("/v1/metrics", content=metrics, headers=headers).status_code == 200
    assert server.client.post("/v1/logs", content=logs, headers=headers).status_code == 200

    (stage,) = [row for row in server.client.get("/api/stages").json()["stages"] if row["stage"] == "predict"]
    assert (stage["calls"], stage["source"]) == (3, "metrics")
    assert server.client.get(f"/api/traces/{1:032x}").json()["logs"][0]["body"] == "hello"


def test_what_was_left_out_is_told(server):
    """A kind of metric that is not kept is answered with OTLP's partial success."""
    request = {
        "resourceMetrics": [
            {"scopeMetrics": [{"metrics": [{"name": "old", "summary": {"dataPoints": [{"timeUnixNano": "1"}]}}]}]}
        ]
    }
    answer = server.client.post("/v1/metrics", json=request)

    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "1"


BAD = {
    "garbage": (400, PROTOBUF, b"\xff" * 100, "not OTLP protobuf"),
    "cut short": (400, PROTOBUF, body(span())[:-5], "ends too early"),
    "not JSON": (400, JSON, b"{", "not JSON"),
    "JSON of another kind": (400, JSON, b"[1, 2]", "."),
    "nested JSON": (400, JSON, b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested deeper"),
    "nested lists": (400, JSON, b"[" * 100_000, "."),
    "not UTF-8": (400, JSON, b'{"a": "\xff"}', "UTF-8"),
    "NaN": (400, JSON, b'{"a": NaN}', "finite"),
    "no gzip": (400, {**PROTOBUF, **GZIP}, b"plain", "gzip"),
    "gzip cut short": (400, {**PROTOBUF, **GZIP}, gzip.compress(body(span()))[:-9], "ends too early"),
    "no content type": (415, {}, b"{}", "application/x-protobuf or application/json"),
    "text": (415, {"Content-Type": "text/plain"}, b"{}", "text/plain"),
    "a form": (415, {"Content-Type": "application/x-www-form-urlencoded"}, b"a=b", "application/json"),
    "brotli": (415, {**JSON, "Content-Encoding": "br"}, b"{}", "send gzip, deflate or none"),
    "too long": (413, PROTOBUF, b"a" * (17 * 2**20), "16777216 bytes"),
    "too long compressed": (413, {**PROTOBUF, **GZIP}, os.urandom(5 * 2**20), "4194304 bytes"),
    "too long inflated": (413, {**PROTOBUF, **GZIP}, gzip.compress(b"\0" * (40 * 2**20)), "16777216 bytes"),
    "five million empty spans": (413, {**PROTOBUF, **GZIP}, gzip.compress(bomb(), 9), "10000 records"),
    "five million empty spans in JSON": (
        413,
        {**JSON, **GZIP},
        gzip.compress(b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * 4_999_999 + b"{}]}]}]}", 9),
        "too many",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_body_is_one_clear_sentence_and_changes_nothing(shared, name):
    """Malformed, oversized and bomb bodies get 400, 413 or 415 as an OTLP status, and the store stays as it was."""
    status, headers, content, says = BAD[name]
    before = counted(shared)

    answer = shared.client.post("/v1/traces", content=content, headers=headers)

    assert answer.status_code == status
    assert says in sentence(answer)
    assert sentence(answer).count("\n") == 0
    assert len(sentence(answer)) < 200
    assert counted(shared) == before
    assert shared.client.get("/health").status_code == 200


@pytest.mark.parametrize("signal", SIGNALS)
def test_chunked_body_without_length_is_cut_off(shared, signal):
    """A body that announces no length and goes on past the limit gets its 413 while it is still being sent."""
    answer = shared.client.post(f"/v1/{signal}", content=(b"a" * 2**20 for _ in range(40)), headers=PROTOBUF)

    assert answer.status_code == 413
    assert "16777216 bytes" in sentence(answer)


def test_declared_length_over_the_limit_is_refused_unread(shared):
    """A Content-Length past the limit is refused as soon as the little that is sent has come."""
    host, port = shared.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {2**40}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        sock.sendall(head.encode() + b"x" * 1000)
        sock.shutdown(socket.SHUT_WR)
        answer = sock.recv(65536)

    # The client hung up its side, so there may be nobody to answer; what counts is that nothing waits for 2**40 bytes.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413")


def test_good_part_of_a_bad_request_is_not_kept(server):
    """A request is taken as a whole or not at all."""
    good = wire.traces_json([span()])
    good["resourceSpans"].append({"scopeSpans": [{"spans": [{"traceId": "zz", "spanId": "1", "name": "x"}]}]})

    assert server.client.post("/v1/traces", json=good).status_code == 400
    assert counted(server)["spans"] == 0


@pytest.mark.parametrize(
    ("error", "status"), [(StoreFullError("The store is full."), 507), (StoreUnavailableError("Away."), 503)]
)
def test_store_that_cannot_take_more_is_told(server, monkeypatch, error, status):
    """A full store answers 507; one that is away 503 with a time to come back, so that exporters try again."""

    def fail(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr(Traces, "write", fail)
    answer = server.client.post("/v1/traces", content=body(span()), headers=PROTOBUF)

    assert (answer.status_code, sentence(answer)) == (status, str(error))
    assert ("retry-after" in answer.headers) == (status == 503)


def test_mistake_of_ours_is_a_500_with_a_sentence_and_the_headers(tmp_path, monkeypatch):
    """An error that nobody foresaw is answered, counted, and dressed like every answer."""
    _guard.forget()
    with served(tmp_path) as server:
        monkeypatch.setattr(Traces, "write", lambda *_, **__: 1 / 0)
        answer = server.client.post("/v1/traces", content=body(span()), headers=PROTOBUF)

    assert (answer.status_code, sentence(answer)) == (500, "An error inside the server; its log says more.")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert _guard.errors() == {"web": 1}


def test_client_that_hangs_up_leaves_nothing(server):
    """A client that goes away in mid-body costs no error, no memory that stays, and no row."""
    host, port = server.url.removeprefix("http://").split(":")
    for _ in range(5):
        with socket.create_connection((host, int(port))) as sock:
            head = f"POST /v1/traces HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000000\r\n\r\n"
            sock.sendall(head.encode() + b"x" * 5000)

    assert server.client.post("/v1/traces", content=body(span()), headers=PROTOBUF).status_code == 200
    assert counted(server)["spans"] == 1


def test_only_post_is_served(shared):
    """Another method is answered by a sentence as well."""
    answer = shared.client.get("/v1/traces")

    assert (answer.status_code, sentence(answer)) == (405, "Method Not Allowed")


def test_memory_stays_bounded(tmp_path):
    """Fifty bombs and ten large good requests: the server's memory grows by less than 120 MB in all."""
    program = """
import sys
from stagelight.config import load
from stagelight.web.server import serve
serve(load(environ={}, port=0, store=sys.argv[1]), on_ready=lambda found: print(found.url, flush=True))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "s.db")], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        try:
            with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
                client.post("/v1/traces", content=body(span()), headers=PROTOBUF).raise_for_status()
                before = resident_mb(child.pid)
                small = gzip.compress(bomb(), 9)
                assert len(small) < 10_000
                for _ in range(50):
                    assert client.post("/v1/traces", content=small, headers={**PROTOBUF, **GZIP}).status_code == 413
                for number in range(10):
                    many = body(*(span(trace=number + 2, attributes={"text": "x" * 500}) for _ in range(2000)))
                    assert client.post("/v1/traces", content=many, headers=PROTOBUF).status_code == 200
                peak = peak_mb(child.pid)
        finally:
            child.terminate()
    print(f"\nresident before {before} MB, at its peak {peak} MB")
    assert peak - before < 120


def resident_mb(pid: int) -> int:
    return _status(pid, "VmRSS")


def peak_mb(pid: int) -> int:
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) // 1024


def test_search_finds_what_was_sent(server):
    """What the receiver took is what the store finds, attribute by attribute."""
    server.client.post("/v1/traces", content=body(span(attributes={"order": "o-17"})), headers=PROTOBUF)

    assert len(server.store.traces.search(TraceQuery(attributes={"order": "o-17"})).rows) == 1


def test_official_parser_reads_our_answer(shared):
    """The answer to protobuf is protobuf, and empty: all was taken."""
    answer = shared.client.post("/v1/traces", content=ExportTraceServiceRequest().SerializeToString(), headers=PROTOBUF)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")
    assert json.loads(shared.client.post("/v1/traces", content=b"{}", headers=JSON).content) == {}
