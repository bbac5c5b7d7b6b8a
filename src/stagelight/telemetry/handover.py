"""Work for our own thread, handed over from where nothing else is safe.

A finaliser or a signal handler runs in the middle of any other line, perhaps one that holds a lock of OpenTelemetry's,
which are not re-entrant: ending a span or counting there hangs the process for ever. `SimpleQueue.put` is re-entrant,
so such code only puts its work here. The same thread runs what is due later.
"""

from __future__ import annotations

import heapq
import itertools
import os
import queue
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from stagelight import _clock
from stagelight._guard import attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Work = tuple[int, int, "Callable[[], object]"]  # due (monotonic ns), order, work


class _Finalising(threading.local):
    depth = 0


_finalising = _Finalising()


class Handover:
    """A queue and the daemon thread that works it off."""

    def __init__(self) -> None:
        """Make an idle one; the thread starts with `ready`."""
        self._queue: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def ready(self) -> None:
        """Start the thread if it is not running; starting one is not safe in a finaliser, so callers do it beforehand."""
        if self._thread is not None and self._thread.is_alive():
            return
        # Not blocking: whoever holds the lock is starting the thread, perhaps further down this very stack.
        if self._starting.acquire(blocking=False):
            try:
                self._thread = threading.Thread(target=self._work, name="stagelight-handover", daemon=True)
                self._thread.start()
            finally:
                self._starting.release()

    def later(self, work: Callable[[], object], *, delay_s: float = 0.0) -> None:
        """Have `work` done soon, or after `delay_s` seconds; callable from finalisers and signal handlers."""
        due = _clock.monotonic_ns() + int(delay_s * 1e9) if delay_s else 0
        self._queue.put((due, next(self._order), work))

    def settle(self, timeout_s: float) -> bool:
        """Wait until all that was handed over for now is done; say whether it was within `timeout_s` seconds."""
        if self._thread is None and self._queue.empty():
            return True
        self.ready()
        done = threading.Event()
        self.later(done.set)
        return done.wait(timeout_s)

    def _work(self) -> None:
        waiting: list[_Work] = []
        while True:
            timeout = max(0.0, (waiting[0][0] - _clock.monotonic_ns()) / 1e9) if waiting else None
            with suppress(queue.Empty):
                heapq.heappush(waiting, self._queue.get(timeout=timeout))
            while waiting and waiting[0][0] <= _clock.monotonic_ns():
                attempt("telemetry", heapq.heappop(waiting)[2])


_handover = Handover()


def _after_fork() -> None:
    """A child has none of its parent's threads, and the queue's lock may have been held: begin anew."""
    global _handover  # noqa: PLW0603  a forked child needs its own
    _handover = Handover()


os.register_at_fork(after_in_child=_after_fork)


def ready() -> None:
    """Start our thread; call it before work may be handed over from a finaliser."""
    _handover.ready()


def later(work: Callable[[], object], *, delay_s: float = 0.0) -> None:
    """Have `work` done on our thread, now or after `delay_s` seconds; safe in finalisers and signal handlers."""
    _handover.later(work, delay_s=delay_s)


def settle(timeout_s: float = 5.0) -> bool:
    """Wait until what was handed over is done; say whether it was within `timeout_s` seconds."""
    return _handover.settle(timeout_s)


@contextmanager
def finalising() -> Iterator[None]:
    """Mark the block as (perhaps) a finaliser's: `run` hands over instead of calling."""
    _finalising.depth += 1
    try:
        yield
    finally:
        _finalising.depth -= 1


def run(work: Callable[[], object]) -> None:
    """Do `work` here and now, or on our thread where this may be a finaliser."""
    if _finalising.depth:
        later(work)
    else:
        work()
