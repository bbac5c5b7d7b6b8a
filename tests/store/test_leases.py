"""Leases: one of many holders at a time, and the next one when it is over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from stagelight.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagelight.store import Store
    from stagelight.testing import SteppingClock


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with open_store(tmp_path / "leases.db") as opened:
        yield opened


def test_one_of_many_holds_a_lease(store: Store) -> None:
    """Of twenty that ask at once one gets it, and keeps getting it while it holds it."""
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda one: store.leases.take("join", f"h{one}", seconds=60), range(20)))
    assert taken.count(True) == 1
    assert store.leases.take("join", f"h{taken.index(True)}", seconds=60)
    assert store.leases.take("other", "anybody", seconds=60)


def test_a_dead_holder_is_followed(store: Store, stepping: SteppingClock) -> None:
    """When the time of a holder that never came back is over, the next one gets the lease; the dead one releases nothing."""
    assert store.leases.take("join", "dead", seconds=60)
    stepping.advance(seconds=59)
    assert not store.leases.take("join", "next", seconds=60)
    stepping.advance(seconds=2)
    assert store.leases.take("join", "next", seconds=60)
    store.leases.release("join", "dead", done=True)
    assert not store.leases.take("join", "third", seconds=60)


def test_a_clock_that_is_set_back_frees_a_lease(store: Store, stepping: SteppingClock) -> None:
    """A dead holder's lease must not last for the hour that the clock went back."""
    assert store.leases.take("join", "dead", seconds=60)
    stepping.set_back(seconds=3600)
    assert store.leases.take("join", "next", seconds=60)


def test_a_block_that_fails_frees_its_lease_and_is_not_done(store: Store) -> None:
    """An error inside the block passes through; the next one may run at once."""

    def fails() -> None:
        with store.leases.held("join", seconds=60) as mine:
            assert mine
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert store.leases.done_ns("join") == 0
    with store.leases.held("join", seconds=60) as mine:
        assert mine
        with store.leases.held("join", seconds=60) as second:
            assert not second
    assert store.leases.done_ns("join") > 0
