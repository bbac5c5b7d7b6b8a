"""Rows on disk while the server is away: JSON lines in numbered files, oldest first, within a bound.

A line is on disk (fsync) before its receipt is given. `kill -9` may tear the last line, whose receipt was then never
given: such a line is skipped. Several processes may share one folder; a lock keeps their lines whole.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from stagelight import _clock
from stagelight.errors import ConfigurationError, UnreachableError
from stagelight.sink.codec import KINDS, from_json, kind_of, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagelight.sink.rows import Row

SEGMENT_BYTES = 2**20  #: A file is closed when it is longer; a file is removed when all of its rows are delivered.
BATCH_BYTES = 2**19  #: A batch ends at the row that passes it; the server takes 4 MiB.
SUFFIX = ".jsonl"


class Batch(NamedTuple):
    """Some rows at the head of the spool, to be settled with `Spool.settle` once they are delivered."""

    rows: list[Row]
    path: Path
    end: int  #: Bytes of the file up to the end of these rows.


class Spool:
    """Keeps rows in `folder`, in order, `max_bytes` at most."""

    def __init__(self, folder: str | Path, max_bytes: int) -> None:
        """Use `folder`, which the first row makes if it is missing; rows that an earlier process left are kept."""
        self._folder = Path(folder)
        self._max_bytes = max_bytes
        self._settled: dict[Path, int] = {}

    def make(self) -> None:
        """Make the folder now, where a mistake can still be told.

        Raises:
            ConfigurationError: It cannot be made or written to.
        """
        try:
            self._make()
        except OSError as error:
            raise ConfigurationError(
                f"spool {self._folder}: {error.strerror or error}; set STAGELIGHT_SPOOL to a folder of yours"
            ) from error

    def _make(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / "lock").touch(mode=0o600)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(_size(path) for path in self._segments())

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not any(_size(path) > self._settled.get(path, 0) for path in self._segments())

    def append(self, rows: Sequence[Row]) -> None:
        """Put `rows` at the end, on disk when this returns.

        Raises:
            UnreachableError: The bound is reached or the disk refuses; nothing was kept.
        """
        text = b"".join(_line(row) for row in rows)
        try:
            self._make()
            with self._locked("lock"):
                held = self.size
                fits = held + len(text) <= self._max_bytes
                if fits:
                    self._write(text)
        except OSError as error:
            raise UnreachableError(f"the spool cannot be written: {error.strerror or error}") from error
        if not fits:
            raise UnreachableError(f"the spool is full: {held} of {self._max_bytes} bytes")

    def batch(self, limit: int) -> Batch | None:
        """The first `limit` rows that are not settled, or fewer; None where nothing waits.

        Raises:
            OSError: The disk refuses.
        """
        # Under the lock nobody is in mid-line: what is left without a line end was torn by a crash.
        with self._locked("lock"):
            for path in self._segments():
                batch = self._read(path, limit)
                if batch.rows:
                    return batch
                self._remove(path)
        return None

    def settle(self, batch: Batch) -> None:
        """Never return the rows of `batch` again; its file is removed when all of its rows are settled.

        How far a file is settled is remembered in memory alone: after a crash its rows are delivered again, which their
        ids make harmless.

        Raises:
            OSError: The disk refuses.
        """
        self._settled[batch.path] = batch.end
        with self._locked("lock"):
            if not any(_lines(batch.path, batch.end)):
                self._remove(batch.path)

    @contextmanager
    def delivering(self) -> Iterator[bool]:
        """Be the only process that delivers, inside the block; yields False where another one is at it."""
        with (self._folder / "delivering").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            with _let_go(file):
                yield True

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with (self._folder / name).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with _let_go(file):
                yield

    def _segments(self) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix == SUFFIX and path.stem.isdigit())
        except OSError:  # none yet, or none that we may use: rows go straight through, and `append` says what is wrong
            return []

    def _write(self, text: bytes) -> None:
        """Append under the lock; a torn line of a killed process is closed first, so that it spoils no other."""
        segments = self._segments()
        fresh = not segments or _size(segments[-1]) > SEGMENT_BYTES
        path = self._next(segments) if fresh else segments[-1]
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            before = os.fstat(descriptor).st_size
            if before and not _ends_line(path):
                text = b"\n" + text
            try:
                _write_all(descriptor, text)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, before)  # half a batch would be delivered though it was refused
                raise
        finally:
            os.close(descriptor)
        if fresh:
            _sync_folder(self._folder)

    def _next(self, segments: list[Path]) -> Path:
        """A name after all others, and never one that was used before: it may be remembered as settled."""
        number = max(_clock.wall_ns(), int(segments[-1].stem) + 1 if segments else 0)
        return self._folder / f"{number:020d}{SUFFIX}"

    def _read(self, path: Path, limit: int) -> Batch:
        rows: list[Row] = []
        end, size = self._settled.get(path, 0), 0
        for line in _lines(path, end):
            end += len(line)
            row = row_of(line)
            size += len(line)
            if row is not None:
                rows.append(row)
            if len(rows) >= limit or size >= BATCH_BYTES:
                break
        return Batch(rows, path, end)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._settled.pop(path, None)


@contextmanager
def _let_go(file: IO[str]) -> Iterator[None]:
    """Unlock `file` at the end: a child that was forked meanwhile has it too, and closing ours would leave it locked."""
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _lines(path: Path, start: int) -> Iterator[bytes]:
    """Whole lines from `start` on."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            yield from (line for line in file if line.endswith(b"\n"))
    except FileNotFoundError:
        return


def _line(row: Row) -> bytes:
    return json.dumps({"kind": kind_of(row), "row": to_json(row)}, separators=(",", ":")).encode() + b"\n"


def row_of(line: bytes) -> Row | None:
    """Return the row of a line; None for a line that was torn, or that somebody else wrote."""
    try:
        data = json.loads(line)
        if not isinstance(data, dict) or data.get("kind") not in KINDS:
            return None
        return from_json(data["kind"], data.get("row"), now=0.0, new_id="")
    except (ValueError, RecursionError):  # RowError is one; so are broken JSON and broken UTF-8
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _write_all(descriptor: int, text: bytes) -> None:
    view = memoryview(text)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
