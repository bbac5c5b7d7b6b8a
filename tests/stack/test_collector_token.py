"""The collector in docker-compose.yml shows the relay the token that lies in a file, and the file alone holds it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import TYPE_CHECKING

import stack_sender
from deployment import compose
from stack import END_S
from stagelight import _clock
from stagelight.wire.records import LogRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stack_collector import Collector

IN_ITS_CONTAINER = "/run/stagelight/collector/relay_token"


@contextmanager
def door() -> Iterator[tuple[str, SimpleQueue[str]]]:
    """A server's address, and what requests to it show at the door."""
    shown: SimpleQueue[str] = SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            shown.put(self.headers.get("Authorization", ""))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", shown
        finally:
            server.shutdown()
            thread.join()


def test_the_relay_sees_the_token_of_the_file(collector: Callable[..., Collector], tmp_path: Path) -> None:
    """The variable names the file; what arrives is what the file holds."""
    told = compose()["services"]["collector"]["environment"]["STAGELIGHT_RELAY_TOKEN"]
    token = tmp_path / "relay_token"
    token.write_text("sl_0123_abc")
    assert IN_ITS_CONTAINER in told

    with door() as (url, shown):
        variables = {
            "STAGELIGHT_RELAY_ENDPOINT": url,
            "STAGELIGHT_RELAY_TOKEN": told.replace(IN_ITS_CONTAINER, str(token)),
        }
        started = collector("collector.yaml", **variables)
        event = LogRecord(time_ns=_clock.wall_ns(), event_name="stagelight.alert.x", attributes={}, resource={})
        stack_sender.send_logs(started.http, [event])

        assert shown.get(timeout=END_S) == "Bearer sl_0123_abc"
