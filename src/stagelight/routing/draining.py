"""One batch out of the queue: taken, learned, settled, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagelight import _clock
from stagelight.errors import PolicyError
from stagelight.routing.measures import measures
from stagelight.stages import trace_stage

if TYPE_CHECKING:
    from collections.abc import Container

    from stagelight.routing.teaching import Teacher
    from stagelight.store.facade import Store
    from stagelight.store.loop import Item, Settled

STAGE = "rl_feedback_batch"
LEASE_S = 30.0


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of a batch of rewards."""

    processed: int  #: Learned from.
    failed: int  #: Kept with their reasons; nothing was learned from them.
    queue_depth: int  #: That wait now, for every tenant.
    reason: str = ""  #: Why nothing was done, where nothing was.


def drain(
    store: Store,
    consumer: str,
    teacher: Teacher,
    *,
    limit: int,
    shards: Container[int] | None = None,
    tenant: str | None = None,
) -> tuple[Settled | None, str]:
    """Learn from up to `limit` items of `consumer`; return what became of them, or why nothing did.

    Raises:
        StoreError: The store cannot be used; what was taken is handed out again when its lease ends.
    """
    began = _clock.monotonic_ns()
    items = store.deliveries.take(consumer, limit, lease_seconds=LEASE_S, shards=shards, tenant=tenant)
    if not items:
        return None, ""
    with trace_stage(STAGE, attributes={"stagelight.consumer": consumer, "stagelight.items": len(items)}):
        settled, reason = _settled(store, items, teacher)
        if settled is not None:
            # Inside the stage, so that its trace is the exemplar of the bucket.
            measures.settled(settled, (_clock.monotonic_ns() - began) / 1e6)
    return settled, reason


def _settled(store: Store, items: list[Item], teacher: Teacher) -> tuple[Settled | None, str]:
    try:
        return store.policies.settle(items, teacher), ""
    except PolicyError as error:
        # The policy's state is not for this version to read: whoever can read it shall have the items.
        store.deliveries.release(items)
        return None, str(error)
    except BaseException:
        store.deliveries.release(items)
        raise
