"""`stagelight serve` as a process, the trace backend of the tests: it can go away and come back on the same store."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from ports import free_ports
from stack import Server, answers
from stagelight import wire
from stagelight.store import open_store

if TYPE_CHECKING:
    from stagelight.wire.records import LogRecord, SpanRecord

SCRIPT = Path(sys.executable).with_name("stagelight")


class Backend:
    """A server that keeps traces, and a door before it that counts how often each span was delivered.

    The store forgets what came twice; that is why somebody else has to count. While it is away nothing listens.
    """

    def __init__(self, folder: Path, name: str = "backend") -> None:
        """Keep the store and the log in `folder`; nothing runs before `start`."""
        self._door_port, port = free_ports(2)
        self.url = f"http://127.0.0.1:{self._door_port}"
        self.delivered: Counter[str] = Counter()  #: Span id -> how often it was taken.
        self.logs: list[LogRecord] = []  #: All that were taken.
        self.taken = threading.Event()  #: Set whenever spans were taken.
        self._store = folder / f"{name}.db"
        self._behind = f"http://127.0.0.1:{port}"
        self.server = Server(
            [SCRIPT, "serve", "--port", port, "--store", self._store],
            log=folder / f"{name}.log",
            ready=lambda: answers(f"{self._behind}/health"),
        )
        self._door: _Door | None = None

    @property
    def spans(self) -> list[SpanRecord]:
        """All that it keeps."""
        with open_store(self._store) as store:
            return [span for trace in store.traces.export() for span in trace]

    def start(self) -> None:
        """Come, or come back with all that was kept."""
        self.server.start()
        self._door = _Door(self._door_port, self._behind, self)

    def stop(self) -> None:
        """Go away."""
        if self._door is not None:
            self._door.close()
            self._door = None
            self.server.stop()

    def close(self) -> None:
        """End everything, in whatever state."""
        if self._door is not None:
            self._door.close()
        self.server.kill()


class _Door(ThreadingHTTPServer):
    """Passes requests on to the server behind it."""

    daemon_threads = True

    def __init__(self, port: int, behind: str, backend: Backend) -> None:
        super().__init__(("127.0.0.1", port), _Passage)
        self.backend = backend
        self.client = httpx.Client(base_url=behind, trust_env=False, timeout=30)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def handle_error(self, *_arguments: object) -> None:
        """A collector that is killed in mid-request is part of the tests."""

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        self.client.close()


class _Passage(BaseHTTPRequestHandler):
    """One request, there and back."""

    server: _Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        names = ("Content-Type", "Content-Encoding", "Authorization")
        headers = {name: self.headers[name] for name in names if self.headers[name]}
        with suppress(httpx.TransportError):  # gone meanwhile: the sender sees a closed connection
            answer = self.server.client.post(self.path, content=body, headers=headers)
            if answer.is_success:
                self._count(wire.inflate(body, self.headers["Content-Encoding"] or "identity"))
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/x-protobuf"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    def _count(self, body: bytes) -> None:
        backend = self.server.backend
        if self.path == "/v1/traces":
            backend.delivered.update(one.span_id for one in wire.decode_traces(body, "protobuf"))
            backend.taken.set()
        elif self.path == "/v1/logs":
            backend.logs += wire.decode_logs(body, "protobuf")

    def log_message(self, *_arguments: object) -> None:
        pass
