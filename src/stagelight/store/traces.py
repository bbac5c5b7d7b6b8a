"""Traces: write spans, get a trace, keep one for good, follow what arrives."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store import codec, resources, search
from stagelight.store.database import owned, parts
from stagelight.store.model import NumberedSpan, SessionSummary, Trace, TracePage, TraceQuery
from stagelight.store.pins import because, pin
from stagelight.store.resources import Senders
from stagelight.store.spanstats import additions
from stagelight.store.summary import TraceSpans, grouped, summary_row
from stagelight.store.tables import spans as spans_table
from stagelight.store.tables import traces
from stagelight.store.upsert import add_to_traces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stagelight.store.capacity import Capacity
    from stagelight.store.database import Database
    from stagelight.store.logs import Logs
    from stagelight.store.rollups import Rollups
    from stagelight.store.suggestions import Suggestions
    from stagelight.wire.records import SpanRecord


class Traces:
    """The spans of finished and unfinished traces; `Store.traces`."""

    def __init__(
        self, database: Database, *, capacity: Capacity, logs: Logs, rollups: Rollups, suggestions: Suggestions
    ) -> None:
        self._database = database
        self._capacity = capacity
        self._logs = logs
        self._rollups = rollups
        self._suggestions = suggestions

    @cached_property
    def _add_to_traces(self) -> sa.Insert:
        return add_to_traces(self._database)

    def write(self, spans: Iterable[SpanRecord], *, tenant: str | None = None) -> int:
        """Commit `spans`, all or none, and return how many were new; the same span again changes nothing.

        Args:
            spans: In any order, of any number of traces, whole or in parts.
            tenant: Whose they are, whatever their attributes say.

        Raises:
            StoreFullError: The size cap is reached and nothing may be expired.
            StoreUnavailableError: The database cannot be reached, or stayed locked.
        """
        groups = grouped(spans, tenant)
        if not groups:
            return 0
        self._capacity.check()
        # Everything that needs no lock is done before it is taken.
        senders = Senders()
        rows = {
            (id(group), span_id): _row(group, span, senders)
            for group in groups
            for span_id, span in group.spans.items()
        }
        now = _clock.wall_ns()
        with self._database.writing() as connection:
            _drop_known(connection, groups)
            groups = [group for group in groups if group.spans]
            if not groups:
                return 0
            connection.execute(self._add_to_traces, [summary_row(group, now) for group in groups])
            numbers = _numbers(connection, groups)
            new = [
                rows[id(group), span_id] | {"trace": numbers[group.tenancy, group.trace_id]}
                for group in groups
                for span_id in group.spans
            ]
            senders.save(connection, self._database, now)
            connection.execute(self._database.insert(spans_table).on_conflict_do_nothing(), new)
            self._rollups.add(connection, additions(groups))
            self._suggestions.save(connection, groups)
        return len(new)

    def search(self, query: TraceQuery) -> TracePage:
        """Return the traces that match `query`, a page of them.

        Pages begin after a cursor, not at a number: while traces arrive, `recent` shows each exactly once.
        """
        with self._database.reading() as connection:
            return search.page(connection, query)

    def get(self, trace_id: str, *, tenant: str | None = None) -> Trace | None:
        """Return a trace with its spans and log lines, or None where there is none, or none of this tenant."""
        with self._database.reading() as connection:
            found = _spans_of(connection, [traces.c.trace_id == trace_id, *owned(traces, tenant)])
            if not found:
                return None
            kept = because(connection, trace_id, tenant)
        return Trace(trace_id, tuple(found), tuple(self._logs.of_trace(trace_id, tenant=tenant)), kept)

    def pin(self, trace_id: str, because: str, *, tenant: str = "default", workspace: str = "default") -> None:
        """Keep a trace past its time, also one that has yet to arrive; `because` is shown beside it."""
        with self._database.writing() as connection:
            pin(connection, self._database, [(tenant, workspace, trace_id)], because)

    def recent_spans(self, after_id: int, limit: int = 500, *, tenant: str | None = None) -> list[NumberedSpan]:
        """Return up to `limit` spans written after the one with number `after_id`, oldest first."""
        chosen = sa.select(spans_table, traces.c.trace_id).join(traces, traces.c.id == spans_table.c.trace)
        chosen = (
            chosen.where(spans_table.c.id > after_id, *owned(spans_table, tenant))
            .order_by(spans_table.c.id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(chosen).all()
            senders = resources.load(connection, {row.resource for row in rows})
        return [NumberedSpan(row.id, codec.span_of(row, row.trace_id, senders), row.tenant) for row in rows]

    def last_id(self) -> int:
        """Return the number of the newest span: where following begins; 0 while there is none."""
        with self._database.reading() as connection:
            return connection.execute(sa.select(sa.func.max(spans_table.c.id))).scalar() or 0

    def export(self, *, tenant: str | None = None) -> Iterator[list[SpanRecord]]:
        """Yield the spans of each trace, oldest trace first; holds one trace in memory and no lock between two."""
        last = 0
        while True:
            chosen = (
                sa.select(traces.c.id).where(traces.c.id > last, *owned(traces, tenant)).order_by(traces.c.id).limit(1)
            )
            with self._database.reading() as connection:
                number = connection.execute(chosen).scalar()
                if number is None:
                    return
                found = _spans_of(connection, [traces.c.id == number])
            last = number
            yield found

    def attribute_keys(self, prefix: str = "", *, tenant: str | None = None) -> list[str]:
        """Return attribute names that occur in traces and begin with `prefix`, in order, at most 200."""
        return self._suggestions.keys(prefix, tenant=tenant)

    def attribute_values(self, key: str, *, tenant: str | None = None) -> list[str]:
        """Return values that the attribute `key` takes, in order; a sample of at most 100."""
        return self._suggestions.values(key, tenant=tenant)

    def sessions(
        self,
        *,
        tenant: str | None = None,
        workspace: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        limit: int = 50,
    ) -> list[SessionSummary]:
        """Return the sessions that were active in a window, the latest first."""
        with self._database.reading() as connection:
            return search.sessions(connection, owned(traces, tenant, workspace), since_ns, until_ns, limit)


def _row(group: TraceSpans, span: SpanRecord, senders: Senders) -> dict[str, Any]:
    row = codec.span_row(span)
    row["tenant"], row["workspace"] = group.tenancy
    row["resource"] = senders.id_of(span, group.tenancy)
    return row


def _numbers(connection: sa.Connection, groups: list[TraceSpans]) -> dict[tuple[tuple[str, str], str], int]:
    """Return the row numbers of the traces that are there, by owner and trace id."""
    found: dict[tuple[tuple[str, str], str], int] = {}
    for part in parts({group.trace_id for group in groups}):
        columns = traces.c.id, traces.c.tenant, traces.c.workspace, traces.c.trace_id
        for row in connection.execute(sa.select(*columns).where(traces.c.trace_id.in_(part))):
            found[(row.tenant, row.workspace), row.trace_id] = row.id
    return found


def _drop_known(connection: sa.Connection, groups: list[TraceSpans]) -> None:
    """Take out of `groups` the spans that were written before."""
    numbers = _numbers(connection, groups)
    known = {number: group for group in groups if (number := numbers.get((group.tenancy, group.trace_id)))}
    wanted = [(number, span_id) for number, group in known.items() for span_id in group.spans]
    for part in parts(wanted):
        pairs = sa.tuple_(spans_table.c.trace, spans_table.c.span_id).in_(part)
        for row in connection.execute(sa.select(spans_table.c.trace, spans_table.c.span_id).where(pairs)).all():
            del known[row.trace].spans[row.span_id]


def _spans_of(connection: sa.Connection, conditions: list[sa.ColumnElement[bool]]) -> list[SpanRecord]:
    chosen = (
        sa.select(spans_table, traces.c.trace_id).join(traces, traces.c.id == spans_table.c.trace).where(*conditions)
    )
    rows = connection.execute(chosen.order_by(spans_table.c.start_ns, spans_table.c.id)).all()
    senders = resources.load(connection, {row.resource for row in rows})
    return [codec.span_of(row, row.trace_id, senders) for row in rows]
