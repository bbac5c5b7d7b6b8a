"""An Alertmanager that says what a test wants it to say; the real one runs in tests/stack."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Posts:
    """What was posted, and how it is answered."""

    def __init__(self) -> None:
        """Take everything."""
        self.url = ""
        self.answer: Callable[[list[dict[str, Any]]], tuple[int, bytes]] = lambda _alerts: (200, b"")
        self.calls: list[list[dict[str, Any]]] = []
        self._came = threading.Condition()

    def keep(self, alerts: list[dict[str, Any]]) -> tuple[int, bytes]:
        """Keep one request and say how to answer it."""
        with self._came:
            self.calls.append(alerts)
            self._came.notify_all()
        return self.answer(alerts)

    def wait(
        self, ready: Callable[[list[list[dict[str, Any]]]], bool], seconds: float = 10.0
    ) -> list[list[dict[str, Any]]]:
        """Wait until the requests so far are what a test waits for, and return them."""
        with self._came:
            assert self._came.wait_for(lambda: ready(self.calls), seconds), self.calls
            return [*self.calls]

    def named(self, name: str) -> list[dict[str, Any]]:
        """Every post of the alert with this name, in order."""
        return [alert for call in [*self.calls] for alert in call if alert["labels"]["alertname"] == name]


@contextmanager
def posted() -> Iterator[Posts]:
    """Listen on loopback."""
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.path == "/api/v2/alerts"
            status, body = posts.keep(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    posts.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield posts
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
