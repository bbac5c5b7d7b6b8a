"""Drift as it is kept: references, measurements, alerts; and the predictions that it is measured on."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store.codec import clean, json_text, loads
from stagelight.store.database import owned
from stagelight.store.drift_model import DriftAlert, KeptReference, Measurement, Seen
from stagelight.store.drift_tables import drift_alerts, drift_measurements, drift_references
from stagelight.store.tables import predictions

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from stagelight.store.database import Database

Kept = TypeVar("Kept", KeptReference, Measurement, DriftAlert)

OWNER = ("tenant", "workspace")
WHOSE = (*OWNER, "model", "model_version", "feature")
WORSE = ("none", "low", "medium", "high", "critical")
MANY = 2_000  #: Rows fetched at once.
UNSEEN_NS = (
    8 * 86_400_000_000_000
)  #: From then on an alert that no check has seen has ended: a day more than a weekly check.


class Drift:
    """What drift was found, and against what; `Store.drift`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seen(
        self,
        model: str,
        *,
        tenant: str,
        workspace: str,
        since: float,
        until: float,
        features: bool = True,
        model_version: str | None = None,
        limit: int | None = None,
    ) -> Generator[list[Seen], None, None]:
        """Yield the predictions of a model in a stretch of time (seconds since 1970), in the order they were made.

        Args:
            model: Their type, as `churn`.
            tenant: Whose they are.
            workspace: Whose they are.
            since: From then on.
            until: To then.
            features: Also read what the model saw; the score alone is quicker.
            model_version: Of that version alone; of all if None.
            limit: The earliest so many; all if None.
        """
        p = predictions.c
        told = p.features if features else sa.literal("")
        columns = p.model_version, p.observed_at, p.score, told, p.trace_id, p.span_id
        chosen = (
            sa.select(*columns)
            .where(p.type == model, p.observed_at >= since, p.observed_at <= until)
            .where(*owned(predictions, tenant, workspace))
            .where(*([] if model_version is None else [p.model_version == model_version]))
            .order_by(p.observed_at, p.prediction_id)
            .limit(limit)
        )
        # Closed by name, for who stops in the middle: PostgreSQL's cursor warns if it is merely forgotten.
        with (
            self._database.reading() as connection,
            connection.execution_options(yield_per=MANY).execute(chosen) as found,
        ):
            for part in found.partitions():
                yield [Seen(*row[:3], loads(row[3]) if row[3] else {}, *row[4:]) for row in part]

    def models(self, *, since: float = 0.0) -> list[tuple[str, str, str]]:
        """Return tenant, workspace and type of all models that predicted since a moment (seconds since 1970)."""
        p = predictions.c
        columns = p.tenant, p.workspace, p.type
        with self._database.reading() as connection:
            found = connection.execute(sa.select(*columns).where(p.observed_at >= since).distinct().order_by(*columns))
            return [tuple(row) for row in found]

    def put_references(self, references: Sequence[KeptReference]) -> None:
        """Keep `references`, each in place of the one that held before for its feature."""
        values = [_values(one) | {"body": json_text(one.body)} for one in references]
        self._put(drift_references, values, WHOSE)

    def references(
        self, model: str | None = None, *, tenant: str | None = None, workspace: str | None = None
    ) -> list[KeptReference]:
        """Return the references that hold."""
        rows = self._rows(drift_references, drift_references.c.seen_ns, model, tenant, workspace)
        return [_kept(KeptReference, row, body=json.loads(row.body)) for row in rows]

    def put_measurements(self, measurements: Sequence[Measurement]) -> list[DriftAlert]:
        """Keep what a check found, begin and end alerts by it in the same transaction, and return those that began.

        A feature whose verdict is `alert` has one alert for as long as every check says so.
        """
        if not measurements:
            return []
        with self._database.writing() as connection:
            connection.execute(
                self._database.insert(drift_measurements).on_conflict_do_nothing(),
                [_values(one) for one in measurements],
            )
            return [begun for one in measurements if (begun := _settled(connection, one)) is not None]

    def end_unseen(self) -> int:
        """End the alerts that no check has seen for eight days, as of versions that predict no more; say how many."""
        t = drift_alerts.c
        unseen = sa.update(drift_alerts).where(t.ended_ns == 0, t.seen_ns < _clock.wall_ns() - UNSEEN_NS)
        with self._database.writing() as connection:
            return connection.execute(unseen.values(ended_ns=t.seen_ns + UNSEEN_NS)).rowcount

    def put_alert(self, alert: DriftAlert) -> None:
        """Keep an alert that no measurement stands behind: what a streaming detector noticed."""
        self._put(drift_alerts, [_values(alert)], (*WHOSE, "began_ns"))

    def measurements(
        self,
        model: str | None = None,
        *,
        tenant: str | None = None,
        workspace: str | None = None,
        since_ns: int = 0,
        limit: int = 10_000,
    ) -> list[Measurement]:
        """Return what checks have found since a moment, the earliest first; at most the last `limit`."""
        at = drift_measurements.c.measured_ns
        rows = self._rows(drift_measurements, at, model, tenant, workspace, at >= since_ns, limit=limit)
        return [_kept(Measurement, row) for row in rows]

    def alerts(
        self,
        model: str | None = None,
        *,
        tenant: str | None = None,
        workspace: str | None = None,
        open_only: bool = False,
        limit: int = 10_000,
    ) -> list[DriftAlert]:
        """Return the alerts, the earliest first; at most the last `limit`."""
        t = drift_alerts.c
        going = [t.ended_ns == 0] if open_only else []
        rows = self._rows(drift_alerts, t.began_ns, model, tenant, workspace, *going, limit=limit)
        return [_kept(DriftAlert, row) for row in rows]

    def _rows(
        self,
        table: sa.Table,
        order: sa.Column[int],
        model: str | None,
        tenant: str | None,
        workspace: str | None,
        *more: sa.ColumnElement[bool],
        limit: int = 10_000,
    ) -> list[Any]:
        about = [table.c.model == model] if model is not None else []
        chosen = sa.select(table).where(*owned(table, tenant, workspace), *about, *more)
        last = chosen.order_by(order.desc(), *(table.c[name].desc() for name in WHOSE)).limit(limit)
        with self._database.reading() as connection:
            return list(reversed(connection.execute(last).all()))

    def _put(self, table: sa.Table, values: list[dict[str, Any]], keys: Sequence[str]) -> None:
        if not values:
            return
        insert = self._database.insert(table)
        # Each column but the key takes the new value.
        changed = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
        with self._database.writing() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=changed), values)


