"""A thread that does its turn when there is news, and again and again in between; sooner after a turn that failed."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from stagelight import _clock, _guard

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_WAIT_SECONDS = 0.5  #: After a failed turn; doubled up to the last.
LAST_WAIT_SECONDS = 15.0
SAY_EVERY_NS = 60 * 1_000_000_000
STOP_SECONDS = 3.0

_log = logging.getLogger("stagelight")


class Loop:
    """Calls `turn(whole)` on its own thread.

    `whole` is true when everything is to be looked at, which is at the start, every `every_seconds`, and after a failure;
    else the turn is about news alone. A turn says why it failed, or nothing.
    """

    def __init__(self, name: str, turn: Callable[[bool], str], *, every_seconds: float) -> None:
        """Prepare; nothing runs before `start`."""
        self._name = name
        self._turn = turn
        self._every_seconds = every_seconds
        self._news = threading.Event()
        self._ending = False
        self._due_ns = 0
        self._wait_seconds = FIRST_WAIT_SECONDS
        self._failing = False
        self._said_ns: int | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, with a whole turn."""
        self._due_ns = _clock.monotonic_ns()
        self._thread = threading.Thread(target=self._run, name=f"stagelight-{self._name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have a turn done now."""
        self._news.set()

    def stop(self, timeout_s: float = STOP_SECONDS) -> bool:
        """Do a last turn for what is news, then end; say whether it was within `timeout_s` seconds."""
        thread, self._thread = self._thread, None
        if thread is None:
            return True
        self._ending = True
        self._news.set()
        thread.join(timeout_s)
        return not thread.is_alive()

    def _run(self) -> None:
        ending = False
        while not ending:
            self._news.wait(max(0.0, (self._due_ns - _clock.monotonic_ns()) / 1e9))
            ending = self._ending  # read before the turn, which so takes along all that was told before the end
            self._news.clear()
            whole = _clock.monotonic_ns() >= self._due_ns
            why: str | None = _guard.attempt("alerts", self._turn, whole)
            self._settle("an error inside stagelight" if why is None else why, whole=whole)

    def _settle(self, why: str, *, whole: bool) -> None:
        now = _clock.monotonic_ns()
        if why:
            self._due_ns = now + int(min(self._wait_seconds, self._every_seconds) * 1e9)
            self._wait_seconds = min(self._wait_seconds * 2, LAST_WAIT_SECONDS)
            self._say(why, now)
        elif whole:
            self._due_ns = now + int(self._every_seconds * 1e9)
            self._wait_seconds = FIRST_WAIT_SECONDS
            if self._failing:
                _log.warning("stagelight alerts: %s goes on", self._name)
        self._failing = bool(why) or (self._failing and not whole)

    def _say(self, why: str, now: int) -> None:
        if self._said_ns is None or now - self._said_ns > SAY_EVERY_NS:
            self._said_ns = now
            _log.warning("stagelight alerts: %s; nothing is lost, it is tried again", why)
