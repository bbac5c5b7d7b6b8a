"""An OTLP/HTTP server that accepts everything and counts spans; a process of its own, so that its work is not measured."""

from __future__ import annotations

import http.server
import sys
import threading
from gzip import decompress

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Sink(http.server.BaseHTTPRequestHandler):
    """Answer POST with 200 and GET with the number of spans so far."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    spans = 0
    counting = threading.Lock()

    def do_GET(self) -> None:
        """Say how many spans came in."""
        self._answer(str(Sink.spans).encode())

    def do_POST(self) -> None:
        """Count the spans of a request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            plain = decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            request = ExportTraceServiceRequest.FromString(plain)
            came = sum(len(scope.spans) for group in request.resource_spans for scope in group.scope_spans)
            with Sink.counting:  # connections have a thread each
                Sink.spans += came
        self._answer(b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class calls it so
        """Stay silent."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve on a free port of loopback, and say which."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
