"""A store of one's own, and time that passes when told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stagelight import _clock
from stagelight.testing import SteppingClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stepping() -> Iterator[SteppingClock]:
    """The clock that the store asks."""
    clock = SteppingClock()
    with _clock.replaced(clock=clock):
        yield clock
