"""Starting and stopping."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from ports import free_port
from serving import served
from spans import body, span
from stagelight.config import load
from stagelight.errors import ConfigurationError, StoreUnavailableError
from stagelight.store import open_store
from stagelight.web import create_app, server
from stagelight.web.body import Held

PROTOBUF = {"Content-Type": "application/x-protobuf"}
PROGRAM = """
import sys
from stagelight.config import load
from stagelight.web import server
server.STOP_SECONDS = float(sys.argv[2]) if sys.argv[2:] else server.STOP_SECONDS
server.serve(load(environ={}, port=0, store=sys.argv[1]), on_ready=lambda found: print(found.url, flush=True))
print("closed", flush=True)
"""


def test_taken_port_moves_and_says_so(tmp_path):
    """A port that is in use gives the next free one, and the difference is told."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = load(environ={}, start=tmp_path, port=port, store=str(tmp_path / "s.db"))
        with server.running(told) as found:
            assert (found.wanted_port, found.moved) == (port, True)
            assert found.port != port
            assert httpx.get(f"{found.url}/health", trust_env=False).status_code == 200


def test_wanted_port_is_kept(tmp_path):
    """A free port is the one that was asked for; 0 asks for any and counts as no move."""
    port = free_port()
    for wanted in (port, 0):
        told = load(environ={}, start=tmp_path, port=wanted, store=str(tmp_path / "s.db"))
        with server.running(told) as found:
            assert not found.moved
            assert found.port == wanted or not wanted
            assert found.store == str(tmp_path / "s.db")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:5"),
        ("::1", "http://[::1]:5"),
        ("[::1]", "http://[::1]:5"),
        ("0.0.0.0", "http://127.0.0.1:5"),
        ("::", "http://[::1]:5"),
    ],
)
def test_address_can_be_opened(host, url):
    """The address that is told can be opened as it is, for IPv6 and wildcard addresses too."""
    assert server.Serving(host=host, port=5, wanted_port=5, store="").url == url


def test_ipv6_loopback_is_served(tmp_path):
    """`::1` is a loopback address like any other."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    with served(tmp_path, host="::1") as found:
        assert found.client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("host", "port", "says"),
    [
        ("203.0.113.7", 4318, "cannot listen on 203.0.113.7"),
        ("no.such.host.invalid", 0, "cannot listen on no.such"),
        ("127.0.0.1", 70_000, "expected 0 to 65535"),
    ],
)
def test_address_that_cannot_be_used_is_one_line(host, port, says):
    """An address that is not this machine's, or no address, is a setting to be corrected."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        server.bind(host, port)
    assert "\n" not in str(caught.value)


