"""Outcomes read back: what is known of predictions, how much of it, and what comparisons came to."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight.store.codec import loads
from stagelight.store.database import owned
from stagelight.store.outcome_model import Coverage, Judgement, KeptVerdict, Labelling
from stagelight.store.outcome_sql import predicted
from stagelight.store.tables import predictions
from stagelight.store.truth_tables import EXCLUDED, KNOWN, outcome_rules, outcomes, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.store.database import Database

LATEST = 1e300  #: Later than every prediction.
MANY = 50_000  #: Rows fetched at once.


class Judgements:
    """What is known of predictions; the reading half of `Store.outcomes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def judged(
        self,
        type_: str,
        *,
        model_version: str | None = None,
        since: float = 0.0,
        until: float = LATEST,
        now: float,
        mature: bool = True,
        tenant: str | None = None,
        workspace: str | None = None,
    ) -> Iterator[Judgement]:
        """Yield the predictions made from `since` on and before `until`, with what is known of them.

        Args:
            type_: Of the predictions.
            model_version: The one that predicted; any if None.
            since: Seconds since 1970.
            until: Seconds since 1970.
            now: What counts as mature is counted from here.
            mature: Those alone whose truth window has passed; else all.
            tenant: Whose; anybody's if None.
            workspace: Whose; anybody's if None.
        """
        rule = self._rule(type_)
        if rule is None:
            return
        # What has no outcome yet took a side all the same.
        side = sa.func.coalesce(outcomes.c.predicted, predicted(predictions.c, rule))
        chosen = (
            sa.select(predictions.c.observed_at, predictions.c.score, side, outcomes.c.actual)
            .select_from(_with_rule())
            .where(
                predictions.c.type == type_,
                predictions.c.observed_at >= since,
                predictions.c.observed_at < until,
                sa.func.coalesce(outcomes.c.state, "") != EXCLUDED,
                *([_mature(now)] if mature else []),
                *([predictions.c.model_version == model_version] if model_version is not None else []),
                *owned(predictions, tenant, workspace),
            )
            .order_by(predictions.c.observed_at, predictions.c.prediction_id)
        )
        with self._database.reading() as connection:
            for part in connection.execution_options(yield_per=MANY).execute(chosen).partitions():
                yield from (Judgement(*row) for row in part)

    def mistakes(
        self, type_: str, model_version: str, since: float, until: float, *, tenant: str, workspace: str, limit: int
    ) -> list[str]:
        """Return traces of predictions made from `since` on and before `until` that turned out wrong, the newest first."""
        chosen = (
            sa.select(predictions.c.trace_id)
            .select_from(_with_rule())
            .where(
                predictions.c.type == type_,
                predictions.c.model_version == model_version,
                predictions.c.observed_at >= since,
                predictions.c.observed_at < until,
                predictions.c.trace_id != "",
                outcomes.c.state == KNOWN,
                outcomes.c.predicted != outcomes.c.actual,
                *owned(predictions, tenant, workspace),
            )
            .group_by(predictions.c.trace_id)
            .order_by(sa.func.max(predictions.c.observed_at).desc(), predictions.c.trace_id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return list(connection.execute(chosen).scalars())

    def _rule(self, type_: str) -> Labelling | None:
        """The rule of the last join."""
        last = sa.select(outcome_rules.c.rule).where(outcome_rules.c.type == type_)
        with self._database.reading() as connection:
            found = connection.execute(last.order_by(outcome_rules.c.joined_ns.desc()).limit(1)).scalar()
        return Labelling.of(loads(found)) if found else None

    def coverage(self, type_: str, *, now: float, since: float = 0.0, tenant: str | None = None) -> list[Coverage]:
        """Return how much is known of each version's predictions made from `since` on."""
        known, excluded = outcomes.c.state == KNOWN, outcomes.c.state == EXCLUDED
        mature = sa.and_(_mature(now), sa.func.coalesce(outcomes.c.state, "") != EXCLUDED)
        owner = predictions.c.tenant, predictions.c.workspace, predictions.c.model_version

        def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
            return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

        chosen = (
            sa.select(
                *owner,
                count(sa.func.coalesce(outcomes.c.state, "") != EXCLUDED),
                count(mature),
                count(mature & known),
                count(~_mature(now) & known),
                count(excluded),
                sa.func.avg(outcomes.c.lag_seconds),
            )
            .select_from(_with_rule())
            .where(predictions.c.type == type_, predictions.c.observed_at >= since, *owned(predictions, tenant))
            .group_by(*owner)
            .order_by(*owner)
        )
        with self._database.reading() as connection:
            return [Coverage(*row) for row in connection.execute(chosen)]

    def history(self, prediction_id: str, *, tenant: str = "default", workspace: str = "default") -> list[Any]:
        """Return every outcome that a prediction has had, the first first."""
        chosen = sa.select(outcomes).where(
            outcomes.c.prediction_id == prediction_id, *owned(outcomes, tenant, workspace)
        )
        with self._database.reading() as connection:
            return list(connection.execute(chosen.order_by(outcomes.c.revision)))

    def keep(self, verdict: KeptVerdict) -> None:
        """Keep what a comparison came to; the same moment again changes nothing."""
        with self._database.writing() as connection:
            connection.execute(self._database.insert(verdicts).on_conflict_do_nothing(), [asdict(verdict)])

    def verdicts(self, *, type_: str | None = None, limit: int = 100, tenant: str | None = None) -> list[KeptVerdict]:
        """Return what comparisons came to, the newest first."""
        mine = [verdicts.c.type == type_] if type_ is not None else []
        chosen = sa.select(verdicts).where(*mine, *owned(verdicts, tenant)).order_by(verdicts.c.judged_ns.desc())
        with self._database.reading() as connection:
            return [KeptVerdict(**row) for row in connection.execute(chosen.limit(limit)).mappings()]


def _mature(now: float) -> sa.ColumnElement[bool]:
    """Its time had come when it was last joined: after that only a yes would be known of it, and each no be missing."""
    ends = predictions.c.observed_at + outcome_rules.c.maturity_seconds
    return sa.and_(ends <= now, ends <= outcome_rules.c.joined_at)


def _holds() -> sa.ColumnElement[bool]:
    same = (predictions.c[name] == outcomes.c[name] for name in ("tenant", "workspace", "prediction_id"))
    return sa.and_(*same, outcomes.c.revision == predictions.c.outcome_revision)


def _with_rule() -> sa.FromClause:
    """Predictions with their rule, and the outcome that holds where there is one."""
    names = "tenant", "workspace", "type"
    mine = sa.and_(*(outcome_rules.c[name] == predictions.c[name] for name in names))
    return predictions.join(outcome_rules, mine).outerjoin(outcomes, _holds())
