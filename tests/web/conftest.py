"""A server for each test that asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from serving import Served, served
from stagelight import _guard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """Open to every program of this machine."""
    _guard.forget()
    with served(tmp_path) as found:
        yield found
    assert _guard.errors() == {}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Served]:
    """One that asks for tokens."""
    _guard.forget()
    with served(tmp_path, token=True) as found:
        yield found
    assert _guard.errors() == {}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One open server for all tests of a file that leave nothing behind."""
    with served(tmp_path_factory.mktemp("shared")) as found:
        yield found


@pytest.fixture(scope="module")
def shared_guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """As `shared`, and asking for tokens."""
    with served(tmp_path_factory.mktemp("shared"), token=True) as found:
        yield found