def test_no_free_port_is_told(monkeypatch):
    """When not even the system has a port left, that is said."""

    def taken(*_: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(server, "_listen", taken)
    with pytest.raises(ConfigurationError, match="no free port on 127"):
        server.bind("127.0.0.1", 4318)


def test_server_that_does_not_start_says_so(tmp_path, monkeypatch):
    """A start that fails inside is an error, not a wait for ever."""

    class Broken(server._Server):
        def run(self, sockets: object = None) -> None:
            self._sock.close()

    monkeypatch.setattr(server, "_Server", Broken)
    with pytest.raises(ConfigurationError, match="did not start"), served(tmp_path):
        pass


def test_store_that_cannot_be_opened_is_told_first(tmp_path):
    """A store that cannot be opened is an error before anything listens."""
    (tmp_path / "file").write_text("this is no database, only text that is long enough to be looked at " * 30)
    with pytest.raises(StoreUnavailableError), server.running(load(environ={}, port=0, store=str(tmp_path / "file"))):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_gracefully(tmp_path, number):
    """With a live stream open, SIGTERM and Ctrl-C end the server within seconds, store closed, exit code 0."""
    path = tmp_path / "s.db"
    command = [sys.executable, "-c", PROGRAM, str(path), "20"]  # seconds after which a stream that nobody ended is cut
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as client, client.stream("GET", "/live") as stream:
            lines = stream.iter_lines()  # dropped, it would hang up
            next(lines)
            client.post("/v1/traces", content=body(span()), headers=PROTOBUF).raise_for_status()
            began = time.monotonic()
            child.send_signal(number)
            assert child.wait(30) == 0
            assert time.monotonic() - began < 15
        assert child.stdout.read() == "closed\n"
    assert not (tmp_path / "s.db-wal").exists()
    with open_store(path) as store:
        assert store.admin.size().spans == 1


def test_killed_server_loses_nothing_it_answered(tmp_path):
    """`kill -9` right after an answer: the span is there when the store is opened again."""
    path = tmp_path / "s.db"
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        for number in range(20):
            httpx.post(f"{url}/v1/traces", content=body(span(trace=number + 1)), headers=PROTOBUF, trust_env=False)
        child.kill()
    with open_store(path) as store:
        assert store.admin.size().spans == 20


def test_first_trace_is_there_soon_after_the_start(tmp_path):
    """From the start of a fresh process to a trace in its list the server works for less than two seconds."""
    path = tmp_path / "s.db"
    open_store(path).close()
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        httpx.post(f"{url}/v1/traces", content=body(span("first")), headers=PROTOBUF, trust_env=False)
        page = httpx.get(f"{url}/traces", trust_env=False).text
        took, worked = time.monotonic() - began, cpu_seconds(child.pid)
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
        child.stdout.read()
    print(f"\nfrom start to first trace {took:.2f} s, of which the processor worked {worked:.2f} s")
    assert "first" in page
    # The clock on the wall tells how busy the machine is with other tests; the processor's tells what we do.
    assert worked < 2


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_old_traces_are_removed_while_it_runs(tmp_path, monkeypatch):
    """What is past its time goes by itself, without a command."""
    monkeypatch.setattr("stagelight.web.app.EXPIRE_SECONDS", 0.05)
    with served(tmp_path, trace_cleanup_hours=0.001) as found:
        old = span(start_ns=span().start_ns - 3600 * 10**9, end_ns=span().end_ns - 3600 * 10**9)
        found.store.traces.write([old])
        gone = threading.Event()
        for _ in range(1200):
            if found.store.admin.size().spans == 0:
                break
            gone.wait(0.05)
        assert found.store.admin.size().spans == 0


def test_slow_body_is_given_up(tmp_path, monkeypatch):
    """A client that sends a byte now and then does not hold its place for ever."""
    monkeypatch.setattr("stagelight.web.body.READ_SECONDS", 0.1)
    with served(tmp_path) as found:
        host, port = found.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as sock:
            head = f"POST /v1/traces HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
            sock.sendall(head.encode() + b"{")
            answer = sock.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 503")
    assert b"did not arrive within" in answer


class Watched(Held):
    """Remembers the most that was ever held."""

    most = 0

    def add(self, count: int) -> None:
        super().add(count)
        self.most = max(self.most, self.bytes)


async def asked(folder, held: Held, content: object, **headers: str) -> httpx.Response:
    with open_store(folder / "s.db") as store:
        app = create_app(store, load(environ={}, start=folder))
        app.state.held = held
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.post("/v1/traces", content=content, headers={**PROTOBUF, **headers})


@pytest.mark.parametrize(("encoding", "limit"), [("", 16 * 2**20), ("identity", 16 * 2**20), ("gzip", 4 * 2**20)])
async def test_no_more_of_a_body_is_held_than_is_allowed(tmp_path, encoding, limit):
    """Of a body that goes on and on, compressed or not, only as much as its limit is ever kept in memory."""

    async def endless():
        for _ in range(24):
            yield b"a" * 2**20

    held = Watched()
    answer = await asked(tmp_path, held, endless(), **{"Content-Encoding": encoding})

    assert answer.status_code == 413
    assert (held.most, held.bytes) == (limit, 0)


async def test_bodies_in_memory_are_bounded_together(tmp_path):
    """When many large requests come at once, one too many is told to come again; afterwards there is room."""
    held = Held(1000)

    assert (await asked(tmp_path, held, b"\xff" * 1001)).status_code == 503
    assert (await asked(tmp_path, held, b"\xff" * 900)).status_code == 400
    assert held.bytes == 0


def test_client_that_sends_on_after_a_refusal_sees_it(tmp_path):
    """A simple client, which sends all before it reads, gets its 413 and no broken connection."""
    with served(tmp_path) as found:
        host, port = found.url.removeprefix("http://").split(":")
        length = 30 * 2**20
        with socket.create_connection((host, int(port)), timeout=60) as sock:
            head = f"POST /v1/traces HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            sock.sendall(head.encode())
            for _ in range(30):
                sock.sendall(b"a" * 2**20)
            answer = sock.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 413")


def test_framework_does_not_trace_the_receiver(tmp_path):
    """A program that sends its telemetry to a receiver in its own process gets its own spans there and no others."""
    program = """
import sys, httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from stagelight.config import load
from stagelight.web.server import running
kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
with running(load(environ={}, port=0, store=sys.argv[1])) as found:
    httpx.post(found.url + "/v1/traces", json={}, trust_env=False).raise_for_status()
print(len(kept.get_finished_spans()))
"""
    environ = {**os.environ, "FASTAPI_OTEL_AUTO_CONFIGURE": "true"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "s.db")],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout == "0\n"
