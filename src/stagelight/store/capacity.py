"""How much room the database takes, and making some: what goes first, and how the file gets smaller.

At the size cap unpinned traces go first, the oldest first; then log lines; then metrics. Pinned traces, predictions,
feedback and truth stay: when nothing else is left, writing is refused. On PostgreSQL the server's own limits count.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from stagelight.errors import StoreFullError
from stagelight.store import removal
from stagelight.store.columns import metadata
from stagelight.store.model import Expired

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stagelight.store.database import Database

LOW_WATER = 0.9  #: Of the cap: room is made for more than one write.
VACUUM_PAGES = 2_000  #: Given back at a time; the write lock is free in between.


class Capacity:
    """The size cap of one database."""

    def __init__(self, database: Database, max_bytes: int) -> None:
        self._database = database
        self._making_room = threading.Lock()
        self.max_bytes = max_bytes

    def used_bytes(self) -> int:
        """Return what the database takes on disk, write-ahead log included."""
        path = self._database.path
        if path is not None:
            return sum(_size(path.with_name(path.name + suffix)) for suffix in ("", "-wal"))
        with self._database.reading() as connection:
            sizes = (
                sa.func.pg_total_relation_size(sa.literal_column(f"'{table.name}'"))
                for table in metadata.tables.values()
            )
            return sum(connection.execute(sa.select(size)).scalar() or 0 for size in sizes)

    def check(self) -> None:
        """Let a write pass, after making room where that is needed.

        Raises:
            StoreFullError: The cap is reached and nothing may be expired.
        """
        if self._database.path is None or self.used_bytes() <= self.max_bytes:
            return
        with self._making_room:  # threads that come meanwhile find it done
            if self.used_bytes() > self.max_bytes:
                self.make_room()
        used = self.used_bytes()
        if used > self.max_bytes:
            raise StoreFullError(
                f"the store {self._database.path} holds {used:,} bytes of at most {self.max_bytes:,} and nothing in it "
                "may be expired: raise STAGELIGHT_STORE_MAX_BYTES, or remove rows with `stagelight db reset`"
            )

    def make_room(self) -> Expired:
        """Remove the oldest of what may go until the database is well below its cap; return what went."""
        before = self.used_bytes()
        self.shrink()
        traces = self._removed(removal.oldest_traces)
        logs = self._removed(removal.oldest_logs)
        rollups = self._removed(removal.oldest_rollups)
        self.shrink()
        freed = max(0, before - self.used_bytes())
        return Expired(traces=traces, logs=logs, rollups=rollups, freed_bytes=freed)

    def _removed(self, remove: Callable[[sa.Connection], int]) -> int:
        total = 0
        while self._held_bytes() > self.max_bytes * LOW_WATER:
            with self._database.writing() as connection:
                removed = remove(connection)
            if not removed:
                break
            total += removed
        return total

    def _held_bytes(self) -> int:
        """Return the size without free pages: what the file would have after `shrink`."""
        if self._database.path is None:
            return 0
        with self._database.reading() as connection:
            pages, free, size = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - free) * size

    def shrink(self) -> None:
        """Give free pages back to the disk and empty the write-ahead log."""
        if self._database.path is None:
            return
        with self._database.raw() as connection, suppress(sqlite3.OperationalError):  # locked: the next one will do it
            _vacuum(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _vacuum(connection: sqlite3.Connection) -> None:
    free = _free_pages(connection)
    while free:
        # Each page is a row of the answer: unless all are fetched, one page alone is given back.
        connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
        before, free = free, _free_pages(connection)
        if free >= before:
            return  # the file was made without auto_vacuum, by another program


def _free_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
