"""What is deleted, and in which order; each function is one transaction's worth, and says how many went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from stagelight.store import drift_removal, loop_removal, outcome_removal
from stagelight.store.pins import ALERT, FEEDBACK
from stagelight.store.tables import (
    alert_outbox,
    attribute_values,
    feedback,
    logs,
    pins,
    readings,
    resources,
    rollups,
    series,
    spans,
    traces,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

TRACES = 200
LOGS = 2_000
ROLLUPS = 5_000
NS = 1_000_000_000


def oldest_traces(connection: sa.Connection, before_ns: int | None = None) -> int:
    """Remove some of the oldest traces that nothing pins, with their spans and log lines."""
    mine = (
        pins.c.trace_id == traces.c.trace_id,
        pins.c.tenant == traces.c.tenant,
        pins.c.workspace == traces.c.workspace,
    )
    columns = traces.c.id, traces.c.tenant, traces.c.workspace, traces.c.trace_id
    chosen = sa.select(*columns).where(~sa.exists().where(*mine)).order_by(traces.c.seen_ns, traces.c.id)
    if before_ns is None:
        # A twentieth at a time: a small store of large traces must not lose nearly all to make a little room.
        held = connection.execute(sa.select(sa.func.count()).select_from(traces)).scalar_one()
        chosen = chosen.limit(min(TRACES, held // 20 + 1))
    else:
        chosen = chosen.where(traces.c.seen_ns < before_ns).limit(TRACES)
    found = connection.execute(chosen).all()
    if found:
        numbers = [row.id for row in found]
        connection.execute(sa.delete(spans).where(spans.c.trace.in_(numbers)))
        owners = [(row.trace_id, row.tenant, row.workspace) for row in found]
        connection.execute(
            sa.delete(logs).where(sa.tuple_(logs.c.trace_id, logs.c.tenant, logs.c.workspace).in_(owners))
        )
        connection.execute(sa.delete(traces).where(traces.c.id.in_(numbers)))
    return len(found)


def oldest_logs(connection: sa.Connection, before_ns: int | None = None, *, of_traces: bool = True) -> int:
    """Remove some of the oldest log lines, those of pinned traces excepted.

    Args:
        connection: In a transaction.
        before_ns: Those written before, or any.
        of_traces: Also lines with a trace id whose trace never came.
    """
    mine = pins.c.trace_id == logs.c.trace_id, pins.c.tenant == logs.c.tenant, pins.c.workspace == logs.c.workspace
    chosen = sa.select(logs.c.id).where(~sa.exists().where(*mine)).order_by(logs.c.seen_ns, logs.c.id).limit(LOGS)
    if before_ns is not None:
        chosen = chosen.where(logs.c.seen_ns < before_ns)
    if not of_traces:
        chosen = chosen.where(logs.c.trace_id == "")
    found = connection.execute(chosen).scalars().all()
    return _deleted(connection, logs, logs.c.id, found)


def oldest_rollups(connection: sa.Connection, before_ns: int | None = None) -> int:
    """Remove the oldest buckets of metrics: a tenth of the time there is, or what lies before a moment."""
    first, last = connection.execute(sa.select(sa.func.min(rollups.c.bucket), sa.func.max(rollups.c.bucket))).one()
    if first is None:
        return 0
    until = first + max(10, (last - first) // 10) if before_ns is None else before_ns // NS
    return connection.execute(sa.delete(rollups).where(rollups.c.bucket < until)).rowcount


def old_rows(connection: sa.Connection, before_ns: int, now: int) -> int:
    """Remove predictions, decisions, feedback, truth and ended alerts of before a moment, and the pins that came of them."""
    removed = loop_removal.old_predictions(connection, before_ns, now)
    removed += outcome_removal.old_outcomes(connection, before_ns)
    removed += drift_removal.old_drift(connection, before_ns)
    removed += loop_removal.old_decisions(connection, before_ns)
    removed += connection.execute(sa.delete(feedback).where(feedback.c.seen_ns < before_ns)).rowcount
    ended = alert_outbox.c.ends_ns != 0, alert_outbox.c.ends_ns < before_ns, alert_outbox.c.seen_ns < before_ns
    removed += connection.execute(sa.delete(alert_outbox).where(*ended)).rowcount
    connection.execute(sa.delete(pins).where(pins.c.because.in_((FEEDBACK, ALERT)), pins.c.seen_ns < before_ns))
    return removed


def old_notes(connection: sa.Connection, before_ns: int, suggested_before_ns: int) -> None:
    """Remove what only served rows that are gone: suggestions, the state of silent series, senders of nothing."""
    connection.execute(sa.delete(attribute_values).where(attribute_values.c.seen_ns < suggested_before_ns))
    connection.execute(sa.delete(readings).where(readings.c.seen_ns < before_ns))
    unused = (~sa.exists().where(*_of_series(table)) for table in (rollups, readings))
    connection.execute(sa.delete(series).where(series.c.seen_ns < before_ns, *unused))
    silent = sa.select(resources.c.tenant, resources.c.workspace, resources.c.id).where(resources.c.seen_ns < before_ns)
    for row in connection.execute(silent).all():
        users = (sa.exists().where(table.c.resource == row.id) for table in (spans, logs))
        if not connection.execute(sa.select(sa.or_(*users))).scalar():
            mine = resources.c.tenant == row.tenant, resources.c.workspace == row.workspace, resources.c.id == row.id
            connection.execute(sa.delete(resources).where(*mine))


def _of_series(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.tenant == series.c.tenant, table.c.workspace == series.c.workspace, table.c.series == series.c.id


def _deleted(connection: sa.Connection, table: sa.Table, column: sa.Column[int], found: Sequence[int]) -> int:
    if found:
        connection.execute(sa.delete(table).where(column.in_(found)))
    return len(found)
