"""The durable outbox of alerts: what fires and what ended, kept until everyone who must hear of it has."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store import pins
from stagelight.store.codec import clean, json_text, whole
from stagelight.store.database import owned, parts
from stagelight.store.model import KeptAlert
from stagelight.store.tables import alert_outbox as table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagelight.store.database import Database

KEY = ("tenant", "workspace", "fingerprint")
JSON = ("labels", "annotations", "trace_ids")
WITHHELD = "withheld"  #: Announced as over, fires again, and that is not to be announced.


class Outbox:
    """Alerts by their identity, each in its last known state; `Store.outbox`.

    The size cap does not count here: an alert is small, and the one that says that the store is full must get through.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, alerts: Sequence[KeptAlert], *, announce: bool | None = None) -> list[KeptAlert]:
        """Commit what is told of `alerts`, all or none, and return how each stands now.

        With `announce=False` people who were told of an alert's end are not told that it fires again, nor of the end of
        that, until it is put with `announce=True`. What they were never told of they are told of all the same.

        What is older than what is known already changes nothing, so a message that comes twice, or late, neither ends
        what fires nor brings back what ended. Traces that an alert names are kept from then on.

        Raises:
            StoreUnavailableError: The database cannot be reached, or stayed locked.
            StoreFullError: The disk is full.
        """
        newest: dict[tuple[str, ...], dict[str, Any]] = {}
        for values in sorted(map(_values, alerts), key=lambda values: values["told_ns"]):
            newest[_key(values)] = values
        if not newest:
            return []
        cited = [(kept.tenant, kept.workspace, trace_id) for kept in alerts for trace_id in kept.trace_ids]
        with self._database.writing() as connection:
            connection.execute(_upsert(self._database, announce=announce), list(newest.values()))
            pins.pin(connection, self._database, [(clean(t), clean(w), i) for t, w, i in cited], pins.ALERT)
            return _of_keys(connection, newest)

    def current(self, *, ended_after_ns: int) -> list[KeptAlert]:
        """Return what fires, or will end only in the future, and what ended after a moment; in the order it began."""
        due = sa.or_(table.c.ends_ns == 0, table.c.ends_ns > ended_after_ns)
        return self._chosen(due)

    def unannounced(self, *, now_ns: int) -> list[KeptAlert]:
        """Return what fires at `now_ns` and was not announced, and what was announced and has ended since."""
        fires = sa.or_(table.c.ends_ns == 0, table.c.ends_ns > now_ns)
        begun = sa.and_(fires, table.c.announced.not_in(("firing", WITHHELD)))
        ended = sa.and_(~fires, table.c.announced == "firing")
        return self._chosen(sa.or_(begun, ended))

    def announced(self, alert: KeptAlert, state: str) -> None:
        """Note that people were told that `alert` is in `state`: firing or resolved."""
        mine = (table.c[name] == getattr(alert, name) for name in KEY)
        with self._database.writing() as connection:
            connection.execute(sa.update(table).where(*mine).values(announced=state))

    def recent(self, *, tenant: str | None = None, limit: int = 100) -> list[KeptAlert]:
        """Return the alerts that were told of last, the latest first."""
        chosen = sa.select(table).where(*owned(table, tenant)).order_by(table.c.told_ns.desc(), *_order()).limit(limit)
        with self._database.reading() as connection:
            return [_kept(row) for row in connection.execute(chosen)]

    def _chosen(self, condition: sa.ColumnElement[bool]) -> list[KeptAlert]:
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(table).where(condition).order_by(table.c.starts_ns, *_order()))
            return [_kept(row) for row in rows]


def _upsert(database: Database, *, announce: bool | None) -> sa.Insert:
    """Return the statement that replaces what is older; an alert that goes on firing keeps its beginning."""
    insert = database.insert(table)
    old, new = table.c, insert.excluded
    goes_on = sa.or_(old.ends_ns == 0, new.ends_ns != 0)
    earlier = sa.and_(goes_on, old.starts_ns < new.starts_ns)
    values: dict[str, Any] = {name: new[name] for name in ("ends_ns", "told_ns", "seen_ns")}
    values["starts_ns"] = sa.case((earlier, old.starts_ns), else_=new.starts_ns)
    if announce is not None:
        was, becomes = (WITHHELD, "") if announce else ("resolved", WITHHELD)
        values["announced"] = sa.case((old.announced == was, becomes), else_=old.announced)
    for name, nothing in (("annotations", "{}"), ("trace_ids", "[]")):  # who ends an alert need not say it all again
        values[name] = sa.case((new[name] == nothing, old[name]), else_=new[name])
    return insert.on_conflict_do_update(index_elements=list(KEY), set_=values, where=new.told_ns > old.told_ns)


def _of_keys(connection: sa.Connection, keys: Iterable[tuple[str, ...]]) -> list[KeptAlert]:
    columns = sa.tuple_(*(table.c[name] for name in KEY))
    found = [
        _kept(row) for part in parts(keys) for row in connection.execute(sa.select(table).where(columns.in_(part)))
    ]
    return sorted(found, key=lambda kept: kept.starts_ns)


def _order() -> tuple[sa.ColumnElement[str], ...]:
    return tuple(table.c[name] for name in KEY)


def _key(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(values[name] for name in KEY)


def _values(alert: KeptAlert) -> dict[str, Any]:
    values = asdict(alert) | {"seen_ns": _clock.wall_ns()}
    for name, value in values.items():
        if name in JSON:
            values[name] = json_text(dict(value) if name != "trace_ids" else list(value))
        else:
            values[name] = clean(value) if isinstance(value, str) else whole(value)
    return values


def _kept(row: Any) -> KeptAlert:
    values = {name: value for name, value in row._mapping.items() if name != "seen_ns"}  # noqa: SLF001  SQLAlchemy's public name
    values |= {name: json.loads(values[name]) for name in JSON}
    return KeptAlert(**values | {"trace_ids": tuple(values["trace_ids"])})
