"""Traces that never expire: the ones somebody said something about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store.codec import NAME_CHARS, clean
from stagelight.store.database import owned
from stagelight.store.tables import pins

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.store.database import Database

FEEDBACK = "feedback"  #: Holds as long as the feedback itself,
ALERT = "alert"  #: as long as the alert; any other reason holds for good.


def pin(connection: sa.Connection, database: Database, found: Iterable[tuple[str, str, str]], because: str) -> None:
    """Keep these traces, each a tenant, a workspace and a trace id; they need not have arrived."""
    now = _clock.wall_ns()
    rows = [
        {
            "tenant": tenant,
            "workspace": workspace,
            "trace_id": clean(trace_id),
            "because": clean(because)[:NAME_CHARS],
            "seen_ns": now,
        }
        for tenant, workspace, trace_id in sorted(set(found))
    ]
    if rows:
        insert = database.insert(pins)
        key = ["tenant", "workspace", "trace_id", "because"]
        connection.execute(
            insert.on_conflict_do_update(index_elements=key, set_={"seen_ns": insert.excluded.seen_ns}), rows
        )


def because(connection: sa.Connection, trace_id: str, tenant: str | None) -> str:
    """Return why a trace is kept; empty for one that expires."""
    chosen = sa.select(sa.func.min(pins.c.because)).where(pins.c.trace_id == trace_id, *owned(pins, tenant))
    return connection.execute(chosen).scalar() or ""
