"""Forgetting somebody: all that is kept of a user goes, and so do the pages on which it stood.

Gone are: what they said and did, their traces with log lines, what was predicted for or about them and how that turned out,
and the feedback spans and log events of what they said about other traces. What a router learned from them stays, for it is
a number among thousands.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store.codec import clean, json_text, loads
from stagelight.store.database import owned, parts
from stagelight.store.loop_tables import delivery
from stagelight.store.tables import attribute_values, feedback, logs, pins, predictions, spans, traces, truth
from stagelight.store.truth_tables import outcomes
from stagelight.wire import conventions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from stagelight.store.database import Database

#: Attributes that say whose request it was.
KEYS = (conventions.USER_ID, "enduser.id", "enduser.pseudo.id")

_Owned = tuple[str, str, str]  # tenant, workspace, id


class Forgotten(NamedTuple):
    """How much of each was removed."""

    feedback: int
    traces: int
    predictions: int
    truth: int
    scrubbed: (
        bool  #: Nothing is left in the files either; False while another program reads from them, or on PostgreSQL.
    )


class People:
    """What is kept of single persons; `Store.people`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def forget(self, names: Collection[str], *, tenant: str | None = None) -> Forgotten:
        """Remove all that is kept of a person, and say how much that was.

        Args:
            names: What the person is called in rows and spans: the id itself, and its pseudonym where a key makes one.
            tenant: Of whom; of every tenant if None.

        Raises:
            StoreUnavailableError: The database cannot be reached, or stayed locked.
        """
        wanted = sorted({clean(name) for name in names if name.strip()})
        if not wanted:
            return Forgotten(0, 0, 0, 0, scrubbed=True)
        with self._database.writing() as connection:
            person = _Person(connection, wanted, tenant)
            counts = person.forget()
        return Forgotten(*counts, scrubbed=self._scrub())

    def _scrub(self) -> bool:
        """Write the file anew without its free pages, and empty the log: deleted rows stay legible on both."""
        if not self._database.is_sqlite:
            return False
        done = False
        with self._database.raw() as connection, suppress(sqlite3.OperationalError):  # somebody reads just now
            connection.execute("VACUUM")
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            done = not busy
        return done


class _Person:
    """One person, in one transaction."""

    def __init__(self, connection: sa.Connection, names: list[str], tenant: str | None) -> None:
        self._connection = connection
        self._names = names
        self._tenant = tenant

    def forget(self) -> tuple[int, int, int, int]:
        said = self._keys(feedback, "feedback_id", feedback.c.user.in_(self._names), "trace_id")
        numbers = self._traces()
        trace_ids = self._keys(traces, "trace_id", traces.c.id.in_(numbers)) if numbers else []
        self._opinions(said)
        removed = self._remove_traces(numbers, trace_ids)
        told, heard = self._remove_predictions(trace_ids)
        heard += self._delete(truth, truth.c.entity.in_(self._names))
        if said or removed:
            self._delete(attribute_values)  # a sample of anything, theirs too; it fills again by itself
        return len(said), removed, told, heard

    def _keys(self, table: sa.Table, name: str, *conditions: sa.ColumnElement[bool] | str) -> list[Any]:
        """Owner and id of the rows that meet `conditions`; names among these are more columns that are wanted."""
        more = [table.c[part] for part in conditions if isinstance(part, str)]
        where = [part for part in conditions if not isinstance(part, str)]
        chosen = sa.select(table.c.tenant, table.c.workspace, table.c[name], *more)
        return list(self._connection.execute(chosen.where(*where, *owned(table, self._tenant))))

    def _delete(self, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
        return self._connection.execute(sa.delete(table).where(*conditions, *owned(table, self._tenant))).rowcount

    def _traces(self) -> list[int]:
        """Numbers of the traces in which a span says that it was theirs."""
        found: set[int] = set()
        for column, attributes in self._holding(spans, spans.c.trace):
            if any(attributes.get(key) in self._names for key in KEYS):
                found.add(column)
        return sorted(found)

    def _holding(self, table: sa.Table, column: sa.Column[Any]) -> Iterable[tuple[Any, dict[str, Any]]]:
        """`column` and the attributes of the rows whose attributes contain one of the names, as somebody's id or otherwise."""
        for name in self._names:
            near = table.c.attributes.contains(json_text(name), autoescape=True)
            for row in self._connection.execute(
                sa.select(column, table.c.attributes).where(near, *owned(table, self._tenant))
            ):
                yield row[0], loads(row[1])

    def _opinions(self, said: list[Any]) -> None:
        """Remove feedback, its spans and events; what is to be learned from it goes on under a number."""
        for tenant, workspace, feedback_id, trace_id in said:
            mine = {"tenant": tenant, "workspace": workspace}
            key = [delivery.c[name] == value for name, value in {**mine, "feedback_id": feedback_id}.items()]
            self._connection.execute(sa.update(delivery).where(*key).values(feedback_id=f"forgotten-{_clock.new_id()}"))
            if trace_id:
                self._remove_marks(trace_id, feedback_id)
        self._delete(feedback, feedback.c.user.in_(self._names))

    def _remove_marks(self, trace_id: str, feedback_id: str) -> None:
        """Remove the span and the log event of one feedback."""
        number = sa.select(traces.c.id).where(traces.c.trace_id == trace_id)
        near = (spans.c.trace.in_(number), spans.c.name == "feedback")
        for table, where in ((spans, near), (logs, (logs.c.trace_id == trace_id,))):
            chosen = sa.select(table.c.id, table.c.attributes).where(*where, *owned(table, self._tenant))
            found = [
                row.id
                for row in self._connection.execute(chosen)
                if loads(row.attributes).get(conventions.FEEDBACK_ID) == feedback_id
            ]
            for part in parts(found):
                self._connection.execute(sa.delete(table).where(table.c.id.in_(part)))

    def _remove_traces(self, numbers: list[int], trace_ids: list[_Owned]) -> int:
        for some in parts(numbers):
            self._connection.execute(sa.delete(spans).where(spans.c.trace.in_(some)))
            self._connection.execute(sa.delete(traces).where(traces.c.id.in_(some)))
        for part in parts(trace_ids):
            for table in (logs, pins):
                key = sa.tuple_(table.c.tenant, table.c.workspace, table.c.trace_id)
                self._connection.execute(sa.delete(table).where(key.in_([tuple(row[:3]) for row in part])))
        lines = [
            number
            for number, attributes in self._holding(logs, logs.c.id)
            if any(attributes.get(key) in self._names for key in KEYS)
        ]
        for some in parts(lines):
            self._connection.execute(sa.delete(logs).where(logs.c.id.in_(some)))
        return len(numbers)

    def _remove_predictions(self, trace_ids: list[_Owned]) -> tuple[int, int]:
        """Remove what was predicted about them, or in their traces, and how it turned out; how much of either."""
        found = self._keys(predictions, "prediction_id", predictions.c.entity.in_(self._names))
        for part in parts(trace_ids):
            key = sa.tuple_(predictions.c.tenant, predictions.c.workspace, predictions.c.trace_id)
            found += self._keys(predictions, "prediction_id", key.in_([tuple(row[:3]) for row in part]))
        owners = sorted({tuple(row[:3]) for row in found})
        removed = dict.fromkeys((predictions, outcomes, truth), 0)
        for some in parts(owners):
            for table in removed:
                key = sa.tuple_(table.c.tenant, table.c.workspace, table.c.prediction_id)
                removed[table] += self._connection.execute(sa.delete(table).where(key.in_(some))).rowcount
        return removed[predictions], removed[truth]