def _settled(connection: sa.Connection, found: Measurement) -> DriftAlert | None:
    """Begin, go on with or end the alert of a feature; return the one that begins."""
    t = drift_alerts.c
    mine = [t[name] == clean(getattr(found, name)) for name in WHOSE]
    open_ = connection.execute(sa.select(drift_alerts).where(*mine, t.ended_ns == 0)).first()
    if found.verdict != "alert":
        if open_ is not None:
            ended = sa.update(drift_alerts).where(*mine, t.began_ns == open_.began_ns)
            connection.execute(ended.values(ended_ns=found.measured_ns))
        return None
    alert = DriftAlert(
        **{name: getattr(found, name) for name in (*WHOSE, "measured_ns", "severity", "psi", "p_value", "mean_shift")},
        rows=found.rows,
        trace_id=found.trace_id,
        span_id=found.span_id,
        began_ns=found.measured_ns if open_ is None else open_.began_ns,
    )
    values = _values(alert)
    if open_ is None:
        connection.execute(sa.insert(drift_alerts).values(values))
        return alert
    values["severity"] = max(open_.severity, found.severity, key=WORSE.index)
    connection.execute(sa.update(drift_alerts).where(*mine, t.began_ns == open_.began_ns).values(values))
    return None


def _values(row: Any) -> dict[str, Any]:
    values = {name: clean(value) if isinstance(value, str) else value for name, value in asdict(row).items()}
    return values | {"seen_ns": _clock.wall_ns()}


def _kept(kind: type[Kept], row: Any, **more: Any) -> Kept:
    return kind(**{field.name: getattr(row, field.name) for field in fields(kind)} | more)
