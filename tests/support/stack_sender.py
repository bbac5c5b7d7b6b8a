"""Sends spans to a collector as a program does: again and again until they were accepted, whatever happens to it."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING

import httpx

from stack import PAUSE_S
from stagelight import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagelight.wire.records import LogRecord, SpanRecord

GIVE_UP_S = 60.0


def post(url: str, body: bytes) -> bool:
    """Whether `url` accepted `body`."""
    try:
        answer = httpx.post(
            url, content=body, headers={"Content-Type": "application/x-protobuf"}, trust_env=False, timeout=10
        )
    except httpx.TransportError:
        return False
    return answer.is_success


def until_accepted(url: str, body: bytes) -> int:
    """Send until it is accepted; return how often that took. Fails after a minute."""
    deadline = time.monotonic() + GIVE_UP_S
    for attempt in itertools.count(1):
        if post(url, body):
            return attempt
        assert time.monotonic() < deadline, f"{url} accepts nothing"
        time.sleep(PAUSE_S)
    raise AssertionError


def send(url: str, spans: Sequence[SpanRecord], *, at_once: int = 50) -> int:
    """Send `spans` in requests of `at_once`; return how many requests had to be sent again."""
    bodies = (wire.encode_traces(spans[i : i + at_once], "protobuf") for i in range(0, len(spans), at_once))
    return sum(until_accepted(f"{url}/v1/traces", body) - 1 for body in bodies)


def send_logs(url: str, records: Iterable[LogRecord]) -> None:
    """Send log records in one request."""
    until_accepted(f"{url}/v1/logs", wire.encode_logs(list(records), "protobuf"))


class Sending:
    """Spans on their way in a thread, while the test does things to the collector."""

    def __init__(self, url: str, spans: Sequence[SpanRecord], *, at_once: int = 10) -> None:
        """Begin at once."""
        self.resent = 0
        self.halfway = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(url, spans, at_once))
        self._thread.start()

    def _run(self, url: str, spans: Sequence[SpanRecord], at_once: int) -> None:
        middle = len(spans) // 2
        self.resent += send(url, spans[:middle], at_once=at_once)
        self.halfway.set()
        self.resent += send(url, spans[middle:], at_once=at_once)

    def finish(self) -> None:
        """Wait until all was accepted."""
        self._thread.join(GIVE_UP_S)
        assert not self._thread.is_alive(), "the collector does not accept"
