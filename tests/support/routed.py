"""A store with routers in it, for the tests of routing and of the loops, and the process as it was afterwards."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stagelight import _clock, _guard, sink
from stagelight.routing import get_rl_model_router, registry
from stagelight.sink.rows import TrajectoryFeedback
from stagelight.store import current as stores
from stagelight.store import open_store
from stagelight.store.loop import Item, consumer_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagelight.routing import ModelRouter
    from stagelight.store.facade import Store

ARMS = ("small", "large")


@contextmanager
def routed(folder: Path, empty: Path) -> Iterator[Store]:
    """Have routers live in a copy of the store `empty` inside the block; no error of ours may have been swallowed in it."""
    _guard.forget()
    path = shutil.copyfile(empty, folder / "routed.db")
    with open_store(path) as store, stores.using(store), sink.using(store.rows):
        try:
            yield store
        finally:
            from stagelight.routing import decisions

            assert decisions.log.flush()
            registry.forget()
    assert _guard.errors() == {}


def made(name: str = "default", **given: object) -> ModelRouter:
    """Return a router of two arms that draws as one seed says."""
    router = get_rl_model_router(create_if_missing=True, name=name, **{"arms": ARMS, "seed": 7, **given})
    assert router is not None
    return router


def rewarded(router: ModelRouter, count: int) -> list[str]:
    """Have `router` choose `count` times and queue a reward for each: 0.9 for the large arm, 0.1 for the small."""
    chosen = [router.choose() for _ in range(count)]
    items = [
        TrajectoryFeedback(trace_id="", decision_id=one.decision_id, reward=0.9 if one.arm == "large" else 0.1)
        for one in chosen
    ]
    return [receipt.id for receipt in router.trajectory_feedback_queue.extend(items)]


def queued(store: Store, count: int, *, router: str = "default", tenant: str = "default") -> None:
    """Queue `count` rewards of 0.5 at once, as if that many requests had been judged."""
    body = {"decision": "", "arm": "small", "reward": 0.5, "context": []}
    store.deliveries.put([Item(tenant, "default", consumer_of(router), _clock.new_id(), body) for _ in range(count)])
