"""The engine: how connections are opened, how a write begins, and what a driver's error means to the caller.

SQLite runs in WAL mode with `BEGIN IMMEDIATE` for writes and a busy timeout of 5 s: several processes may write at once,
each waits its turn, and a call of the host program waits no longer than `sink.hurry` says. `synchronous=NORMAL` keeps
every committed row through a killed process; a power cut may take the last commits, unless the address says
`?synchronous=full`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects import postgresql, sqlite

from stagelight import _clock
from stagelight.errors import ConfigurationError, StoreFullError, StoreUnavailableError
from stagelight.sink import hurry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

T = TypeVar("T")

BUSY_MS = 5_000
HURRY_BUSY_MS = 100  #: How long a call in a hurry waits to read.
PATIENCE_NS = 30 * 1_000_000_000  #: How long a write waits for its turn in all, busy timeouts included.
FORK_PATIENCE_S = 2.0  #: How long a fork waits for a write to end; one that takes longer is not worth a standstill.
CACHE_KIB = 16 * 1024
LOOK_S, LONGEST_LOOK_S = 0.0001, 0.005  #: Between two looks whether another process has done writing.
SYNCHRONOUS = "synchronous"  #: The one setting that the address of a SQLite file may carry.
MANY = 500  #: Values in one IN list.


class Database:
    """One database, for any thread; made by `open_store`."""

    def __init__(self, url: sa.URL) -> None:
        """Prepare to connect to `url`; nothing is opened yet."""
        self.url = url
        self.path = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
        self.engine = sa.create_engine(url.difference_update_query([SYNCHRONOUS]), **_options(url))
        self._turn = threading.RLock()
        self._held = False  # for a fork
        if self.path is not None:
            event.listen(self.engine, "connect", partial(_prepare_sqlite, synchronous(url)))
            event.listen(self.engine, "begin", self._begin_sqlite)
        else:
            event.listen(self.engine, "begin", _begin_postgres)
        _alive.add(self)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file of our own."""
        return self.path is not None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one state of the database throughout.

        Raises:
            StoreUnavailableError: The database cannot be reached.
        """
        with _translated(self), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Give a connection whose changes are committed together when the block ends, or not at all.

        Raises:
            StoreUnavailableError: The database cannot be reached, or stayed locked.
            StoreFullError: The disk is full.
        """
        # One writer of this process at a time: threads then queue in order, where SQLite's own waiting polls.
        with _translated(self), self._in_turn(), self.engine.connect() as connection:
            connection.execution_options(stagelight_write=True)
            with connection.begin():
                yield connection

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        turn, left_s = self._turn, hurry.left_s()
        if not turn.acquire(timeout=-1 if left_s is None else left_s):
            raise StoreUnavailableError(f"the store {self.where} cannot be used: this process is writing to it")
        try:
            yield
        finally:
            turn.release()

    def _begin_sqlite(self, connection: sa.Connection) -> None:
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        if not connection.get_execution_options().get("stagelight_write"):
            driver.execute(f"PRAGMA busy_timeout={_busy_ms()}").close()
            connection.exec_driver_sql("BEGIN")
            return
        driver.execute("PRAGMA busy_timeout=0").close()
        try:
            _begin_immediate(driver)
        except sqlite3.DatabaseError as error:  # asked the driver itself, whose errors nobody translates
            raise StoreUnavailableError(f"the store {self.where} cannot be used: {error}") from error
        finally:
            driver.execute(f"PRAGMA busy_timeout={BUSY_MS}").close()

    @property
    def where(self) -> str:
        """The file, or the address without its password: for messages."""
        return str(self.path or self.url.render_as_string(hide_password=True))

    @contextmanager
    def raw(self) -> Iterator[sqlite3.Connection]:
        """Give the driver's own connection, for what has no SQL: backup and giving pages back."""
        with _translated(self), self.engine.connect() as connection:
            driver = cast("sqlite3.Connection", connection.connection.driver_connection)
            driver.execute(f"PRAGMA busy_timeout={BUSY_MS}").close()
            yield driver

    def insert(self, table: sa.Table) -> SqliteInsert | PostgresInsert:
        """Return an INSERT which knows ON CONFLICT; both dialects write it alike."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def before_fork(self) -> None:
        """Finish writing and close what is idle.

        SQLite keeps what it knows of locks in the process's memory: a child that inherits an open file believes in
        locks which it does not have, and in a write that never ends.
        """
        self._held = self._turn.acquire(timeout=FORK_PATIENCE_S)
        if self._held:
            self.engine.dispose()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        if self._held:
            self._held = False
            self._turn.release()

    def after_fork_in_child(self) -> None:
        """Begin with connections and a lock of one's own."""
        self.engine.dispose(close=False)
        self._turn = threading.RLock()
        self._held = False


