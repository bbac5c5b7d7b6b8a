"""What of the feedback loop goes with time, and what has to happen before.

What waits never goes. What was learned goes only after the policy that has learned it was kept as a snapshot, so that a
policy can always be made anew: from the snapshot, and everything learned after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight.store.delivery_sql import DEAD
from stagelight.store.loop import ROUTER
from stagelight.store.loop_tables import decisions, delivery, policies, policy_snapshots
from stagelight.store.tables import predictions, truth
from stagelight.store.truth_tables import outcome_rules

if TYPE_CHECKING:
    from stagelight.store.database import Database

DAY_NS = 24 * 3_600 * 1_000_000_000
ITEMS = 5_000  #: Looked at in one transaction.
SECOND = 1_000_000_000
OWNER = ("tenant", "workspace")


def keep_snapshots(connection: sa.Connection, database: Database, now: int) -> None:
    """Keep the state of every policy, once a day."""
    kept, now_there = policy_snapshots, policies
    recent = sa.exists().where(
        *(kept.c[name] == now_there.c[name] for name in (*OWNER, "router")), kept.c.seen_ns > now - DAY_NS
    )
    columns = [now_there.c[name] for name in (*OWNER, "router", "version", "state")]
    chosen = sa.select(*columns, sa.literal(now)).where(now_there.c.version > 0, ~recent)
    names = [*OWNER, "router", "version", "state", "seen_ns"]
    connection.execute(database.insert(kept).from_select(names, chosen).on_conflict_do_nothing())


def set_bases(connection: sa.Connection, before_ns: int) -> None:
    """Let replays begin with the latest snapshot of before a moment; what is older than that is not needed."""
    kept = policy_snapshots
    by = [kept.c[name] for name in (*OWNER, "router")]
    latest = (
        sa.select(*by, sa.func.max(kept.c.version).label("version")).where(kept.c.seen_ns < before_ns).group_by(*by)
    )
    for row in connection.execute(latest).all():
        mine = [column == value for column, value in zip(by, row, strict=False)]
        connection.execute(sa.delete(kept).where(*mine, kept.c.version < row.version))
        connection.execute(sa.update(kept).where(*mine, kept.c.version == row.version).values(base=1))


def old_deliveries(connection: sa.Connection, before_ns: int, after: int) -> tuple[int, int]:
    """Remove settled items of before a moment, the next few behind number `after`.

    Returns:
        How many went, and the number to go on behind; 0 at the end.
    """
    columns = delivery.c.id, delivery.c.queued_ns
    page = sa.select(*columns).where(delivery.c.id > after).order_by(delivery.c.id).limit(ITEMS)
    rows = connection.execute(page).all()
    if not rows:
        return 0, 0
    last = rows[-1].id
    mine = delivery.c.id > after, delivery.c.id <= last
    settled = delivery.c.settled_ns < before_ns
    gone = sa.or_(DEAD, delivery.c.state == "purged", sa.and_(delivery.c.state == "done", _learned_before_base()))
    removed = connection.execute(sa.delete(delivery).where(*mine, settled, gone)).rowcount
    # Numbers grow with time: what follows the first young one is young.
    return removed, last if len(rows) == ITEMS and rows[-1].queued_ns < before_ns else 0


def _learned_before_base() -> sa.ColumnElement[bool]:
    kept = policy_snapshots
    same = [kept.c[name] == delivery.c[name] for name in OWNER]
    of_router = sa.literal(ROUTER) + kept.c.router == delivery.c.consumer
    return sa.exists().where(*same, of_router, kept.c.base == 1, kept.c.version >= delivery.c.version)


def old_decisions(connection: sa.Connection, before_ns: int) -> int:
    """Remove decisions of before a moment; what was learned of them has its own copy of them."""
    return connection.execute(sa.delete(decisions).where(decisions.c.seen_ns < before_ns)).rowcount


def old_predictions(connection: sa.Connection, before_ns: int, now: int) -> int:
    """Remove predictions of before a moment whose truth can no longer arrive, and truth that nothing waits for."""
    removed = connection.execute(
        sa.delete(predictions).where(predictions.c.seen_ns < before_ns, ~_awaited(now))
    ).rowcount
    # A truth names its prediction or an entity: while any prediction of its owner is awaited, it may be the answer.
    longest = sa.select(sa.func.max(outcome_rules.c.keep_seconds)).where(*_same(truth)).scalar_subquery()
    needed = truth.c.observed_at + sa.func.coalesce(longest, 0) > now / SECOND
    return removed + connection.execute(sa.delete(truth).where(truth.c.seen_ns < before_ns, ~needed)).rowcount


def _awaited(now: int) -> sa.ColumnElement[bool]:
    until = predictions.c.observed_at + outcome_rules.c.keep_seconds
    return sa.exists().where(*_same(predictions), outcome_rules.c.type == predictions.c.type, until > now / SECOND)


def _same(table: sa.Table) -> list[Any]:
    return [outcome_rules.c[name] == table.c[name] for name in OWNER]
