"""An outbox of one's own, time that passes when told, and nothing that the guard had to catch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stagelight import _clock, _guard
from stagelight.alerts.outbox import Outbox
from stagelight.store import Store, open_store
from stagelight.testing import SteppingClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new store."""
    with open_store(tmp_path / "alerts.db") as opened:
        yield opened


@pytest.fixture
def outbox(store: Store) -> Outbox:
    """The outbox of that store."""
    return Outbox(store.outbox)


@pytest.fixture
def stepping() -> Iterator[SteppingClock]:
    """The clock that alerts and outbox ask."""
    clock = SteppingClock()
    with _clock.replaced(clock=clock):
        yield clock


@pytest.fixture
def caught() -> Callable[[], Mapping[str, int]]:
    """What the guard had to catch so far, by room; for tests that provoke it."""
    return _guard.errors


@pytest.fixture(autouse=True)
def _nothing_caught(request: pytest.FixtureRequest) -> Iterator[None]:
    """The guard had nothing to catch, unless the test asks what it caught."""
    _guard.forget()
    yield
    if "caught" not in request.fixturenames:
        assert _guard.errors() == {}
    _guard.forget()
