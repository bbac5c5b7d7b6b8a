"""OTLP endpoints on loopback that behave, or misbehave, as real ones do; with real sockets."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from ports import free_port
from stagelight import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.wire.records import LogRecord, MetricPoint, SpanRecord


@dataclass
class Received:
    """What an endpoint got, and where it is."""

    url: str
    status: int = 200
    bodies: dict[str, list[bytes]] = field(default_factory=dict)
    called: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def spans(self) -> list[SpanRecord]:
        return [span for body in self.bodies.get("/v1/traces", []) for span in wire.decode_traces(body, "protobuf")]

    @property
    def metrics(self) -> list[MetricPoint]:
        return [point for body in self.bodies.get("/v1/metrics", []) for point in wire.decode_metrics(body, "protobuf")]

    @property
    def logs(self) -> list[LogRecord]:
        return [record for body in self.bodies.get("/v1/logs", []) for record in wire.decode_logs(body, "protobuf")]


@contextmanager
def answering(status: int = 200, *, slow: bool = False, **headers: str) -> Iterator[Received]:
    """An HTTP endpoint that keeps what it gets and answers `status`; a slow one only once `release` is set."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.called.set()
            if slow:
                received.release.wait(30)
            received.bodies.setdefault(self.path, []).append(body)
            self.send_response(received.status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_arguments: object) -> None:
            """A client that gave up is part of the test."""

    server = Server(("127.0.0.1", 0), Handler)
    received = Received(f"http://127.0.0.1:{server.server_port}", status)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield received
    finally:
        received.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of something that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def refusing() -> str:
    """The address of a port at which nobody listens."""
    return f"http://127.0.0.1:{free_port()}"
