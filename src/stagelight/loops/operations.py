"""What people do to the queue by hand, for the command line and the API alike: look, learn, discard, try again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stagelight.loops.monitoring import EnhancedMonitoringSystem
from stagelight.routing import homes
from stagelight.store.loop import ROUTER, consumer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.config import Settings
    from stagelight.store.facade import Store
    from stagelight.store.loop import Item, State

LISTED = 10  #: Items shown where no number is given.
MOST = 100_000  #: The largest batch that can be asked for.


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One router's queue, and the first items of it."""

    router: str
    queue_depth: int  #: That wait or are being learned from.
    dead: int  #: That were refused, and are kept with their reasons.
    items: tuple[Item, ...]  #: The first of the state that was asked for.


def routers(store: Store, *, router: str = "", tenant: str | None = None) -> list[str]:
    """Return the names of the routers that have a queue: `router` alone, if it has, or all of them."""
    known = {name for name, *_ in store.policies.owners(tenant=tenant)}
    for consumer in store.deliveries.consumers():
        if store.deliveries.depth(consumer, tenant) or store.deliveries.dead(consumer, tenant):
            known.add(consumer.removeprefix(ROUTER))
    return sorted(name for name in known if router in ("", name))


def inspect(
    store: Store, *, router: str = "", tenant: str | None = None, state: State = "waiting", limit: int = LISTED
) -> list[Queue]:
    """Return each router's queue: how many wait and how many are dead, and the first `limit` items in `state`."""
    found = []
    for name in routers(store, router=router, tenant=tenant):
        consumer = consumer_of(name)
        found.append(
            Queue(
                router=name,
                queue_depth=sum(store.deliveries.depth(consumer, tenant).values()),
                dead=sum(store.deliveries.dead(consumer, tenant).values()),
                items=tuple(store.deliveries.peek(consumer, limit, state, tenant=tenant)),
            )
        )
    return found


def process(
    store: Store, settings: Settings, *, tenant: str | None = None, batch_size: int | None = None, anyway: bool = False
) -> dict[str, Any]:
    """Learn one batch for each router, as `process_rl_feedback_once` does.

    Args:
        store: Where the queue is.
        settings: Whether the loop is on, and how large a batch is.
        tenant: Whose rewards; everybody's if None.
        batch_size: How many at most; RL_FEEDBACK_BATCH_SIZE if None.
        anyway: Although ENABLE_TRAJECTORY_FEEDBACK_LOOP is off.
    """
    told = replace(settings, enable_trajectory_feedback_loop=anyway or settings.enable_trajectory_feedback_loop)
    system = EnhancedMonitoringSystem(told, tenant=tenant)
    with homes.living_in(store):
        done = system.process_rl_feedback_once(batch_size=batch_size)
    if tenant is not None:  # what waits for others is none of its business
        done["queue_depth"] = sum(queue.queue_depth for queue in inspect(store, tenant=tenant, limit=0))
    return done


def drain(
    store: Store, settings: Settings, *, batch_size: int | None = None, anyway: bool = False
) -> Iterator[dict[str, Any]]:
    """Learn batch after batch until nothing waits that can be had, and yield what became of each."""
    while True:
        done = process(store, settings, batch_size=batch_size, anyway=anyway)
        yield done
        if not done["processed"] + done["failed"] or not done["queue_depth"]:
            return


def purge(store: Store, *, router: str = "", tenant: str | None = None) -> int:
    """Discard what waits, for good; return how many rewards that were."""
    names = routers(store, router=router, tenant=tenant)
    return sum(store.deliveries.purge(consumer_of(name), tenant) for name in names)


def requeue(store: Store, *, router: str = "", tenant: str | None = None, feedback_ids: list[str] | None = None) -> int:
    """Let dead letters wait again, these or all of them; return how many do."""
    names = routers(store, router=router, tenant=tenant)
    return sum(store.deliveries.requeue(consumer_of(name), feedback_ids, tenant=tenant) for name in names)
