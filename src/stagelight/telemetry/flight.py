"""Work that may block for ever, done on a thread of its own, while the caller waits no longer than it wants to."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from stagelight import _guard

if TYPE_CHECKING:
    from collections.abc import Callable


class Deadline:
    """A moment on the machine's own monotonic clock: a test that steps `_clock` must not wait for ever."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float) -> None:
        """Set it `seconds` from now."""
        self._at = time.monotonic() + max(0.0, seconds)

    @property
    def left_s(self) -> float:
        """Seconds until then; 0 once it has passed."""
        return max(0.0, self._at - time.monotonic())


class Flight:
    """Runs one job at a time on a daemon thread; asking while it runs has it run once more, never twice at once."""

    def __init__(self, name: str, job: Callable[[], bool]) -> None:
        """Prepare to run `job`, which says whether all went well."""
        self._name = name
        self._job = job
        self._changed = threading.Condition(threading.Lock())
        self._asked = 0
        self._done = 0
        self._good = True
        self._running = False

    def ask(self) -> int:
        """Have the job run from its start once more; return a ticket to wait for."""
        with self._changed:
            self._asked += 1
            if not self._running:
                self._running = self._start()
            return self._asked

    def wait(self, ticket: int, deadline: Deadline) -> bool:
        """Wait until the job that `ticket` asked for is done; say whether it was done in time and went well."""
        with self._changed:
            while self._done < ticket:
                if not self._running or not self._changed.wait(deadline.left_s):
                    return False
            return self._good

    def done(self, ticket: int) -> bool:
        """Whether the job that `ticket` asked for is over, or cannot run any more."""
        with self._changed:
            return self._done >= ticket or not self._running

    def _start(self) -> bool:
        try:
            threading.Thread(target=self._run, name=f"stagelight-{self._name}", daemon=True).start()
        except RuntimeError:  # the interpreter is ending and starts no more threads
            return False
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._done == self._asked:
                    self._running = False
                    self._changed.notify_all()
                    return
                target = self._asked
            good = bool(_guard.attempt("telemetry", self._job))
            with self._changed:
                self._done, self._good = target, good
                self._changed.notify_all()
