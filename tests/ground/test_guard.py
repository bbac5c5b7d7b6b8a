"""Our own mistakes stay ours: caught, counted, told once."""

from __future__ import annotations

import logging

import pytest

from stagelight import _clock, _guard
from stagelight.testing import SteppingClock, in_memory


@pytest.fixture(autouse=True)
def _forgotten():
    """Begin and end with nothing counted."""
    _guard.forget()
    yield
    _guard.forget()


def test_an_error_of_ours_is_swallowed_counted_and_logged_once_a_minute(caplog):
    """Three errors within a minute are one line; after the minute there is another, with the count."""
    clock = SteppingClock()
    with _clock.replaced(clock=clock):
        for _ in range(3):
            with _guard.guard("room"):
                raise RuntimeError("ours")
        assert len(caplog.records) == 1
        clock.advance(seconds=61)
        with _guard.guard("room"):
            raise RuntimeError("ours")

    assert _guard.errors() == {"room": 4}
    assert len(caplog.records) == 2
    assert "your program goes on (4 so far)" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_what_must_stop_the_program_passes(error):
    """Ctrl-C, exit and a generator's end are nobody's mistake."""
    with pytest.raises(type(error)), _guard.guard("room"):
        raise error

    assert _guard.errors() == {}


def test_a_logging_handler_that_raises_does_no_harm():
    """Even telling of the error may fail, and still nothing comes out."""

    class Broken(logging.Handler):
        def emit(self, record):
            raise RuntimeError("handler broke")

    logger, handler = logging.getLogger("stagelight"), Broken()
    logger.addHandler(handler)
    try:
        with _guard.guard("room"):
            raise RuntimeError("ours")
    finally:
        logger.removeHandler(handler)

    assert _guard.errors() == {"room": 1}


def test_attempt_gives_the_value_or_none():
    """`attempt` is a guarded call."""
    assert _guard.attempt("room", int, "7") == 7
    assert _guard.attempt("room", int, "x") is None


def test_the_counts_are_a_metric():
    """What was caught is visible as `stagelight_internal_errors_total`, by room."""
    with in_memory() as telemetry:
        with _guard.guard("room"):
            raise RuntimeError("ours")

        assert telemetry.value("stagelight_internal_errors_total", room="room") == 1
