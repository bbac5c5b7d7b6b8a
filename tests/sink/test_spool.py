"""Rows on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spool_rows import prediction, truth
from stagelight.errors import ConfigurationError, UnreachableError
from stagelight.sink import Spool, spool
from stagelight.sink.codec import id_of

MIB = 2**20


def drained(one: Spool, limit: int = 3) -> list[str]:
    ids = []
    while batch := one.batch(limit):
        ids += [id_of(row) for row in batch.rows]
        one.settle(batch)
    return ids


def test_rows_come_back_in_order_and_whole(tmp_path):
    """What goes in comes out, oldest first, each row as it was; then nothing is left on disk."""
    one = Spool(tmp_path, MIB)
    rows = [prediction(1, features={"a": [1, "é"]}), truth(2), prediction(3, score=0.5)]
    for row in rows:
        one.append([row])

    batch = one.batch(10)

    assert batch is not None
    assert batch.rows == rows
    one.settle(batch)
    assert (one.batch(10), one.empty, one.size) == (None, True, 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 4))
def test_appends_and_deliveries_in_any_rhythm_lose_nothing(tmp_path_factory, rhythm, limit):
    """However appends, deliveries and restarts alternate, every row is delivered, in order, and none is skipped."""
    folder = tmp_path_factory.mktemp("spool")
    one, made, seen = Spool(folder, MIB), 0, []
    for step in rhythm:
        if step == 0 and (batch := one.batch(limit)):
            seen += [id_of(row) for row in batch.rows]
            one.settle(batch)
        elif step == 5:
            one = Spool(folder, MIB)  # a restart forgets what was settled inside a file: those rows come again
        else:
            one.append([prediction(made + i) for i in range(step)])
            made += step
    seen += drained(one, limit)

    firsts = list(dict.fromkeys(seen))
    assert firsts == [f"p{i}" for i in range(made)]


def test_rows_that_were_not_settled_come_again(tmp_path):
    """A process that dies between delivery and settlement leaves its rows to the next one: twice, not never."""
    one = Spool(tmp_path, MIB)
    one.append([prediction(1), prediction(2)])
    one.batch(10)

    assert drained(Spool(tmp_path, MIB)) == ["p1", "p2"]


def test_torn_last_line_is_skipped_and_spoils_no_other(tmp_path):
    """A line that a crash cut short is left out; what is appended after it is whole."""
    one = Spool(tmp_path, MIB)
    one.append([prediction(1)])
    (segment,) = tmp_path.glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(b'{"kind":"prediction","row":{"prediction_id":"to')

    two = Spool(tmp_path, MIB)
    two.append([prediction(2)])

    assert drained(two) == ["p1", "p2"]


def test_file_with_nothing_but_a_torn_line_is_removed(tmp_path):
    """What can never be delivered does not stay for ever."""
    (tmp_path / "00000000000000000001.jsonl").write_bytes(b'{"kind":"pre')
    one = Spool(tmp_path, MIB)

    assert one.batch(10) is None
    assert one.size == 0


@pytest.mark.parametrize(
    "line",
    [b"[]\n", b"\xff\xfe\n", b'{"kind":"x"}\n', b'{"kind":"truth","row":{"event":""}}\n', b"[" * 100_000 + b"\n"],
)
def test_line_of_somebody_else_is_skipped(tmp_path, line):
    """A line that holds no row is left out, and its neighbours are delivered."""
    one = Spool(tmp_path, MIB)
    one.append([prediction(1)])
    (segment,) = tmp_path.glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(line)
    one.append([prediction(2)])

    assert drained(one) == ["p1", "p2"]


def test_bound_is_kept_and_told(tmp_path):
    """A row past the bound is refused with both figures, and what was there stays."""
    one = Spool(tmp_path, 1000)
    kept, room = 0, 1000 - len(b'{"kind":"prediction","row":{"prediction_id":"p0","type":"churn","observed_at":1.0}}\n')
    while one.size <= room:
        one.append([prediction(kept)])
        kept += 1
    with pytest.raises(UnreachableError, match=r"the spool is full: \d+ of 1000 bytes"):
        one.append([prediction(kept)])

    assert kept > 3
    assert one.size <= 1000
    assert drained(one) == [f"p{i}" for i in range(kept)]
    one.append([prediction(99)])


def test_many_files_keep_the_order(tmp_path, monkeypatch):
    """Rows are spread over files of bounded length; order goes across them, and delivered files are removed."""
    monkeypatch.setattr(spool, "SEGMENT_BYTES", 200)
    one = Spool(tmp_path, MIB)
    for i in range(20):
        one.append([prediction(i)])
    files = len(list(tmp_path.glob("*.jsonl")))

    assert files > 3
    assert drained(one, limit=2) == [f"p{i}" for i in range(20)]
    assert not list(tmp_path.glob("*.jsonl"))


def test_batch_is_bounded_in_bytes(tmp_path):
    """A batch of large rows ends early: the server takes no more than so much at once."""
    one = Spool(tmp_path, 64 * MIB)
    one.append([prediction(i, features={"a": "x" * 60_000}) for i in range(30)])

    batch = one.batch(1000)

    assert batch is not None
    assert 5 < len(batch.rows) < 15


def test_another_process_that_delivers_meanwhile_costs_no_row(tmp_path):
    """Two deliverers in turn: the second one's memory of a file does not hide rows of a later file."""
    one, two = Spool(tmp_path, MIB), Spool(tmp_path, MIB)
    one.append([prediction(1), prediction(2)])
    batch = one.batch(1)
    assert batch is not None
    one.settle(batch)
    assert drained(two) == ["p1", "p2"]
    two.append([prediction(3), prediction(4)])

    assert drained(one) == ["p3", "p4"]


