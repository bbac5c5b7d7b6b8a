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
def store(empty_store: Path, tmp_path: Path) -> Iterator[Store]:
    """A new store in a file."""
    with open_store(Path(shutil.copy(empty_store, tmp_path / "test.db"))) as opened:
        yield opened


@pytest.fixture
def clock() -> Iterator[SteppingClock]:
    """The clock that everything asks."""
    stepping = SteppingClock()
    with _clock.replaced(clock=stepping):
        yield stepping
