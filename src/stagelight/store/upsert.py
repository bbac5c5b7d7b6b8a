"""The statement that adds spans to the summary of their trace, so that the order in which they arrive does not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight.store.tables import SIGNATURE_COLUMNS, traces

if TYPE_CHECKING:
    from stagelight.store.database import Database

USED = ("input_tokens", "output_tokens", "cost")
SUMS = ("span_count", "error_count", *USED, *(f"agent_{name}" for name in USED))


def add_to_traces(database: Database) -> sa.Insert:
    """Return an INSERT of summaries that merges with those which are there."""
    insert = database.insert(traces)
    old, new = traces.c, insert.excluded
    # The root names the trace; until it arrives, the earliest span does.
    names = sa.or_(new.rooted > old.rooted, sa.and_(new.rooted == old.rooted, new.named_ns < old.named_ns))
    start, end = (
        sa.case((new.rooted < 0, o), (old.rooted < 0, n), else_=merged(o, n))
        for merged, o, n in ((_smaller, old.start_ns, new.start_ns), (_larger, old.end_ns, new.end_ns))
    )
    values: dict[str, Any] = {
        name: sa.case((names, new[name]), else_=old[name]) for name in ("name", "service", "named_ns")
    }
    values |= {name: old[name] + new[name] for name in SUMS}
    values |= {name: sa.case((old[name] == "", new[name]), else_=old[name]) for name in ("session", "model_version")}
    values |= {name: old[name].bitwise_or(new[name]) for name in SIGNATURE_COLUMNS}
    values |= {"rooted": _larger(old.rooted, new.rooted), "seen_ns": _larger(old.seen_ns, new.seen_ns)}
    values |= {"start_ns": start, "end_ns": end, "duration_ns": end - start}
    return insert.on_conflict_do_update(index_elements=["tenant", "workspace", "trace_id"], set_=values)


def _smaller(one: sa.ColumnElement[int], other: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.case((other < one, other), else_=one)


def _larger(one: sa.ColumnElement[int], other: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.case((other > one, other), else_=one)
