"""From a verdict to what a router learns: feedback with a reward finds the decision it judges, whichever came first.

Rows decide, never what was just handed in: the same feedback sent again with another reward teaches nothing new.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from stagelight.sink.rows import Decision, Feedback, Prediction
from stagelight.store.codec import clean, loads
from stagelight.store.database import parts
from stagelight.store.delivery_sql import insert
from stagelight.store.loop import Item, consumer_of
from stagelight.store.loop_tables import decisions
from stagelight.store.tables import feedback, predictions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stagelight.sink.rows import Row
    from stagelight.store.database import Database

LOCK = 0x57A6  #: Our room among PostgreSQL's advisory locks.
LOCKS = 1024
SKEW_S = 1.0  #: By which the clocks of two programs may differ.


Key: TypeAlias = "tuple[str, str, str]"  #: Tenant, workspace, id.


def _columns(table: sa.Table, names: str) -> sa.Select[Any]:
    return sa.select(*(table.c[name] for name in ("tenant", "workspace", *names.split())))


def _named(column: sa.Column[str]) -> sa.ColumnElement[bool]:
    return column.in_(sa.bindparam("names", expanding=True))


def _mine(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.tenant == sa.bindparam("tenant_is"), table.c.workspace == sa.bindparam("workspace_is")


# Statements are made once: making one takes longer than running it. What is looked up by its whole key names its owner;
# what has an index of its own does not, or SQLite would walk through all that the owner has.
_ANY = _columns(feedback, "feedback_id decision_id prediction_id trace_id reward observed_at").where(
    feedback.c.reward.is_not(None)
)
_SAME = (feedback.c[name] == predictions.c[name] for name in ("tenant", "workspace", "prediction_id"))
FEEDBACK = _ANY.where(*_mine(feedback), _named(feedback.c.feedback_id))
FEEDBACK_OF_DECISIONS = _ANY.where(sa.text("feedback.decision_id <> ''"), _named(feedback.c.decision_id))
FEEDBACK_OF_TRACES = _ANY.where(_named(feedback.c.trace_id))
FEEDBACK_OF_PREDICTIONS = _ANY.where(_named(feedback.c.prediction_id))
FEEDBACK_OF_TRACED_PREDICTIONS = _ANY.join(predictions, sa.and_(*_SAME)).where(_named(predictions.c.trace_id))
_MADE = _columns(decisions, "decision_id prediction_id trace_id router arm propensity context observed_at")
DECISIONS = _MADE.where(*_mine(decisions), _named(decisions.c.decision_id))
DECISIONS_OF_PREDICTIONS = _MADE.where(_named(decisions.c.prediction_id))
DECISIONS_OF_TRACES = _MADE.where(_named(decisions.c.trace_id))
TRACES = _columns(predictions, "prediction_id trace_id").where(
    *_mine(predictions), _named(predictions.c.prediction_id), predictions.c.trace_id != ""
)


@dataclass(frozen=True, slots=True)
class Queued:
    """What a write has queued."""

    counts: dict[tuple[str, str], int]  #: By tenant and workspace; those with none are left out.
    items: list[Item] = field(default_factory=list)  #: Theirs; some may have been known before.


def traces_of(connection: sa.Connection, keys: Iterable[Key]) -> list[Any]:
    """Return the traces of predictions, each with its tenant and workspace."""
    return list(_owned(connection, TRACES, keys))


def meet(connection: sa.Connection, database: Database, rows: Sequence[Row]) -> None:
    """Let feedback and decisions that are about to be written in two transactions see each other.

    Without it each would look for the other before the other's commit, and the reward would be lost. SQLite has one
    writer at a time anyway.
    """
    if database.is_sqlite:
        return
    names = {clean(name) for row in rows for name in _names(row) if name}
    of_predictions = {_own(row, row.prediction_id) for row in rows if isinstance(row, Feedback) and row.prediction_id}
    names.update(row.trace_id for row in traces_of(connection, of_predictions))
    slots = sorted({zlib.crc32(name.encode()) % LOCKS for name in names})
    for slot in slots:  # in one order, so that two writers never wait in a circle
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK, slot)))


def _names(row: Row) -> tuple[str, ...]:
    if isinstance(row, Feedback):
        return (row.decision_id, row.prediction_id, row.trace_id) if row.reward is not None else ()
    if isinstance(row, Decision):
        return row.decision_id, row.prediction_id, row.trace_id
    return (row.prediction_id, row.trace_id) if isinstance(row, Prediction) else ()


def deliver(connection: sa.Connection, database: Database, rows: Sequence[Row]) -> Queued:
    """Queue what routers have to learn now that `rows` are written."""
    said = _said(connection, rows)
    by_owner: dict[tuple[str, str], list[Item]] = {}
    for one, made in _judged(connection, said) if said else ():
        by_owner.setdefault((one.tenant, one.workspace), []).extend(_items(one, made))
    new = {owner: insert(connection, database, items) for owner, items in sorted(by_owner.items())}
    queued = Queued({owner: count for owner, count in new.items() if count})
    for owner in queued.counts:
        queued.items.extend(by_owner[owner])
    return queued


def _said(connection: sa.Connection, rows: Sequence[Row]) -> list[Any]:
    """Return the stored feedback with a reward that `rows` bring, or bring the decision for."""
    new = {_own(row, row.feedback_id) for row in rows if isinstance(row, Feedback) and row.reward is not None}
    chosen = [row for row in rows if isinstance(row, Decision)]
    told = {clean(row.prediction_id) for row in rows if isinstance(row, Prediction) and row.trace_id}
    traces = _given(row.trace_id for row in chosen)
    found = [
        *_owned(connection, FEEDBACK, new),
        *_each(connection, FEEDBACK_OF_DECISIONS, _given(row.decision_id for row in chosen)),
        *_each(connection, FEEDBACK_OF_TRACES, traces),
        *_each(connection, FEEDBACK_OF_PREDICTIONS, told | _given(row.prediction_id for row in chosen)),
        *_each(connection, FEEDBACK_OF_TRACED_PREDICTIONS, traces),
    ]
    return list({(row.tenant, row.workspace, row.feedback_id): row for row in found}.values())


def _judged(connection: sa.Connection, said: Sequence[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield each feedback with the decisions that it judges: of each router the latest."""
    loose = [row for row in said if not row.decision_id]
    named = {_own(row, row.decision_id) for row in said if row.decision_id}
    by_id = _grouped(_owned(connection, DECISIONS, named), "decision_id")
    asked = {_own(row, row.prediction_id) for row in loose if row.prediction_id}
    by_prediction = _grouped(
        _each(connection, DECISIONS_OF_PREDICTIONS, {name for _, _, name in asked}), "prediction_id"
    )
    traced = _grouped(_owned(connection, TRACES, asked), "prediction_id")
    traces = _given(row.trace_id for row in (*loose, *(one for found in traced.values() for one in found)))
    by_trace = _grouped(_each(connection, DECISIONS_OF_TRACES, traces), "trace_id")
    for row in said:
        if row.decision_id:
            found = by_id.get(_own(row, row.decision_id), [])
        elif not (found := by_prediction.get(_own(row, row.prediction_id), [])):
            of = {row.trace_id, *(one.trace_id for one in traced.get(_own(row, row.prediction_id), ()))}
            found = [one for trace_id in sorted(of) for one in by_trace.get(_own(row, trace_id), [])]
        yield row, _latest(found, row.observed_at)


