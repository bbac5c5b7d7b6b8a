"""The depth of every router's queue, as it is when somebody looks at the metrics."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from stagelight.routing import homes
from stagelight.routing.measures import measures

if TYPE_CHECKING:
    from stagelight.store.facade import Store


def watch(store: Store | None = None) -> None:
    """Show the depth of the queues in `store`, else of those where this process's routers live, also while no loop runs."""
    measures.watch(partial(_look, store))


def depth() -> int:
    """Return how many rewards wait where this process's routers live, for everyone."""
    return sum(_look(None)[0].values())


def _look(store: Store | None) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """How many rewards wait and how many are dead, for each tenant and workspace, for all routers together."""
    waiting, dead = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    if store is None and (home := homes.home(make=False)) is not None:
        store = home.store
    for consumer in store.deliveries.consumers() if store else ():
        waiting.update(store.deliveries.depth(consumer) if store else {})
        dead.update(store.deliveries.dead(consumer) if store else {})
    return waiting, dead
