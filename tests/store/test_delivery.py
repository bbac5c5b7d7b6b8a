"""The queue in SQLite, written as it usually is and so that it outlives power cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from queues import QueueConformance
from stagelight.errors import ConfigurationError
from stagelight.store import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class TestNormal(QueueConformance):
    """`synchronous=normal`, the default; tests/store/conftest.py opens the store."""

    @pytest.fixture
    def address(self, path: Path) -> tuple[str, str]:
        """The file alone."""
        return str(path), ""


class TestFull(QueueConformance):
    """`synchronous=full`."""

    @pytest.fixture
    def address(self, path: Path) -> tuple[str, str]:
        """The file, and how it is written."""
        return f"sqlite:///{path}?synchronous=full", ""

    @pytest.fixture
    def store(self, address: tuple[str, str]) -> Iterator[Store]:
        """A new store in a file."""
        with open_store(address[0]) as opened:
            yield opened


@pytest.mark.parametrize(("ending", "level"), [("", 1), ("?synchronous=normal", 1), ("?synchronous=FULL", 2)])
def test_the_address_says_how_a_file_is_written(path: Path, ending: str, level: int) -> None:
    """SQLite is told what the address says, on every connection; the file is the same."""
    with open_store(f"sqlite:///{path}{ending}") as store, store._database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == level
        assert store.path == path


def test_another_way_of_writing_is_refused(path: Path) -> None:
    """A word that SQLite would take for `off` is no setting."""
    with pytest.raises(ConfigurationError, match="synchronous='none', expected normal or full"):
        open_store(f"sqlite:///{path}?synchronous=none")
