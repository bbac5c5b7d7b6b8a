"""A lock between processes that survives the renaming of the file it guards."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODE = 0o600  #: Traces may hold what users typed: theirs alone.


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Wait until nobody rewrites `path`, and keep it so inside the block; many may append at once."""
    with _held(path, fcntl.LOCK_SH):
        yield


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until nobody uses `path`, and keep everybody away inside the block."""
    with _held(path, fcntl.LOCK_EX):
        yield


@contextmanager
def _held(path: Path, how: int) -> Iterator[None]:
    # The lock lies on a file beside the journal: a rewrite replaces the journal itself, and a lock on the old file
    # would guard nothing. It is opened each time, since a descriptor shared with a forked child shares its lock.
    descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
