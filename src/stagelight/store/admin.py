"""Looking after the store: size, backup, reset, and what is removed with time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from stagelight import _clock
from stagelight.errors import StoreError
from stagelight.store import loop_removal, removal
from stagelight.store.coarsening import FINE_NS, coarsen
from stagelight.store.columns import metadata
from stagelight.store.model import Expired, Size
from stagelight.store.tables import feedback, logs, predictions, rollups, spans, tokens, traces, truth

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from stagelight.store.capacity import Capacity
    from stagelight.store.database import Database
    from stagelight.store.rollups import Rollups

HOUR_NS = 3_600 * 1_000_000_000
DAY_NS = 24 * HOUR_NS


class Admin:
    """What an owner does with a store as a whole; `Store.admin`."""

    def __init__(
        self, database: Database, *, capacity: Capacity, rollups: Rollups, trace_hours: float, row_days: float
    ) -> None:
        self._database = database
        self._rollups = rollups
        self._capacity = capacity
        self._trace_ns = round(trace_hours * HOUR_NS)
        self._row_ns = round(row_days * DAY_NS)

    def size(self) -> Size:
        """Return what the store holds, and how much room that takes."""
        tables = {"traces": traces, "spans": spans, "logs": logs, "rollups": rollups}
        tables |= {"predictions": predictions, "feedback": feedback, "truth": truth}
        with self._database.reading() as connection:
            counts = {
                name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for name, table in tables.items()
            }
        return Size(bytes=self._capacity.used_bytes(), max_bytes=self._capacity.max_bytes, **counts)

    def expire(self) -> Expired:
        """Remove what is past its time, then, at the size cap, the oldest of what may go; return what went.

        Traces with their log lines go by `trace_hours`, every other kind of row by `row_days`, both counted from when
        they arrived. Never removed: pinned traces, predictions whose truth is awaited, what routers still have to learn;
        and at the cap predictions, feedback and truth.
        """
        now = _clock.wall_ns()
        traces_before, rows_before = now - self._trace_ns, now - self._row_ns
        before = self._capacity.used_bytes()
        with self._database.writing() as connection:
            rows = removal.old_rows(connection, rows_before, now)  # first, because feedback holds on to traces
        rows += self._expire_loop(now, rows_before)
        gone = self._all(lambda connection: removal.oldest_traces(connection, traces_before))
        lines = self._all(lambda connection: removal.oldest_logs(connection, rows_before))
        with self._database.writing() as connection:
            buckets = removal.oldest_rollups(connection, rows_before)
            removal.old_notes(connection, rows_before, traces_before - HOUR_NS)
        merged = self._all(lambda connection: coarsen(connection, self._rollups, now - FINE_NS))
        if gone or lines or buckets or rows or merged:
            self._capacity.shrink()
        capped = Expired()
        if self._database.is_sqlite and self._capacity.used_bytes() > self._capacity.max_bytes:
            capped = self._capacity.make_room()
        return Expired(
            traces=gone + capped.traces,
            logs=lines + capped.logs,
            rollups=buckets + capped.rollups,
            rows=rows,
            freed_bytes=max(0, before - self._capacity.used_bytes()),
        )

    def _expire_loop(self, now: int, before_ns: int) -> int:
        with self._database.writing() as connection:
            loop_removal.keep_snapshots(connection, self._database, now)
            loop_removal.set_bases(connection, before_ns)
        removed = after = 0
        while True:
            with self._database.writing() as connection:
                gone, after = loop_removal.old_deliveries(connection, before_ns, after)
            removed += gone
            if not after:
                return removed

    def _all(self, remove: Callable[[sa.Connection], int]) -> int:
        """Remove a part at a time, so that a writer never waits long."""
        total = 0
        while True:
            with self._database.writing() as connection:
                removed = remove(connection)
            if not removed:
                return total
            total += removed

    def backup(self, path: str | os.PathLike[str]) -> Path:
        """Copy the store to a new file while it is in use; the copy is one moment's state, or there is none.

        Raises:
            StoreError: The file exists, cannot be written, or the store is not SQLite.
        """
        target = Path(path)
        if not self._database.is_sqlite:
            raise StoreError("only a SQLite store is copied by this command; for PostgreSQL use pg_dump")
        if target.exists():
            raise StoreError(f"{target} exists already: name another file")
        part = target.with_name(target.name + ".part")
        try:
            part.unlink(missing_ok=True)
            with self._database.raw() as source, closing(sqlite3.connect(part)) as copy:
                source.backup(copy)
            part.replace(target)
        except (OSError, sqlite3.Error) as error:
            part.unlink(missing_ok=True)
            raise StoreError(f"{target} cannot be written: {error}") from error
        return target

    def reset(self) -> None:
        """Remove everything that was received; tokens stay, so that their holders are not locked out."""
        with self._database.writing() as connection:
            for table in metadata.tables.values():
                if table is not tokens:
                    connection.execute(sa.delete(table))
        self._capacity.shrink()