def _each(connection: sa.Connection, statement: sa.Select[Any], names: Iterable[str], **owner: str) -> Iterator[Any]:
    for part in parts(sorted(names)):
        yield from connection.execute(statement, {"names": part, **owner})


def _owned(connection: sa.Connection, statement: sa.Select[Any], keys: Iterable[Key]) -> Iterator[Any]:
    """Yield what a statement finds by whole keys, an owner at a time: a list of keys would not be looked up by index."""
    by_owner: dict[tuple[str, str], list[str]] = {}
    for tenant, workspace, name in keys:
        by_owner.setdefault((tenant, workspace), []).append(name)
    for (tenant, workspace), names in sorted(by_owner.items()):
        yield from _each(connection, statement, names, tenant_is=tenant, workspace_is=workspace)


def _own(row: Any, name: str) -> Key:
    return clean(row.tenant), clean(row.workspace), clean(name)


def _given(names: Iterable[str]) -> set[str]:
    return {clean(name) for name in names if name}


def _grouped(rows: Iterable[Any], id_name: str) -> dict[Key, list[Any]]:
    found: dict[Key, list[Any]] = {}
    for row in rows:
        if name := getattr(row, id_name):
            found.setdefault((row.tenant, row.workspace, name), []).append(row)
    return found


def _latest(found: Iterable[Any], said_at: float) -> list[Any]:
    """Of each router the latest decision that whoever judges can have seen; all count where clocks say that none was."""
    made = list(found)
    seen = [one for one in made if one.observed_at <= said_at + SKEW_S]
    routers: dict[str, Any] = {}
    for one in sorted(seen or made, key=lambda one: (one.observed_at, one.decision_id)):
        routers[one.router] = one
    return list(routers.values())


def _items(said: Any, made: Iterable[Any]) -> Iterator[Item]:
    for one in made:
        body = {
            "decision": one.decision_id,
            "arm": one.arm,
            "reward": said.reward,
            "context": loads(one.context),
            "propensity": one.propensity,
            "observed_at": said.observed_at,
        }
        yield Item(said.tenant, said.workspace, consumer_of(one.router), said.feedback_id, body)
