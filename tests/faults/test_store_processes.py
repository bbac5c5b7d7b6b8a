"""Several processes at once, killed ones among them: nothing that was acknowledged is lost, nothing is counted twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from stagelight.errors import StoreUnavailableError
from stagelight.store import TraceQuery, database, open_store
from stored import START, trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagelight.store import Store

SUPPORT = Path(__file__).parent.parent / "support"
PRELUDE = f"import sys; sys.path.insert(0, {str(SUPPORT)!r})\nfrom stagelight.store import open_store\nfrom stored import calls, trace\n"
WRITER = PRELUDE + (
    "store, first = open_store(sys.argv[1]), int(sys.argv[2])\n"
    "for done in range(50):\n"
    "    store.traces.write(trace(first + done, 10))\n"
    "    store.metrics.write([calls(done + 1, 5 + done, resource={'service.instance.id': sys.argv[2]})])\n"
)
ACKNOWLEDGER = PRELUDE + (
    "store, first = open_store(sys.argv[1]), int(sys.argv[2])\n"
    "for number in range(first, first + 100_000):\n"
    "    store.traces.write(trace(number, 10))\n"
    "    print(number, flush=True)\n"
)


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A fresh interpreter that runs `code`."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file."""
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # forks are what is tested


def test_four_processes_write_at_once(path: Path) -> None:
    """0 errors and 0 lost: every span of every process is there, and the sums are the sums of all."""
    writers = [start(WRITER, path, first) for first in (1_000, 2_000, 3_000, 4_000)]
    for writer in writers:
        _, error = writer.communicate(timeout=100)
        assert (writer.returncode, error) == (0, "")

    with open_store(path) as store:
        size = store.admin.size()
        assert (size.traces, size.spans) == (200, 2_000)
        assert {row.span_count for row in store.traces.search(TraceQuery(limit=1000)).rows} == {10}
        stages = {one.stage: one for one in store.metrics.stages(0, START * 2)}
        assert stages["predict"].calls == 200
        assert stages["stage1"].calls == 200
    assert sound(path)


@pytest.mark.parametrize("round_", range(5))
def test_a_killed_writer_loses_nothing_it_acknowledged(path: Path, round_: int) -> None:
    """After kill -9 in the middle of writing the file is sound, each trace is whole or absent, each acknowledged one is there."""
    writer = start(ACKNOWLEDGER, path, 0)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(10 + 7 * round_)]
    writer.send_signal(signal.SIGKILL)
    with writer:
        rest = writer.stdout.read()  # not communicate(), which passes over what readline() has buffered
    acknowledged += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]

    with open_store(path) as store:
        counts = {int(row.trace_id, 16): row.span_count for row in store.traces.search(TraceQuery(limit=1000)).rows}
        spans = {int(one[0].trace_id, 16): len(one) for one in store.traces.export()}
        assert spans == counts
        assert set(acknowledged) <= set(spans)
        assert len(spans) <= len(acknowledged) + 1
        assert set(spans.values()) == {10}
        assert store.metrics.stages(0, START * 2)[0].calls == len(spans)
        assert store.traces.write([span for number in acknowledged for span in trace(number, 10)]) == 0
    assert sound(path)


def test_threads_write_and_read_at_once(store: Store) -> None:
    """One store serves many threads: nothing lost, no error, readers see whole traces alone."""
    errors: list[BaseException] = []

    def write(first: int) -> None:
        try:
            for number in range(first, first + 20):
                store.traces.write(trace(number, 5))
                got = store.traces.get(trace(number, 5)[0].trace_id)
                assert got is not None
                assert len(got.spans) == 5
        except BaseException as error:  # noqa: BLE001  shown by the test
            errors.append(error)

    threads = [threading.Thread(target=write, args=(first * 100,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert store.admin.size().spans == 8 * 20 * 5


def in_child(work: Callable[[], object]) -> int:
    """Fork, do `work` in the child within 20 seconds; the child's process id."""
    child = os.fork()
    if child == 0:  # pragma: no cover  the child's lines are not measured
        signal.alarm(20)
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001  seen by its exit code
            os._exit(1)
    return child


def exit_code(child: int) -> int:
    """How a child ended."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_has_connections_of_its_own(store: Store, path: Path) -> None:
    """A child after fork opens its own, because SQLite's may not cross; parent and file are unharmed."""
    store.traces.write(trace(1))

    def work() -> None:
        opened = [os.path.realpath(file) for file in Path("/proc/self/fd").glob("*")]
        assert not [file for file in opened if file.startswith(str(path))]
        store.traces.write(trace(2))

    assert exit_code(in_child(work)) == 0

    store.traces.write(trace(3))
    assert store.admin.size().traces == 3
    assert sound(path)


def test_a_child_forked_in_the_middle_of_a_write_can_write(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork waits for another thread's write to end; the child, in any of its threads, inherits no lock without an owner."""
    monkeypatch.setattr(database, "PATIENCE_NS", 100_000_000)
    writing, done, results = threading.Event(), threading.Event(), []

    def hold() -> None:
        with store._database.writing():
            writing.set()
            done.wait(20)

    def work() -> None:
        thread = threading.Thread(target=lambda: results.append(store.traces.write(trace(1))))
        thread.start()
        thread.join()
        assert results == [3]

    holder = threading.Thread(target=hold)
    holder.start()
    writing.wait(20)
    threading.Timer(0.2, done.set).start()
    child = in_child(work)
    holder.join()

    assert exit_code(child) == 0
    assert store.admin.size().traces == 1


def test_a_fork_does_not_wait_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that takes long holds a fork up for a moment only, and goes on after it."""
    monkeypatch.setattr(database, "FORK_PATIENCE_S", 0.05)
    writing, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store._database.writing():
            writing.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    writing.wait(20)
    began = time.monotonic()
    child = in_child(lambda: None)
    took = time.monotonic() - began
    done.set()
    holder.join()

    assert exit_code(child) == 0
    assert took < 10  # of the 20 that the write holds on
    assert store.traces.write(trace(1)) == 3


def test_a_lock_that_is_not_given_back_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another program holds the lock past all patience, the caller is told, nothing is half written, and it recovers."""
    monkeypatch.setattr(database, "BUSY_MS", 50)
    monkeypatch.setattr(database, "PATIENCE_NS", 100_000_000)
    with open_store(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match=r"test\.db cannot be used: database is locked"):
            store.traces.write(trace(1))
        assert store.traces.get(trace(1)[0].trace_id) is None
        other.execute("ROLLBACK")

        assert store.traces.write(trace(1)) == 3


def test_a_short_lock_is_waited_for(path: Path) -> None:
    """A write waits its turn, it does not fail at once."""
    with (
        open_store(path) as store,
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        release = threading.Timer(0.3, other.execute, ["ROLLBACK"])
        release.start()

        assert store.traces.write(trace(1)) == 3

        assert time.monotonic() - began > 0.2
        release.join()


def test_a_full_disk_is_said(path: Path) -> None:
    """When the file cannot grow the caller hears that the disk is full, and reading goes on."""
    from stagelight.errors import StoreFullError

    with open_store(path) as store:
        store.traces.write(trace(1))
        engine = store._database.engine

        @sa.event.listens_for(engine, "checkout")
        def _limit(connection: sqlite3.Connection, *_: object) -> None:
            connection.execute("PRAGMA max_page_count = 1")  # SQLite keeps the pages there are, and adds none

        with pytest.raises(StoreFullError, match=r"the disk of .*test\.db is full: free some space"):
            store.traces.write([span for number in range(2, 200) for span in trace(number, 10)])
        assert store.admin.size().traces == 1