def test_only_one_delivers(tmp_path):
    """While one delivers, another is told so."""
    with Spool(tmp_path, MIB).delivering() as first, Spool(tmp_path, MIB).delivering() as second:
        assert (first, second) == (True, False)
    with Spool(tmp_path, MIB).delivering() as again:
        assert again


def test_fork_in_the_middle_of_a_delivery_locks_nobody_out(tmp_path):
    """A child that was forked while a thread had the locks has their files open too, and holds neither of them."""
    one = Spool(tmp_path, MIB)
    one.append([prediction(1)])
    read, write = os.pipe()
    with one.delivering(), one._locked("lock"):
        child = os.fork()
        if not child:
            os.read(read, 1)
            os._exit(0)
    code = "import fcntl, sys\nfor name in sys.argv[1:]: fcntl.flock(open(name, 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    names = [str(tmp_path / name) for name in ("delivering", "lock")]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=False, timeout=20)
    os.write(write, b"x")
    os.waitpid(child, 0)

    assert done.stderr == ""


def test_threads_do_not_mix_lines(tmp_path):
    """Eight writers at once: every row comes out whole, once."""
    one = Spool(tmp_path, 16 * MIB)
    threads = [
        threading.Thread(target=lambda base=base: [one.append([prediction(base + i)]) for i in range(20)])
        for base in range(0, 800, 100)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = drained(one, limit=50)
    assert len(found) == len(set(found)) == 160


def test_file_is_not_removed_under_a_writer(tmp_path, monkeypatch):
    """A delivery that ends while a row is being written waits for it: the row is not removed with its file."""
    one = Spool(tmp_path, MIB)
    one.append([prediction(1)])
    batch = one.batch(10)
    assert batch is not None
    opened, go_on = threading.Event(), threading.Event()
    really_open = os.open

    def slow_open(path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = really_open(path, flags, mode)
        if flags & os.O_APPEND:
            opened.set()
            assert go_on.wait(10)
        return descriptor

    monkeypatch.setattr(os, "open", slow_open)
    writer = threading.Thread(target=Spool(tmp_path, MIB).append, args=([prediction(2)],))
    settler = threading.Thread(target=one.settle, args=(batch,))
    writer.start()
    assert opened.wait(10)
    settler.start()
    settler.join(0.2)
    go_on.set()
    writer.join(10)
    settler.join(10)

    assert drained(one) == ["p2"]


def test_kill_loses_no_row_that_was_acknowledged(tmp_path):
    """`kill -9` in mid-write, ten times: each row whose append had returned is delivered."""
    program = """
import sys
from spool_rows import prediction
from stagelight.sink import Spool
one, at = Spool(sys.argv[1], 2**24), int(sys.argv[2])
while True:
    one.append([prediction(at)])
    print(at, flush=True)
    at += 1
"""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent / "support")}
    acknowledged: list[str] = []
    for turn in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path), str(turn * 10_000)],
            stdout=subprocess.PIPE,
            env=environ,
            text=True,
        ) as child:
            assert child.stdout is not None
            acknowledged += [f"p{child.stdout.readline().strip()}" for _ in range(5)]
            child.kill()
            # Of what was still in the pipe only whole lines count; the last one may have been cut by the kill.
            acknowledged += [f"p{line.strip()}" for line in child.stdout if line.endswith("\n")]

    found = drained(Spool(tmp_path, 2**24), limit=100)

    assert len(acknowledged) >= 50
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))


def test_refusing_disk_keeps_nothing_of_a_batch(tmp_path, monkeypatch):
    """A disk that is full in mid-write gives an error, and no half of the batch is delivered later."""
    one = Spool(tmp_path, MIB)
    one.append([prediction(1)])
    write = os.write
    calls = []

    def full(descriptor: int, data: bytes) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(descriptor, bytes(data)[:200])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UnreachableError, match="cannot be written: No space left"):
        one.append([prediction(2), prediction(3), prediction(4)])
    monkeypatch.undo()

    one.append([prediction(5)])
    assert drained(one) == ["p1", "p5"]


def test_folder_that_cannot_be_is_refused_at_once(tmp_path):
    """A path that is a file is a setting to be corrected."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="STAGELIGHT_SPOOL"):
        Spool(tmp_path / "file", MIB).make()


def test_folder_is_made_by_the_first_row(tmp_path):
    """A program whose store is never away leaves no folder behind."""
    one = Spool(tmp_path / "spool", MIB)
    assert one.empty
    assert not (tmp_path / "spool").exists()

    one.append([prediction(1)])

    assert not one.empty


def test_folder_that_cannot_be_read_holds_nothing_up(tmp_path):
    """Where the user's state folder is somebody else's, rows go straight through; only what must wait is refused."""
    (tmp_path / "file").write_text("")  # stands for a folder without permission, which root would have
    one = Spool(tmp_path / "file" / "spool", MIB)

    assert one.empty
    with pytest.raises(UnreachableError, match="cannot be written"):
        one.append([prediction(1)])


def test_folder_is_for_its_owner_alone(tmp_path):
    """Comments and features of users are not for other people of the machine."""
    one = Spool(tmp_path / "spool", MIB)
    one.append([prediction(1)])

    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "spool").glob("*.jsonl"))


def test_folder_that_vanished_is_empty(tmp_path):
    """Somebody removed the folder: nothing waits, and the next row makes it anew; where it cannot, it is refused."""
    one = Spool(tmp_path / "spool", MIB)
    one.append([prediction(1)])
    shutil.rmtree(tmp_path / "spool")

    assert one.empty
    one.append([prediction(2)])
    assert not one.empty

    shutil.rmtree(tmp_path / "spool")
    (tmp_path / "spool").write_text("")
    with pytest.raises(UnreachableError, match="cannot be written"):
        one.append([prediction(3)])
