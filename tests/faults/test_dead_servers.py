"""Servers that are dead, silent or slow: a flush tells the truth in time, an end is bounded, no thread is left waiting."""

from __future__ import annotations

import threading
import time

import pytest

from servers import answering, black_hole, refusing
from telemetries import TRACES, ledger, work


class Timed:
    """How long a block took."""

    def __enter__(self):
        self._began = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self._began


def quickest(turn, limit: float) -> float:
    """Seconds of the quickest of a few turns, done once one is within the limit: a busy machine only adds."""
    taken = []
    while len(taken) < 6 and min(taken, default=limit + 1) > limit:
        taken.append(turn())
    return min(taken)


def test_a_closed_port_is_told_over_grpc(using):
    """Over gRPC a flush against a closed port is false in time, and so is the end."""

    def over() -> float:
        telemetry = using(endpoint=refusing().removeprefix("http://"), protocol="grpc", **TRACES)
        work(telemetry)
        with Timed() as flushed:
            assert not telemetry.flush(1.0)
        with Timed() as ended:
            telemetry.shutdown(2.0)
        return max(flushed.seconds - 1.0, ended.seconds - 2.0)

    assert quickest(over, 0.25) <= 0.25


@pytest.mark.parametrize("seconds", [0.3, 1.0])
@pytest.mark.parametrize("kind", ["refused", "black hole", "slow"])
def test_a_flush_comes_back_in_time_and_tells_the_truth(kind, seconds, using):
    """Nobody listens, or nobody answers, or only later: `flush(t)` is back within t + 0.25 s and says False."""

    def flushed() -> float:
        with answering(slow=True) as slow, black_hole() as silent:
            url = {"refused": refusing(), "black hole": silent, "slow": slow.url}[kind]
            telemetry = using(endpoint=url)
            work(telemetry)
            with Timed() as took:
                assert telemetry.flush(seconds) is False
            slow.release.set()
            telemetry.shutdown(0.5)
        return took.seconds

    assert quickest(flushed, seconds + 0.25) <= seconds + 0.25


@pytest.mark.parametrize(
    ("kind", "seconds", "at_most"), [("refused", 5.0, 1.75), ("black hole", 1.5, 1.75), ("slow", 1.5, 1.75)]
)
def test_an_end_is_bounded(kind, seconds, at_most, using, caplog):
    """`shutdown(t)` takes no longer whatever the network does, says False and why, and gives up sooner where nobody listens."""

    def over() -> float:
        with answering(slow=True) as slow, black_hole() as silent:
            url = {"refused": refusing(), "black hole": silent, "slow": slow.url}[kind]
            telemetry = using(endpoint=url)
            work(telemetry)
            with Timed() as ended:
                assert telemetry.shutdown(seconds) is False
            with Timed() as again:
                assert telemetry.shutdown(2.0) is False
            assert (ledger(telemetry).failed, ledger(telemetry).waiting) == (1, 0)
            assert any(f"spans not delivered to {url}" in record.getMessage() for record in caplog.records)
        return max(ended.seconds - at_most, again.seconds - 0.1)

    assert quickest(over, 0.0) <= 0.0


def test_exports_that_run_do_not_pile_up_threads(using):
    """A hundred impatient flushes against a black hole share one thread for each signal."""
    with black_hole() as url:
        telemetry = using(endpoint=url)
        work(telemetry)
        telemetry.flush(0.05)
        before = threading.active_count()
        for _ in range(100):
            telemetry.flush(0.0)
        assert threading.active_count() <= before
