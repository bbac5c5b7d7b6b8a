"""What was said of predictions, added up by the database; and where a judged prediction was made."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight.sink.recent import Made
from stagelight.store.codec import clean, loads
from stagelight.store.database import owned
from stagelight.store.feedback_model import Cell, Day, Example, Summary, Tally
from stagelight.store.loop_tables import decisions, delivery
from stagelight.store.tables import feedback, predictions, spans, traces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stagelight.sink.rows import Feedback
    from stagelight.store.database import Database

DAY = 86_400
KNOWN = ("positive", "neutral", "negative")
PERSONAL = ("entity", "user", "comment")
BATCH = 500

# Made once: every feedback looks for a root, and making a statement takes longer than running it.
ROOT = (
    sa.select(spans.c.span_id)
    .join(traces, traces.c.id == spans.c.trace)
    .where(traces.c.trace_id == sa.bindparam("trace_is"), spans.c.parent_id == "")
    .order_by(spans.c.start_ns)
    .limit(1)
)
ROOT_OF_TENANT = ROOT.where(traces.c.tenant == sa.bindparam("tenant_is"))


class FeedbackReports:
    """Feedback as reports and the next training see it; `Store.opinions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def summary(
        self, since: float, until: float, *, tenant: str | None = None, workspace: str | None = None, model: str = ""
    ) -> Summary:
        """Return what was said and done between two moments (seconds since 1970), by day and by model version.

        Args:
            since: From when on it happened.
            until: Before when.
            tenant: Whose; everybody's if None.
            workspace: Which part; all if None.
            model: Only this model version's, if not empty.
        """
        within = [feedback.c.observed_at >= since, feedback.c.observed_at < until, *owned(feedback, tenant, workspace)]
        if model:
            within.append(feedback.c.model_version == clean(model))
        waiting = (
            sa.select(sa.func.count())
            .select_from(delivery)
            .where(delivery.c.state.in_(("waiting", "leased")), *owned(delivery, tenant, workspace))
        )
        with self._database.reading() as connection:
            cells = [Cell(*row) for row in connection.execute(self._cells(within))]
            depth = connection.execute(waiting).scalar_one()
        return folded(cells, since=since, until=until, queue_depth=depth)

    def _cells(self, within: list[sa.ColumnElement[bool]]) -> sa.Select[Any]:
        # SQLite's cast cuts off, PostgreSQL's rounds.
        days = feedback.c.observed_at / DAY
        day = sa.cast(days if self._database.is_sqlite else sa.func.floor(days), sa.BigInteger)
        heard = sa.case(
            (feedback.c.comment == "", ""), (feedback.c.sentiment == "", "unknown"), else_=feedback.c.sentiment
        )
        by = day, feedback.c.model_version, feedback.c.kind, feedback.c.signal, heard
        numbered = [column.label(f"by{number}") for number, column in enumerate(by)]
        sums = (
            part
            for column in (feedback.c.value, feedback.c.reward)
            for part in (sa.func.coalesce(sa.func.sum(column), 0.0), sa.func.count(column))
        )
        return sa.select(*numbered, sa.func.count(), *sums).where(*within).group_by(*numbered)

    def made(self, tenant: str, workspace: str, *, prediction_id: str = "", decision_id: str = "") -> Made | None:
        """Return where a decision or a prediction was made; None where neither has arrived, or neither names its trace."""
        with self._database.reading() as connection:
            return _made(connection, tenant, workspace, prediction_id, decision_id)

    def placed(self, rows: Sequence[Feedback]) -> list[Feedback]:
        """Return `rows`, with trace and span where they name none, but a prediction or decision that has arrived."""
        with self._database.reading() as connection:
            return [row if row.trace_id else _placed(connection, row) for row in rows]

    def root_of(self, trace_id: str, *, tenant: str | None = None) -> str:
        """Return the id of a trace's root span; empty where it has not arrived."""
        chosen, mine = (ROOT, {}) if tenant is None else (ROOT_OF_TENANT, {"tenant_is": tenant})
        with self._database.reading() as connection:
            return connection.execute(chosen, {"trace_is": trace_id, **mine}).scalar() or ""

    def examples(self, *, tenant: str | None = None, personal: bool = False) -> Iterator[Example]:
        """Yield every feedback whose prediction is known, with what the model saw then, to train the next one with.

        A prediction is known by its id, or as the one prediction of the judged trace.

        Args:
            tenant: Whose; everybody's if None.
            personal: Also whom it was about, who judged, and what they wrote.
        """
        key = feedback.c.tenant, feedback.c.workspace, feedback.c.feedback_id
        last: tuple[str, str, str] = "", "", ""
        while True:
            chosen = _joined().where(sa.tuple_(*key) > sa.tuple_(*map(sa.literal, last)), *owned(feedback, tenant))
            with self._database.reading() as connection:
                rows = connection.execute(chosen.order_by(*key).limit(BATCH)).all()
            if not rows:
                return
            last = rows[-1].tenant, rows[-1].workspace, rows[-1].feedback_id
            yield from (_example(row, personal=personal) for row in rows)


def _placed(connection: sa.Connection, row: Feedback) -> Feedback:
    made = _made(connection, row.tenant, row.workspace, row.prediction_id, row.decision_id)
    if made is None:
        return row
    version = row.model_version or made.model_version
    return replace(row, trace_id=made.trace_id, span_id=made.span_id, model_version=version)


def _made(connection: sa.Connection, tenant: str, workspace: str, prediction_id: str, decision_id: str) -> Made | None:
    for table, name, wanted in (
        (decisions, "decision_id", decision_id),
        (predictions, "prediction_id", prediction_id),
    ):
        mine = owned(table, clean(tenant), clean(workspace))
        chosen = sa.select(table).where(table.c[name] == clean(wanted), table.c.trace_id != "", *mine)
        found = connection.execute(chosen).first() if wanted else None
        if found is not None:
            return Made(found.trace_id, found.span_id, getattr(found, "model_version", ""))
    return None


def _joined() -> sa.Select[Any]:
    """Feedback with the prediction it judges."""
    only = predictions.alias("only")
    one = (
        sa.select(sa.func.min(only.c.prediction_id))
        .where(
            only.c.tenant == feedback.c.tenant,
            only.c.workspace == feedback.c.workspace,
            only.c.trace_id == feedback.c.trace_id,
            only.c.trace_id != "",
        )
        .having(sa.func.count() == 1)
        .scalar_subquery()
    )
    same = sa.and_(
        predictions.c.tenant == feedback.c.tenant,
        predictions.c.workspace == feedback.c.workspace,
        predictions.c.prediction_id == sa.case((feedback.c.prediction_id != "", feedback.c.prediction_id), else_=one),
    )
    said = [feedback.c[name] for name in _SAID]
    made = [predictions.c[name] for name in _MADE]
    version = sa.case((predictions.c.model_version != "", predictions.c.model_version), else_=feedback.c.model_version)
    return sa.select(
        *said, *made, version.label("model_version"), predictions.c.observed_at.label("predicted_at")
    ).select_from(feedback.join(predictions, same))


_SAID = ("tenant", "workspace", "feedback_id", "trace_id", "kind", "signal", "value", "reward", "label", "sentiment",
         "source", "observed_at", "user", "comment")  # fmt: skip
_MADE = ("prediction_id", "type", "features", "score", "decision", "entity")


def _example(row: Any, *, personal: bool) -> Example:
    values = {name: getattr(row, name) for name in (*_SAID, *_MADE, "model_version", "predicted_at")}
    values["features"] = loads(row.features)
    if not personal:
        values |= dict.fromkeys(PERSONAL, "")
    return Example(**values)


def folded(cells: Iterable[Cell], *, since: float, until: float, queue_depth: int) -> Summary:
    """Add cells up: in all, by model version, by day, and by both."""
    models: dict[str, list[Cell]] = defaultdict(list)
    days: dict[int, list[Cell]] = defaultdict(list)
    both: dict[tuple[int, str], list[Cell]] = defaultdict(list)
    cells = list(cells)
    for cell in cells:
        models[cell.model_version].append(cell)
        days[cell.day].append(cell)
        both[cell.day, cell.model_version].append(cell)
    return Summary(
        since=since,
        until=until,
        total=tally(cells),
        models={name: tally(models[name]) for name in sorted(models)},
        days=tuple(Day(day=_date(day), tally=tally(days[day])) for day in sorted(days)),
        days_by_model=tuple(
            Day(day=_date(day), model_version=name, tally=tally(both[day, name])) for day, name in sorted(both)
        ),
        queue_depth=queue_depth,
    )


def tally(cells: Iterable[Cell]) -> Tally:
    """Add cells up to one."""
    cells = list(cells)
    signals: dict[str, int] = defaultdict(int)
    heard: dict[str, int] = defaultdict(int)
    for cell in cells:
        signals[cell.signal] += cell.number
        if cell.sentiment:
            heard[cell.sentiment] += cell.number
    known = sum(heard[name] for name in KNOWN)
    return Tally(
        count=sum(cell.number for cell in cells),
        explicit=sum(cell.number for cell in cells if cell.kind == "explicit"),
        implicit=sum(cell.number for cell in cells if cell.kind == "implicit"),
        signals=dict(sorted(signals.items())),
        mean_rating=_mean((cell.value, cell.values) for cell in cells if cell.signal == "rating"),
        thumbs_up_share=_mean((cell.value, cell.values) for cell in cells if cell.signal == "thumbs"),
        mean_reward=_mean((cell.reward, cell.rewards) for cell in cells),
        sentiments={name: heard[name] for name in (*KNOWN, "unknown") if heard[name]},
        sentiment_ratio={name: heard[name] / known for name in KNOWN} if known else {},
    )


def _mean(parts: Iterable[tuple[float, int]]) -> float | None:
    parts = list(parts)
    number = sum(count for _, count in parts)
    return sum(total for total, _ in parts) / number if number else None


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()
