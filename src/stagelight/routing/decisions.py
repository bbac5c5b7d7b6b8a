"""Decisions on their way into the log: written by a thread, in batches, so that a choice never waits for a database.

A decision is worth nothing before its request has been answered and judged, so the few milliseconds until it is committed
lose nothing: a process that dies in them has answered nothing. Whoever queues a reward in this process waits for them.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING

from stagelight import _guard
from stagelight.errors import RowError, StoreError, UnreachableError
from stagelight.routing import homes
from stagelight.telemetry.flight import Deadline

if TYPE_CHECKING:
    from stagelight.routing.homes import Home
    from stagelight.sink.rows import Decision, Receipt

MAX_WAITING = 10_000  #: Decisions that may wait; past it the oldest is given up, and its reward will teach nothing.
BATCH = 200
RETRY_S = 0.5  #: Between two tries to write.


class DecisionLog:
    """Writes decisions where their router lives, in the order they were made."""

    def __init__(self) -> None:
        """Start with none; the thread begins with the first."""
        self._begin()

    def _begin(self) -> None:
        """Begin with nothing; once more in a forked child, which has none of its parent's threads."""
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Home, Decision]] = deque()
        self._added = self._settled = 0
        self._running = False

    def add(self, home: Home, decision: Decision) -> None:
        """Have `decision` written; returns at once."""
        if self._process != os.getpid():
            self._begin()
        with self._changed:
            self._waiting.append((home, decision))
            self._added += 1
            given_up = len(self._waiting) > MAX_WAITING
            if given_up:
                self._waiting.popleft()
                self._settled += 1
            if not self._running:
                self._running = self._start()
            self._changed.notify_all()
        if given_up:
            _guard.report("routing", RowError(f"{MAX_WAITING} decisions wait to be written; the oldest was given up"))

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until every decision made so far is written; say whether that was within `timeout_s` seconds."""
        if self._process != os.getpid():
            self._begin()
        until = Deadline(timeout_s)
        with self._changed:
            target = self._added
            while self._settled < target:
                if not self._running or not self._changed.wait(until.left_s):
                    return False
        return True

    def _start(self) -> bool:
        try:
            threading.Thread(target=self._run, name="stagelight-decisions", daemon=True).start()
        except RuntimeError:  # the interpreter is ending and starts no more threads
            return False
        return True

    def _run(self) -> None:
        while True:
            home, batch = self._next()
            while not _guard.attempt("routing", _write, home, batch) and _in_use(home):
                with self._changed:
                    self._changed.wait(RETRY_S)
            with self._changed:
                self._settled += len(batch)
                self._changed.notify_all()

    def _next(self) -> tuple[Home, list[Decision]]:
        """Wait for decisions, and take those of one home."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            home = self._waiting[0][0]
            batch: list[Decision] = []
            while self._waiting and self._waiting[0][0] == home and len(batch) < BATCH:
                batch.append(self._waiting.popleft()[1])
            return home, batch


def _write(home: Home, batch: list[Decision]) -> bool:
    """Write, and say whether this batch is over with: written, or refused for good."""
    receipts: list[Receipt] = []
    try:
        receipts = home.write(batch)
    except (StoreError, UnreachableError) as error:
        _guard.report("routing", error)
        return False
    for receipt in receipts:
        if not receipt.accepted:
            _guard.report("routing", RowError(f"decision {receipt.id} was refused: {receipt.reason}"))
    return True


def _in_use(home: Home) -> bool:
    """Whether routers still live there; what cannot be written to a place that was left is given up."""
    return homes.home(make=False) == home


log = DecisionLog()  #: The process's own.
