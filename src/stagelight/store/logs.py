"""Log lines, with or without a trace."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store import codec, resources
from stagelight.store.database import owned
from stagelight.store.model import NumberedLog
from stagelight.store.resources import Senders
from stagelight.store.tables import logs
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.store.capacity import Capacity
    from stagelight.store.database import Database
    from stagelight.wire.records import LogRecord


class Logs:
    """Received log records; `Store.logs`."""

    def __init__(self, database: Database, *, capacity: Capacity) -> None:
        self._database = database
        self._capacity = capacity

    def write(self, records: Iterable[LogRecord], *, tenant: str | None = None) -> int:
        """Commit `records`, all or none, and return how many were new.

        OTLP gives a log record no id, so one that is equal in everything to one that is there counts as sent again.

        Raises:
            StoreFullError: The size cap is reached and nothing may be expired.
            StoreUnavailableError: The database cannot be reached, or stayed locked.
        """
        senders, now = Senders(), _clock.wall_ns()
        rows = {row["digest"]: row for row in (_row(record, tenant, senders, now) for record in records)}
        if not rows:
            return 0
        self._capacity.check()
        insert = self._database.insert(logs).on_conflict_do_nothing().returning(logs.c.id)
        with self._database.writing() as connection:
            senders.save(connection, self._database, now)
            return len(connection.execute(insert, list(rows.values())).all())

    def of_trace(self, trace_id: str, *, tenant: str | None = None) -> list[LogRecord]:
        """Return the lines written inside a trace, by time."""
        chosen = sa.select(logs).where(logs.c.trace_id == trace_id, *owned(logs, tenant))
        with self._database.reading() as connection:
            return [numbered.log for numbered in _loaded(connection, chosen.order_by(logs.c.time_ns, logs.c.id))]

    def recent(self, after_id: int = 0, limit: int = 500, *, tenant: str | None = None) -> list[NumberedLog]:
        """Return up to `limit` lines written after the one with number `after_id`, oldest first."""
        chosen = sa.select(logs).where(logs.c.id > after_id, *owned(logs, tenant)).order_by(logs.c.id).limit(limit)
        with self._database.reading() as connection:
            return _loaded(connection, chosen)


def _row(record: LogRecord, tenant: str | None, senders: Senders, now: int) -> dict[str, Any]:
    owner = record.tenancy
    tenancy = Tenancy(codec.clean(owner.tenant if tenant is None else tenant), codec.clean(owner.workspace))
    row = codec.log_row(record)
    row |= {"tenant": tenancy.tenant, "workspace": tenancy.workspace, "resource": senders.id_of(record, tenancy)}
    row["digest"] = hashlib.blake2b(codec.json_text(list(row.values())).encode(), digest_size=16).hexdigest()
    return row | {"seen_ns": now}


def _loaded(connection: sa.Connection, chosen: sa.Select[Any]) -> list[NumberedLog]:
    rows = connection.execute(chosen).all()
    senders = resources.load(connection, {row.resource for row in rows})
    return [NumberedLog(row.id, codec.log_of(row, senders)) for row in rows]
