"""The /metrics page through the official Prometheus exporter, on loopback unless told otherwise."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import CollectorRegistry, start_http_server

from stagelight import _guard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.simple_server import WSGIServer

    from prometheus_client.metrics_core import Metric
    from prometheus_client.samples import Sample

_log = logging.getLogger("stagelight")


class SafeRegistry(CollectorRegistry):
    """A registry whose page always parses: no lone surrogate, no metric twice, and one bad metric costs only itself."""

    def collect(self) -> Iterator[Metric]:
        """Yield every metric once, fit for UTF-8."""
        seen: dict[str, Metric] = {}
        with _guard.guard("telemetry"):
            for family in super().collect():
                seen[family.name] = family
        for family in seen.values():
            _clean(family)
            yield family


class Scrape:
    """A reader and the small HTTP server that shows what it reads."""

    def __init__(self, host: str, port: int) -> None:
        """Make the reader for a page at `host` and `port`; nothing is served before `serve`."""
        self._address = (host, port)
        self.registry = SafeRegistry(auto_describe=False)
        self.reader: Any = PrometheusMetricReader(registry=self.registry)
        self._served: tuple[WSGIServer, threading.Thread] | None = None

    def serve(self) -> int:
        """Serve /metrics and return the port; where it cannot be had, say so in one line and return 0."""
        host, port = self._address
        try:
            self._served = start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            reason = error.strerror or str(error)
            _log.warning("/metrics is not served at %s:%d: %s. Set PROMETHEUS_PORT to a free port.", host, port, reason)
            return 0
        return self._served[0].server_port

    def close(self) -> None:
        """Stop serving."""
        if self._served is not None:
            server, thread = self._served
            self._served = None
            # The server looks up every half second, or when somebody calls.
            threading.Thread(target=_call, args=(server.server_address[:2], thread), daemon=True).start()
            server.shutdown()
            server.server_close()


def _call(address: tuple[str, int], serving: threading.Thread) -> None:
    while serving.is_alive():
        with contextlib.suppress(OSError):
            socket.create_connection(address, timeout=0.1).close()
        serving.join(0.01)


def _clean(family: Metric) -> None:
    family.documentation = _text(family.documentation)
    # A provider that somebody flushed between two scrapes hands over each series once for every flush; the last is the latest.
    latest = {(sample.name, *sample.labels.items()): sample for sample in family.samples}
    family.samples = [sample if _fits(sample) else _cleaned(sample) for sample in latest.values()]


def _fits(sample: Sample) -> bool:
    return all(_encodes(value) for value in sample.labels.values())


def _cleaned(sample: Sample) -> Sample:
    return sample._replace(labels={name: _text(value) for name, value in sample.labels.items()})


def _encodes(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _text(value: str) -> str:
    return value if _encodes(value) else value.encode("utf-8", "replace").decode("utf-8")
