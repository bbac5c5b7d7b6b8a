"""Work that may block: waited for no longer than told, never twice at once."""

from __future__ import annotations

import threading

from stagelight import _guard
from stagelight.telemetry import flight
from stagelight.telemetry.flight import Deadline, Flight
from stagelight.testing import SteppingClock, in_memory


def test_a_job_is_run_and_its_word_is_passed_on():
    """What the job says, the waiter hears."""
    for word in (True, False):
        job = Flight("test", lambda word=word: word)
        assert job.wait(job.ask(), Deadline(5)) is word
        assert job.done(1)


def test_a_job_that_raises_is_a_false_one():
    """An exception of the job is reported, and counts as not having gone well."""

    def broken() -> bool:
        raise RuntimeError("for a test")

    job = Flight("test", broken)
    assert job.wait(job.ask(), Deadline(5)) is False
    assert _guard.errors() == {"telemetry": 1}


def test_asking_while_it_runs_runs_it_once_more():
    """Whoever asks while the job runs gets a run that began after the question; many of them share it."""
    gate, began, runs = threading.Event(), threading.Event(), []

    def job() -> bool:
        runs.append(1)
        began.set()
        return gate.wait(10)

    running = Flight("test", job)
    first = running.ask()
    began.wait(5)
    later = [running.ask() for _ in range(20)]
    assert not running.wait(first, Deadline(0.01))
    gate.set()

    assert all(running.wait(ticket, Deadline(5)) for ticket in later)
    assert len(runs) == 2


def test_no_thread_stays_behind():
    """A job that is done needs no thread; the next one starts its own."""
    job = Flight("idle", lambda: True)
    for _ in range(3):
        assert job.wait(job.ask(), Deadline(5))
    for thread in threading.enumerate():
        if thread.name == "stagelight-idle":
            thread.join(5)
            assert not thread.is_alive()


def test_an_ending_interpreter_starts_no_thread(monkeypatch):
    """Where no thread can be started any more, the answer is False at once."""

    def no_more(*_arguments, **_others):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(flight.threading.Thread, "start", no_more)
    job = Flight("test", lambda: True)
    ticket = job.ask()

    assert job.wait(ticket, Deadline(5)) is False
    assert job.done(ticket)


def test_a_clock_that_stands_still_cannot_hold_a_flush():
    """Deadlines follow the machine's clock, so a test that steps time still ends."""
    with in_memory(clock=SteppingClock()) as memory:
        memory.telemetry.tracer.start_span("work").end()
        assert memory.telemetry.flush(5.0)
        assert Deadline(0).left_s == 0
        assert Deadline(-1).left_s == 0
