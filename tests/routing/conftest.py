"""A store that routers live in, for each test that asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from routed import routed, template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagelight.store.facade import Store


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, to be copied."""
    return template(tmp_path_factory.mktemp("empty"))


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> Iterator[Store]:
    """The store in use; every router is forgotten afterwards."""
    with routed(tmp_path, empty_store) as opened:
        yield opened
