"""Backup, reset and size."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from stagelight.errors import StoreError
from stagelight.sink.rows import Prediction
from stagelight.store import open_store
from stagelight.store.admin import Admin
from stagelight.store.capacity import Capacity
from stagelight.store.database import Database
from stagelight.store.rollups import Rollups
from stagelight.wire.records import LogRecord
from stored import calls, trace

if TYPE_CHECKING:
    from pathlib import Path

    from stagelight.store import Store


def fill(store: Store) -> None:
    """One of everything."""
    store.traces.write(trace(1))
    store.logs.write([LogRecord(time_ns=1, body="x")])
    store.metrics.write([calls(1, 1)])
    store.rows.write([Prediction(prediction_id="p", type="churn", observed_at=1.0)])
    store.traces.pin("a" * 32, "by hand")


def test_size_counts_everything(store: Store, path: Path) -> None:
    """Rows of each kind, and bytes on disk with the write-ahead log."""
    fill(store)

    size = store.admin.size()

    assert (size.traces, size.spans, size.logs, size.predictions, size.feedback, size.truth) == (1, 3, 1, 1, 0, 0)
    assert size.rollups > 0
    assert size.bytes == sum(file.stat().st_size for file in (path, path.with_name("test.db-wal")))
    assert size.max_bytes == 2**30


def test_a_backup_is_a_store(store: Store, tmp_path: Path) -> None:
    """The copy opens by itself and holds what the original held, and nothing else is left beside it."""
    fill(store)

    store.admin.backup(tmp_path / "copy.db")

    with open_store(tmp_path / "copy.db", create=False) as copy:
        assert copy.traces.get(trace(1)[0].trace_id) == store.traces.get(trace(1)[0].trace_id)
        assert copy.admin.size().predictions == 1
    assert not list(tmp_path.glob("*.part"))


def test_a_backup_while_writing_is_whole(store: Store, tmp_path: Path) -> None:
    """A copy taken while traces arrive holds each of them whole or not at all, and passes SQLite's own check."""
    stop = threading.Event()

    def write() -> None:
        for number in range(10_000):
            if stop.is_set():
                return
            store.traces.write(trace(number, 5))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            store.admin.backup(tmp_path / f"copy{number}.db")
    finally:
        stop.set()
        writer.join()

    for number in range(3):
        with closing(sqlite3.connect(tmp_path / f"copy{number}.db")) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with open_store(tmp_path / f"copy{number}.db") as copied:
            assert all(len(spans) == 5 for spans in copied.traces.export())


def test_a_backup_overwrites_nothing(store: Store, path: Path, tmp_path: Path) -> None:
    """An existing file, the store's own among them, is left alone; a folder that is not there is said."""
    (tmp_path / "copy.db").write_text("precious")

    for target in (tmp_path / "copy.db", path):
        with pytest.raises(StoreError, match="exists already: name another file"):
            store.admin.backup(target)
    with pytest.raises(StoreError, match="cannot be written"):
        store.admin.backup(tmp_path / "no" / "such" / "copy.db")

    assert (tmp_path / "copy.db").read_text() == "precious"


def test_postgresql_has_its_own_backup() -> None:
    """The command says which tool to use instead; nothing is connected to."""

    class Server(Database):
        """A database that is not a file."""

        def __init__(self) -> None:
            self.path = None

    server = Server()
    admin = Admin(server, capacity=Capacity(server, 1), rollups=Rollups(server), trace_hours=1, row_days=1)

    with pytest.raises(StoreError, match="use pg_dump"):
        admin.backup("copy.sql")


def test_reset_removes_all_but_the_tokens(store: Store) -> None:
    """Nothing that was received is left, the file shrinks, who has a token keeps it, and writing goes on."""
    fill(store)
    token = store.tokens.create("laptop", tenant="a", scopes=["read"], days=1)

    store.admin.reset()

    size = store.admin.size()
    assert (size.traces, size.spans, size.logs, size.rollups, size.predictions) == (0, 0, 0, 0, 0)
    assert (store.metrics.names(), store.traces.sessions()) == ([], [])
    assert store.tokens.verify(token) is not None
    fill(store)
    assert store.admin.size().spans == 3


def test_the_summary_is_written_for_postgresql_too() -> None:
    """The INSERT with ON CONFLICT compiles for the server's dialect from the same call."""
    from sqlalchemy.dialects import postgresql

    from stagelight.store.upsert import add_to_traces

    class Server(Database):
        """A database that is not a file."""

        def __init__(self) -> None:
            self.path = None

    text = str(add_to_traces(Server()).compile(dialect=postgresql.dialect()))

    assert "ON CONFLICT (tenant, workspace, trace_id) DO UPDATE SET" in text
