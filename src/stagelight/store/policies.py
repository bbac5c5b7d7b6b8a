"""The state of routers' policies: a versioned row each, changed in the transaction that settles what was learned.

So an effect happens once: a worker that is killed before the commit has changed nothing, one that is killed after it has
settled its items too.
"""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store.codec import clean, json_text, loads
from stagelight.store.database import owned, parts
from stagelight.store.delivery_sql import COLUMNS, FREE, among, done, ids, items_of, still_held
from stagelight.store.loop import MAX_ATTEMPTS, ROUTER, Item, PolicyRow, Settled, consumer_of
from stagelight.store.loop_tables import delivery, policies, policy_snapshots

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stagelight.store.database import Database
    from stagelight.store.loop import Teach

KILLS = f"taken {MAX_ATTEMPTS} times and never settled: it may be what kills its worker"


class Policies:
    """Policies' states; `Store.policies`. Safe from any thread and any number of processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, router: str, *, tenant: str, workspace: str) -> PolicyRow | None:
        """Return the policy of `router`; None where it has learned nothing yet."""
        with self._database.reading() as connection:
            return _read(connection, _mine(router, tenant, workspace))

    def owners(self, *, tenant: str | None = None) -> list[tuple[str, str, str]]:
        """Return router, tenant and workspace of every policy that is kept, in their order."""
        by = policies.c.router, policies.c.tenant, policies.c.workspace
        chosen = sa.select(*by).where(policies.c.version > 0, *owned(policies, tenant)).order_by(*by)
        with self._database.reading() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(chosen)]

    def put(
        self, router: str, state: Mapping[str, Any], *, version: int, tenant: str, workspace: str
    ) -> PolicyRow | None:
        """Replace the state that has `version` (0: where there is none), as when arms change.

        Returns:
            The row as it is now; None where somebody else was quicker: get it anew, change that, and put again.
        """
        mine = _mine(router, tenant, workspace)
        with self._database.writing() as connection:
            held = _lock(connection, self._database, mine)
            if held.version != version:
                return None
            return _write(connection, mine, held.version + 1, state)

    def settle(self, items: Sequence[Item], teach: Teach) -> Settled:
        """Learn from `items` and mark them settled, in one transaction; what is no longer ours is left alone.

        `teach` is called once for each router of each tenant and workspace, with the state of its policy and the items
        in the order they were queued. What it raises passes through, and nothing has happened.

        Raises:
            StoreUnavailableError: The database cannot be reached, or stayed locked; nothing has happened.
        """
        if not items:
            return Settled()
        learned: list[Item] = []
        dead: list[tuple[Item, str]] = []
        with self._database.writing() as connection:
            ours = self._held(connection, items)
            for owner, group in sorted(_grouped(ours).items()):
                taught, refused = self._taught(connection, owner, group, teach)
                learned += taught
                dead += refused
        return Settled(tuple(learned), tuple(dead), len(items) - len(ours))

    def replay(self, router: str, tenant: str, workspace: str) -> Iterator[Item]:
        """Yield everything that `router` has learned, in the order it did, as far as it is kept: after `base`."""
        mine = (delivery.c.consumer == clean(consumer_of(router)), *owned(delivery, clean(tenant), clean(workspace)))
        order = delivery.c.version, delivery.c.id
        base = self.base(router, tenant=tenant, workspace=workspace)
        with self._database.reading() as connection:
            chosen = sa.select(delivery.c.id).where(*mine, delivery.c.state == "done").order_by(*order)
            if base is not None:
                chosen = chosen.where(delivery.c.version > base.version)
            found = list(connection.execute(chosen).scalars())
        page = sa.select(*COLUMNS).where(among(is_sqlite=self._database.is_sqlite)).order_by(*order)
        for part in parts(found):
            with self._database.reading() as connection:
                rows = connection.execute(page, ids(self._database, part)).all()
            yield from items_of(rows)

    def base(self, router: str, *, tenant: str, workspace: str) -> PolicyRow | None:
        """Return the state that a replay begins with: None (nothing learned) unless older items have expired."""
        mine = _mine(router, tenant, workspace)
        kept = policy_snapshots
        found = sa.select(kept.c.version, kept.c.state).where(*(kept.c[name] == value for name, value in mine.items()))
        with self._database.reading() as connection:
            first = connection.execute(found.where(kept.c.base == 1)).first()
        return PolicyRow(first.version, loads(first.state)) if first else None

    def _held(self, connection: sa.Connection, items: Sequence[Item]) -> list[Item]:
        """Return those of `items` whose lease is still the one they were taken with, and keep it so."""
        by_lease: dict[str, dict[int, Item]] = {}
        for item in items:
            by_lease.setdefault(item.lease, {})[item.number] = item
        by_lease.pop("", None)  # not taken
        ours: list[Item] = []
        for lease, group in by_lease.items():
            given = {"holder": int(lease), **ids(self._database, list(group))}
            found = connection.execute(still_held(is_sqlite=self._database.is_sqlite), given).scalars().all()
            ours += [group[number] for number in found]
        return sorted(ours, key=attrgetter("number"))

    def _taught(
        self, connection: sa.Connection, owner: tuple[str, str, str], items: list[Item], teach: Teach
    ) -> tuple[list[Item], list[tuple[Item, str]]]:
        tenant, workspace, consumer = owner
        tried = [item for item in items if item.attempts <= MAX_ATTEMPTS]
        reasons = {item.feedback_id: KILLS for item in items if item.attempts > MAX_ATTEMPTS}
        version = 0
        if tried:
            mine = _mine(consumer.removeprefix(ROUTER), tenant, workspace)
            held = _lock(connection, self._database, mine)
            version = held.version
            state, refused = teach(held.state if held.version else None, tried)
            reasons |= refused
            if state is not None:
                version = _write(connection, mine, held.version + 1, state).version
        learned = [item for item in items if item.feedback_id not in reasons]
        dead = [(item, reasons[item.feedback_id]) for item in items if item.feedback_id in reasons]
        self._mark(connection, learned, dead, version)
        return learned, dead

    def _mark(
        self, connection: sa.Connection, learned: Sequence[Item], dead: Sequence[tuple[Item, str]], version: int
    ) -> None:
        now = max(1, _clock.wall_ns())
        if learned:
            given = {"at_ns": now, "learned_by": version, **ids(self._database, [item.number for item in learned])}
            connection.execute(done(is_sqlite=self._database.is_sqlite), given)
        for item, reason in dead:
            one = sa.update(delivery).where(delivery.c.id == item.number)
            connection.execute(one.values(FREE | {"state": "dead", "reason": clean(reason), "settled_ns": now}))


def _grouped(items: Sequence[Item]) -> dict[tuple[str, str, str], list[Item]]:
    groups: dict[tuple[str, str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.tenant, item.workspace, item.consumer), []).append(item)
    return groups


def _mine(router: str, tenant: str, workspace: str) -> dict[str, str]:
    return {"tenant": clean(tenant), "workspace": clean(workspace), "router": clean(router)}


def _conditions(mine: Mapping[str, str]) -> list[sa.ColumnElement[bool]]:
    return [policies.c[name] == value for name, value in mine.items()]


def _read(connection: sa.Connection, mine: Mapping[str, str]) -> PolicyRow | None:
    chosen = sa.select(policies.c.version, policies.c.state).where(*_conditions(mine))
    row = connection.execute(chosen).first()
    return PolicyRow(row.version, json.loads(row.state)) if row and row.version else None


def _lock(connection: sa.Connection, database: Database, mine: Mapping[str, str]) -> PolicyRow:
    """Return the policy's row, ours until the transaction ends; version 0 where there was none."""
    connection.execute(database.insert(policies).on_conflict_do_nothing(), dict(mine))
    chosen = sa.select(policies.c.version, policies.c.state).where(*_conditions(mine)).with_for_update()
    row = connection.execute(chosen).one()
    return PolicyRow(row.version, loads(row.state))


def _write(connection: sa.Connection, mine: Mapping[str, str], version: int, state: Mapping[str, Any]) -> PolicyRow:
    values = {"version": version, "state": json_text(state), "seen_ns": _clock.wall_ns()}
    connection.execute(sa.update(policies).where(*_conditions(mine)).values(**values))
    return PolicyRow(version, dict(state))
