"""pytest fixtures, at hand as soon as stagelight is installed: `telemetry` and `clock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.testing import InMemory, SteppingClock


@pytest.fixture
def clock() -> SteppingClock:
    """A clock that moves when told; a test that also asks for `telemetry` runs by it."""
    from stagelight.testing import SteppingClock

    return SteppingClock()


@pytest.fixture
def telemetry(request: pytest.FixtureRequest) -> Iterator[InMemory]:
    """Telemetry in memory: `telemetry.spans`, `telemetry.tree()`, `telemetry.value("metric", label="x")`."""
    from stagelight.testing import CountingIds, in_memory

    clock = request.getfixturevalue("clock") if "clock" in request.fixturenames else None
    with in_memory(clock=clock, ids=CountingIds()) as memory:
        yield memory
