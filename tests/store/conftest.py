"""A store of one's own, and time that passes when told."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stagelight import _clock
from stagelight.store import Store, open_store
from stagelight.testing import SteppingClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def path(empty_store: Path, tmp_path: Path) -> Path:
    """The file of this test's store."""
    return Path(shutil.copy(empty_store, tmp_path / "test.db"))


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A new store in a file."""
    with open_store(path) as opened:
        yield opened


@pytest.fixture
def stepping() -> Iterator[SteppingClock]:
    """The clock that the store asks."""
    clock = SteppingClock()
    with _clock.replaced(clock=clock):
        yield clock
