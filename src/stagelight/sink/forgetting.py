"""Forgetting somebody whose rows still wait in a spool: their lines are overwritten where they stand."""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING

from stagelight.sink.rows import Feedback, Prediction, Truth
from stagelight.sink.spool import SUFFIX, row_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from stagelight.sink.rows import Row


def forget(folder: Path, names: Collection[str]) -> int:
    """Remove every row of the person from the spool in `folder`, and return how many that were.

    The files keep their lengths, so that a program which is delivering from them goes on undisturbed; what it has read by
    then it still delivers, so forget at the server afterwards.

    Raises:
        OSError: The folder cannot be read or written.
    """
    if not (folder / "lock").is_file():
        return 0
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return sum(_forget(path, names) for path in sorted(folder.iterdir()) if path.suffix == SUFFIX)


def _forget(path: Path, names: Collection[str]) -> int:
    needles = [json.dumps(name).encode() for name in names]
    removed = 0
    with path.open("r+b") as file:
        for start, line in list(_lines(file.read())):
            row = row_of(line)
            # A line that a crash tore is no row any more, and may name somebody all the same.
            if _theirs(row, names) if row is not None else any(needle in line for needle in needles):
                file.seek(start)
                file.write(b" " * len(line.rstrip(b"\n")))
                removed += 1
        file.flush()
        os.fsync(file.fileno())
    return removed


def _lines(text: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    for line in text.splitlines(keepends=True):
        yield start, line
        start += len(line)


def _theirs(row: Row, names: Collection[str]) -> bool:
    if isinstance(row, Feedback):
        return row.user in names
    return isinstance(row, Prediction | Truth) and row.entity in names