_alive: weakref.WeakSet[Database] = weakref.WeakSet()


def _before_fork() -> None:
    for database in list(_alive):
        database.before_fork()


def _after_fork_in_parent() -> None:
    for database in list(_alive):
        database.after_fork_in_parent()


def _after_fork_in_child() -> None:
    for database in list(_alive):
        database.after_fork_in_child()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def _options(url: sa.URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {
            "connect_args": {"check_same_thread": False},
            "pool_size": 8,
            "max_overflow": 24,
            "pool_use_lifo": True,  # the one used last still has its pages at hand
        }
    return {"pool_pre_ping": True}


def synchronous(url: sa.URL) -> str:
    """Return how a SQLite file is written, as `url` says: `normal`, or `full` to survive power cuts too.

    Raises:
        ConfigurationError: It says something else.
    """
    found = str(url.query.get(SYNCHRONOUS, "normal")).lower()
    if found not in ("normal", "full"):
        raise ConfigurationError(f"store: found {SYNCHRONOUS}={found!r}, expected normal or full")
    return found


def _busy_ms() -> int:
    return BUSY_MS if hurry.left_s() is None else HURRY_BUSY_MS


def _prepare_sqlite(synchronous: str, connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late and be deferred
    connection.execute(f"PRAGMA busy_timeout={_busy_ms()}").close()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    for pragma in (
        # Lets an expiry give pages back; on a file that has pages it would be a write for each connection.
        *([] if pages else ["auto_vacuum=INCREMENTAL"]),
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        f"cache_size=-{CACHE_KIB}",
        "temp_store=MEMORY",
        # 16 MB of log: a row that is queued, leased and settled soon after reaches the file itself once and not thrice.
        "wal_autocheckpoint=4000",
        "journal_size_limit=16777216",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_postgres(connection: sa.Connection) -> None:
    left_s = hurry.left_s()
    if left_s is not None:  # 0 would wait for ever
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, int(left_s * 1000))}")


def _begin_immediate(driver: sqlite3.Connection) -> None:
    """Begin to write as soon as other processes let us.

    We wait by ourselves: SQLite's own waiting sleeps for milliseconds, soon for a tenth of a second, between two looks,
    and a writer that never pauses longer keeps the others out for good.
    """
    left_s = hurry.left_s()
    deadline = _clock.monotonic_ns() + (PATIENCE_NS if left_s is None else int(left_s * 1e9))
    pause_s = LOOK_S
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE").close()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or _clock.monotonic_ns() > deadline:
                raise
        else:
            return
        time.sleep(pause_s)
        pause_s = min(LONGEST_LOOK_S, 1.2 * pause_s)


def is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether another process holds the lock."""
    return "locked" in str(error) or "busy" in str(error)


@contextmanager
def _translated(database: Database) -> Iterator[None]:
    try:
        yield
    except exc.DatabaseError as error:
        if not isinstance(error, exc.OperationalError) and type(error) is not exc.DatabaseError:
            raise  # a broken rule of ours, not of the database: for the guard to report
        what = str(error.orig).splitlines()[0]
        if "disk is full" in what or "No space left" in what:
            raise StoreFullError(
                f"the disk of {database.where} is full: free some space, or lower STAGELIGHT_STORE_MAX_BYTES"
            ) from error
        raise StoreUnavailableError(f"the store {database.where} cannot be used: {what}") from error


def parts(values: Iterable[T], size: int = MANY) -> Iterator[list[T]]:
    """Cut `values` into lists of at most `size`: a statement has a largest number of them.

    >>> list(parts("abc", 2))
    [['a', 'b'], ['c']]
    """
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part


def owned(table: sa.Table, tenant: str | None, workspace: str | None = None) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that keep a reader within what is theirs; None restricts nothing."""
    found: list[sa.ColumnElement[bool]] = []
    if tenant is not None:
        found.append(table.c.tenant == tenant)
    if workspace is not None:
        found.append(table.c.workspace == workspace)
    return found
