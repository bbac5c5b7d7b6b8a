"""A store that routers live in, for each test that asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from routed import routed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagelight.store.facade import Store


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> Iterator[Store]:
    """The store in use; every router is forgotten afterwards."""
    with routed(tmp_path, empty_store) as opened:
        yield opened
