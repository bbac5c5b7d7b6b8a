"""The queue of what consumers have to learn from, beside the rows it comes from, in the same database.

An item waits until somebody leases it. Who holds the lease settles it, together with what was learned (see `policies`);
who is killed before that loses the lease in time, and the item is handed out again. Nothing that waits ever expires.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store.codec import clean
from stagelight.store.database import owned
from stagelight.store.delivery_sql import (
    ATTEMPTS,
    COLUMNS,
    DEAD,
    FREE,
    LONGEST_LEASE_S,
    NOBODY,
    OPEN,
    SECOND,
    among,
    due,
    ids,
    insert,
    items_of,
    lease,
    leased,
    moment,
    oldest,
)
from stagelight.store.loop import SHARDS, Item
from stagelight.store.loop_tables import delivery

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from stagelight.store.database import Database
    from stagelight.store.loop import State

SUSPECT = 2  #: An item that was taken so often and never settled may be what kills its worker: it is taken alone.
INNOCENT = delivery.c.attempts < SUSPECT


class Deliveries:
    """The queue; `Store.deliveries`. Safe from any thread and any number of processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._among = among(is_sqlite=database.is_sqlite)

    def put(self, items: Sequence[Item]) -> int:
        """Queue `items`, all or none, and return how many are new; one that is known already changes nothing.

        Raises:
            StoreUnavailableError: The database cannot be reached, or stayed locked.
            StoreFullError: The disk is full.
        """
        if not items:
            return 0
        with self._database.writing() as connection:
            return insert(connection, self._database, items)

    def take(
        self,
        consumer: str,
        limit: int,
        *,
        lease_seconds: float = 30.0,
        shards: Container[int] | None = None,
        tenant: str | None = None,
    ) -> list[Item]:
        """Lease up to `limit` items, the oldest first; until the lease ends nobody else is given them.

        An item that was taken twice and never settled comes alone: should it be what kills its worker, its neighbours
        are not held up with it.

        Args:
            consumer: Who learns.
            limit: How many at most.
            lease_seconds: How long they are ours, at most 300.
            shards: The parts of the queue to look at; all of them if None.
            tenant: Whose items; everybody's if None.
        """
        if limit < 1:
            return []
        return self._lease(
            oldest().where(*within(shards), *owned(delivery, tenant)),
            {"who": clean(consumer), "most": limit},
            lease_seconds,
        )

    def _lease(self, chosen: sa.Select[Any], given: Mapping[str, Any], lease_seconds: float) -> list[Item]:
        """Lease the first of what is `chosen` and due."""
        now, holder = _clock.wall_ns(), _clock.ids().generate_span_id() % NOBODY
        until = now + round(min(max(lease_seconds, 0.0), LONGEST_LEASE_S) * SECOND)
        with self._database.writing() as connection:
            rows = _together(connection.execute(chosen, {**given, **moment(now)}).all())
            if rows:
                taken = {"holder": holder, "until_ns": until, **ids(self._database, [row[-1] for row in rows])}
                connection.execute(lease(is_sqlite=self._database.is_sqlite), taken)
        return leased(rows, str(holder))

    def release(self, items: Iterable[Item]) -> int:
        """Give back what was leased and not tried, at once and uncounted; return how many were still ours."""
        by_lease: dict[int, list[int]] = {}
        for item in items:
            if item.lease:
                by_lease.setdefault(int(item.lease), []).append(item.number)
        free = FREE | {"state": "waiting", "attempts": delivery.c.attempts - 1, "lease_until_ns": _clock.wall_ns()}
        given = 0
        with self._database.writing() as connection:
            for holder, numbers in by_lease.items():
                ours = sa.update(delivery).where(self._among, OPEN, delivery.c.lease == holder).values(free)
                given += connection.execute(ours, ids(self._database, numbers)).rowcount
        return given

    def announce(self, items: Iterable[Item]) -> None:
        """Let others know of `items`, which were committed elsewhere; the database itself needs no telling."""

    def close(self) -> None:
        """Close what the queue has opened besides the database."""

    def depth(self, consumer: str, tenant: str | None = None) -> dict[tuple[str, str], int]:
        """Return how many items wait or are held, for each tenant and workspace that has any."""
        by = delivery.c.tenant, delivery.c.workspace
        chosen = sa.select(*by, sa.func.count()).where(*_of(consumer, tenant), OPEN).group_by(*by)
        with self._database.reading() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(chosen)}

    def dead(self, consumer: str, tenant: str | None = None) -> dict[tuple[str, str], int]:
        """Return how many items are dead, for each tenant and workspace that has any."""
        by = delivery.c.tenant, delivery.c.workspace
        chosen = sa.select(*by, sa.func.count()).where(*_of(consumer, tenant), DEAD).group_by(*by)
        with self._database.reading() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(chosen)}

    def consumers(self) -> list[str]:
        """Return the consumers for whom something waits, is held or is dead."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for state in (OPEN, DEAD):
                found.update(connection.execute(sa.select(delivery.c.consumer).where(state).distinct()).scalars())
        return sorted(found)

    def peek(self, consumer: str, limit: int, state: State = "waiting", *, tenant: str | None = None) -> list[Item]:
        """Return the first items in a state, without taking them; the dead with their reasons."""
        known = {"waiting": due(), "leased": sa.and_(OPEN, sa.not_(due())), "dead": DEAD}
        chosen = sa.select(*COLUMNS).where(*_of(consumer, tenant), known.get(state, delivery.c.state == state))
        chosen = chosen.order_by(delivery.c.id).limit(max(0, limit))
        with self._database.reading() as connection:
            times = moment(_clock.wall_ns()) if state in ("waiting", "leased") else {}
            return items_of(connection.execute(chosen, times).all())

    def purge(self, consumer: str, tenant: str | None = None) -> int:
        """Discard what waits, for good, and return how many items that were; what is held right now is not touched.

        Their ids stay known: the same feedback sent again is not queued again.
        """
        now = _clock.wall_ns()
        gone = sa.update(delivery).where(*_of(consumer, tenant), due())
        gone = gone.values(FREE | {"state": "purged", "settled_ns": max(1, now)})
        with self._database.writing() as connection:
            return connection.execute(gone, moment(now)).rowcount

    def requeue(self, consumer: str, feedback_ids: Sequence[str] | None = None, *, tenant: str | None = None) -> int:
        """Let dead items wait again, these or all of them, and return how many did."""
        dead = sa.update(delivery).where(*_of(consumer, tenant), DEAD)
        again = dead.values({"state": "waiting", "reason": "", "attempts": 0, "settled_ns": 0} | FREE)
        with self._database.writing() as connection:
            if feedback_ids is None:
                return connection.execute(again).rowcount
            each = (again.where(delivery.c.feedback_id == clean(name)) for name in feedback_ids)
            return sum(connection.execute(one).rowcount for one in each)


def _together(rows: Sequence[Any]) -> Sequence[Any]:
    """Return the first of `rows` alone if it is suspect, else those before the first that is."""
    suspect = next((index for index, row in enumerate(rows) if row[ATTEMPTS] >= SUSPECT), len(rows))
    return rows[: max(1, suspect)]


def _of(consumer: str, tenant: str | None = None) -> tuple[sa.ColumnElement[bool], ...]:
    return delivery.c.consumer == clean(consumer), *owned(delivery, tenant)


def within(shards: Container[int] | None) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition that an item is in one of `shards`."""
    return () if shards is None else (delivery.c.shard.in_([shard for shard in range(SHARDS) if shard in shards]),)
