"""Predictions, feedback and truth: append-only rows, committed before their receipt."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight import _clock
from stagelight.sink import news
from stagelight.sink.codec import id_of
from stagelight.sink.rows import DUPLICATE, Decision, Feedback, Prediction, Receipt, Truth
from stagelight.store import decisions, pins
from stagelight.store.codec import clean, json_text, loads
from stagelight.store.database import owned, parts
from stagelight.store.loop_tables import decisions as decision_table
from stagelight.store.tables import feedback, predictions, truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stagelight.sink.rows import Row
    from stagelight.store.capacity import Capacity
    from stagelight.store.database import Database
    from stagelight.store.delivery import Deliveries
    from stagelight.store.model import Kind

#: Kind of row -> its table, its class, the column that holds its id.
KINDS: dict[str, tuple[sa.Table, type[Row], str]] = {
    "predictions": (predictions, Prediction, "prediction_id"),
    "feedback": (feedback, Feedback, "feedback_id"),
    "decisions": (decision_table, Decision, "decision_id"),
    "truth": (truth, Truth, "truth_id"),
}


#: Fields that are kept as JSON text.
JSON = frozenset({"features", "eligible", "context"})


class Rows:
    """What an application tells us besides traces; a `Sink`, and `Store.rows`."""

    def __init__(self, database: Database, *, capacity: Capacity, deliveries: Deliveries) -> None:
        self._database = database
        self._deliveries = deliveries
        self._capacity = capacity
        # Made once: making a statement takes longer than running it.
        self._inserts = {
            table: database.insert(table).on_conflict_do_nothing().returning(*_key(table, id_name))
            for table, _, id_name in KINDS.values()
        }

    def write(self, rows: Sequence[Row]) -> list[Receipt]:
        """Commit `rows`, all or none, and return a receipt each; the same id again changes nothing, and its receipt says so.

        A trace that feedback is about is kept from then on, also when it arrives later. Feedback with a reward is queued
        for the routers whose decisions it judges, in the same transaction.

        Raises:
            StoreFullError: The size cap is reached and nothing may be expired.
            StoreUnavailableError: The database cannot be reached, or stayed locked.
        """
        if not rows:
            return []
        self._capacity.check()
        now = _clock.wall_ns()
        new: set[tuple[type[Row], str, str, str]] = set()
        with self._database.writing() as connection:
            decisions.meet(connection, self._database, rows)
            for table, kind, _ in KINDS.values():
                values = [_values(row, now) for row in rows if isinstance(row, kind)]
                if values:
                    made = connection.execute(self._inserts[table], values)
                    new.update((kind, *row) for row in made)
            pins.pin(connection, self._database, _judged(connection, rows), pins.FEEDBACK)
            queued = decisions.deliver(connection, self._database, rows)
        self._deliveries.announce(queued.items)
        news.tell(queued.counts)
        return [_receipt(row, new) for row in rows]

    def of_trace(self, trace_id: str, *, tenant: str | None = None) -> list[Row]:
        """Return everything that is known of a trace besides its spans: predictions, feedback, truth, each by time."""
        found: list[Row] = []
        with self._database.reading() as connection:
            for table, kind, _ in KINDS.values():
                chosen = sa.select(table).where(table.c.trace_id == trace_id, *owned(table, tenant))
                found += [_row(kind, row) for row in connection.execute(chosen.order_by(table.c.observed_at))]
        return found

    def decisions_of(self, trace_ids: Iterable[str], *, tenant: str | None = None) -> list[Decision]:
        """Return the decisions that were made in any of these traces, by time."""
        of = decision_table.c.trace_id
        found: list[Any] = []
        with self._database.reading() as connection:
            for part in parts(sorted(trace_ids)):
                chosen = sa.select(decision_table).where(of.in_(part), of != "", *owned(decision_table, tenant))
                found += connection.execute(chosen).all()
        return [Decision(**_fields(Decision, row)) for row in sorted(found, key=lambda row: row.observed_at)]

    def count(self, kind: Kind, *, tenant: str | None = None) -> int:
        """Return how many rows of a kind there are."""
        table, _, _ = KINDS[kind]
        with self._database.reading() as connection:
            return connection.execute(
                sa.select(sa.func.count()).select_from(table).where(*owned(table, tenant))
            ).scalar_one()

    def export(self, kind: Kind, *, tenant: str | None = None) -> Iterator[Row]:
        """Yield every row of a kind, by owner and id; holds a few hundred in memory and no lock between them."""
        table, made, id_name = KINDS[kind]
        key = _key(table, id_name)
        last: tuple[str, str, str] = "", "", ""
        while True:
            after = sa.tuple_(*key) > sa.tuple_(*map(sa.literal, last))
            chosen = sa.select(table).where(after, *owned(table, tenant)).order_by(*key).limit(500)
            with self._database.reading() as connection:
                rows = connection.execute(chosen).all()
            if not rows:
                return
            last = rows[-1].tenant, rows[-1].workspace, getattr(rows[-1], id_name)
            yield from (_row(made, row) for row in rows)


def _key(table: sa.Table, id_name: str) -> tuple[sa.Column[str], sa.Column[str], sa.Column[str]]:
    return table.c.tenant, table.c.workspace, table.c[id_name]


def _receipt(row: Row, new: set[tuple[type[Row], str, str, str]]) -> Receipt:
    """Say that `row` is stored, and whether this write did it; of two with one id in a write the first did."""
    key = type(row), clean(row.tenant), clean(row.workspace), clean(id_of(row))
    if key not in new:
        return Receipt("stored", id_of(row), DUPLICATE)
    new.remove(key)
    return Receipt("stored", id_of(row))


def _values(row: Row, now: int) -> dict[str, Any]:
    values = {name: clean(value) if isinstance(value, str) else value for name, value in asdict(row).items()}
    for name in JSON & values.keys():
        values[name] = json_text(values[name])
    return values | {"seen_ns": now}


def _row(kind: type[Row], row: Any) -> Row:
    return kind(**_fields(kind, row))


def _fields(kind: type[Row], row: Any) -> dict[str, Any]:
    values = {field.name: getattr(row, field.name) for field in fields(kind)}
    for name in JSON & values.keys():
        values[name] = loads(values[name]) if name == "features" else tuple(loads(values[name]))
    return values


def _judged(connection: sa.Connection, rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Return the traces that feedback among `rows` is about, by their own id or by their prediction's."""
    said = [row for row in rows if isinstance(row, Feedback)]
    found = [(clean(row.tenant), clean(row.workspace), row.trace_id) for row in said if row.trace_id]
    owners = {(clean(row.tenant), clean(row.workspace), clean(row.prediction_id)) for row in said if row.prediction_id}
    found += [(row.tenant, row.workspace, row.trace_id) for row in decisions.traces_of(connection, owners)]
    return found
