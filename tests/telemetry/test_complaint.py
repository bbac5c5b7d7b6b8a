"""What is said when something cannot be delivered: one line, in words, once a minute."""

from __future__ import annotations

import logging
import threading

import pytest

from stagelight import _clock
from stagelight.telemetry import complaint
from stagelight.telemetry.complaint import Complaint, explained, exporting, listen_to, listening
from stagelight.testing import SteppingClock


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Failed to establish a new connection: [Errno 111] Connection refused", "connection refused"),
        ("Failed to resolve 'nowhere' ([Errno -2] Name or service not known)", "unknown host"),
        ("Read timed out. (read timeout=10.0)", "timed out"),
        ("StatusCode.DEADLINE_EXCEEDED", "timed out"),
        ("redirected to http://x", "redirected"),
        ("Failed to export spans batch code: 403, reason: Forbidden", "not allowed (HTTP 403)"),
        ("Failed to export spans batch code: 415, reason: x", "no OTLP there (HTTP 415)"),
        ("Failed to export spans batch code: 503, reason: x", "the server is overloaded or failing (HTTP 503)"),
        ("('Connection aborted.', RemoteDisconnected('…'))", "connection lost"),
        ("something new", "something new"),
    ],
)
def test_what_exporters_say_becomes_plain_words(message, reason):
    """Each way of failing has its own words and its own advice; what is unknown is passed on as it is."""
    found, advice = explained([message])

    assert found == reason
    assert advice


def test_silence_is_told_as_such():
    """An exporter that failed and said nothing gets a line all the same."""
    assert explained([]) == (complaint.UNKNOWN, "See `stagelight doctor`.")


def test_it_is_said_once_a_minute(caplog):
    """A thousand lost batches in a minute are one line; a minute later comes the next, with the sum."""
    clock = SteppingClock()
    with _clock.replaced(clock=clock):
        said = Complaint("spans", "http://x", "spans")
        for _ in range(1_000):
            said.lost(2, ["Connection refused"])
        clock.advance(seconds=61)
        said.lost(1, ["Connection refused"])

    assert "(2 spans lost so far" in caplog.records[0].getMessage()
    assert "(2001 spans lost so far" in caplog.records[1].getMessage()
    assert len(caplog.records) == 2


class Exporter:
    """Stands for an official exporter: it logs with its module's logger."""

    __module__ = "opentelemetry.exporter.tests"


def test_exporters_are_heard_on_our_threads_alone(caplog):
    """An exporter's own lines are quieted while it works for us, and left alone everywhere else."""
    listen_to(Exporter())
    listen_to(Exporter())
    log = logging.getLogger(Exporter.__module__)
    with listening() as messages:
        assert exporting()
        log.error("no %s", "luck")
        other = threading.Thread(target=log.error, args=("elsewhere",))
        other.start()
        other.join()
    log.error("after")

    assert messages == ["no luck"]
    assert [record.getMessage() for record in caplog.records] == ["elsewhere", "after"]
    assert not exporting()
