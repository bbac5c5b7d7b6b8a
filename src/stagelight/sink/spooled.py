"""A sink with a spool beside it: rows go straight through while it answers, else to disk and later, in order."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from stagelight import _clock, _guard
from stagelight.errors import RowError, StoreError, UnreachableError
from stagelight.sink import late
from stagelight.sink.codec import id_of
from stagelight.sink.rows import Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.sink.rows import Row, Sink
    from stagelight.sink.spool import Spool

BATCH = 200  #: Rows delivered at once.
FIRST_WAIT_SECONDS = 0.5  #: After a failed delivery; doubled up to the last.
LAST_WAIT_SECONDS = 30.0
AWAY = (UnreachableError, StoreError)


class SpooledSink:
    """Writes to `sink`; while it is away, to `spool`, from which a thread delivers as soon as it is back.

    While something waits in the spool new rows queue up behind it, so that order is kept, and no caller waits for a server
    that was just found away.
    """

    def __init__(self, sink: Sink, spool: Spool) -> None:
        """Join the two; what an earlier process left in the spool waits for `begin`, or for the next row."""
        self._sink = sink
        self.spool = spool
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._again = threading.Event()
        self._away = ""
        self._over = False

    def begin(self) -> None:
        """Deliver what an earlier process left."""
        if not self.spool.empty:
            self._deliver_soon()

    def write(self, rows: Sequence[Row]) -> list[Receipt]:
        """Commit `rows`, or keep them on disk.

        Raises:
            UnreachableError: The sink is away and the spool takes no more.
        """
        if self.spool.empty:
            try:
                return self._sink.write(rows)
            except AWAY as error:
                self._away = str(error)
        reason = self._away or "rows from before are being delivered first"
        try:
            self.spool.append(rows)
        except UnreachableError as error:
            raise UnreachableError(f"{reason}; {error}") from error
        self._deliver_soon()
        return [Receipt("spooled", id_of(row), reason) for row in rows]

    def end(self, timeout_s: float = 1.0) -> None:
        """Deliver no more, once what is under way is done; what waits is there for the next process."""
        self._over = True
        self._again.set()
        thread = self._thread
        if thread is not None and self._process == os.getpid():
            thread.join(timeout_s)

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Try to deliver what waits, now; return whether nothing waits any more."""
        until = _clock.monotonic_ns() + int(timeout_s * 1e9)
        while not self.spool.empty:
            thread = self._deliver_soon()
            self._again.set()
            left = (until - _clock.monotonic_ns()) / 1e9
            if left <= 0:
                return False
            thread.join(min(left, 0.05))
        return True

    def _deliver_soon(self) -> threading.Thread:
        if self._process not in (0, os.getpid()):
            # A forked child inherits the lock, perhaps held, but not the thread.
            self._lock, self._thread = threading.Lock(), None
        with self._lock:
            if self._thread is None:
                self._again = threading.Event()
                self._thread = threading.Thread(target=self._run, name="stagelight-spool", daemon=True)
                self._process = os.getpid()
                self._thread.start()
            return self._thread

    def _run(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._finished():
            delivered = _guard.attempt("sink", self._deliver)
            if delivered:
                wait = FIRST_WAIT_SECONDS
            else:
                self._again.wait(wait)
                self._again.clear()
                wait = min(wait * 2, LAST_WAIT_SECONDS)

    def _finished(self) -> bool:
        """End the thread where nothing waits; under the lock, so that no row can slip in unseen."""
        with self._lock:
            if self._over or self.spool.empty:
                self._thread = None
                return True
            return False

    def _deliver(self) -> bool:
        """Deliver all that waits; False where the sink is away, or another process is at it."""
        with self.spool.delivering() as ours:
            while ours and not self._over and (batch := self.spool.batch(BATCH)):
                try:
                    receipts = self._sink.write(batch.rows)
                except AWAY as error:
                    self._away = str(error)
                    return False
                for receipt in receipts:
                    if not receipt.accepted:
                        _guard.report("sink", RowError(f"row {receipt.id} left the spool refused: {receipt.reason}"))
                late.tell(batch.rows, receipts)
                self.spool.settle(batch)
            return ours
