"""One line that says what could not be delivered, why, and what to do; at most once a minute for each signal."""

from __future__ import annotations

import logging
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stagelight import _clock

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY_NS = 60 * 1_000_000_000
UNKNOWN = "no reason given"

_log = logging.getLogger("stagelight")

#: What an exporter says, our word for it, and what to do about it.
_REASONS = (
    (r"Connection refused", "connection refused", "Is `stagelight serve` or a collector running there?"),
    (r"Name or service not known|NameResolution|name resolution|DNS", "unknown host", "Is the host's name right?"),
    (r"timed out|Timeout|DEADLINE_EXCEEDED|due to timeout", "timed out", "Is the address right, and not behind a proxy or a firewall?"),
    (r"redirect", "redirected", "Set the endpoint to the address it redirects to."),
    (r"\b(?:code: )?(401|403)\b|UNAUTHENTICATED|PERMISSION_DENIED", "not allowed", "Check OTEL_EXPORTER_OTLP_HEADERS."),
    (r"\bcode: (404|405|415)\b|UNIMPLEMENTED", "no OTLP there", "Does the port match the protocol? 4318 is http/protobuf, 4317 grpc."),
    (r"\bcode: (429|5\d\d)\b|RESOURCE_EXHAUSTED", "the server is overloaded or failing", "Look at the server's own log."),
    (r"reset by peer|Connection aborted|RemoteDisconnected|UNAVAILABLE", "connection lost", "Does the port match the protocol? 4318 is http/protobuf, 4317 grpc."),
)  # fmt: skip


class _Heard(threading.local):
    """What the exporter that runs on this thread has logged."""

    messages: list[str] | None = None


_heard = _Heard()


class _Ear(logging.Filter):
    """Keeps what an exporter logs while it works for us; our own line says it better, and not for every batch."""

    def filter(self, record: logging.LogRecord) -> bool:
        if _heard.messages is None:
            return True
        _heard.messages.append(record.getMessage()[:1_000])
        return False


_ear = _Ear()


def listen_to(exporter: object) -> None:
    """Hear what the module of `exporter`, or of a class it is made of, logs on our export threads."""
    for kind in type(exporter).__mro__:
        if kind.__module__.startswith("opentelemetry."):
            # addFilter ignores a filter that is there already.
            logging.getLogger(kind.__module__).addFilter(_ear)


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect what exporters log on this thread inside the block."""
    before, _heard.messages = _heard.messages, []
    try:
        yield _heard.messages
    finally:
        _heard.messages = before


def exporting() -> bool:
    """Whether this thread is delivering for us; what is logged here must not become telemetry again."""
    return _heard.messages is not None


def explained(messages: list[str]) -> tuple[str, str]:
    """Return why an export failed, in our words, and what to do.

    >>> explained(["Transient error [Errno 111] Connection refused encountered while exporting spans batch"])
    ('connection refused', 'Is `stagelight serve` or a collector running there?')
    """
    said = "\n".join(messages)
    for pattern, reason, advice in _REASONS:
        found = re.search(pattern, said)
        if found:
            status = f" (HTTP {found[1]})" if found.re.groups and found[1] else ""
            return reason + status, advice
    return (messages[-1] if messages else UNKNOWN), "See `stagelight doctor`."


class Complaint:
    """Says that a signal is not delivered."""

    def __init__(self, what: str, where: str, of: str) -> None:
        """Speak of `what`, as spans, on the way to `where`; count what is lost in `of`, as spans or exports."""
        self._what, self._where, self._of = what, where, of
        self._said_at: int | None = None
        self._lost = 0

    def lost(self, number: int, messages: list[str]) -> None:
        """Count `number` as lost, and say so unless it was said within the last minute."""
        self._lost += number
        now = _clock.monotonic_ns()
        if self._said_at is not None and 0 <= now - self._said_at < EVERY_NS:
            return
        self._said_at = now
        reason, advice = explained(messages)
        _log.warning(
            "%s not delivered to %s: %s. %s (%d %s lost so far; said once a minute)",
            self._what,
            self._where,
            reason,
            advice,
            self._lost,
            self._of,
        )
