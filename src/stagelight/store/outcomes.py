"""Outcomes: truth joined to predictions by a rule, a slice of predictions at a time, and read back."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store.codec import json_text, loads
from stagelight.store.database import owned
from stagelight.store.outcome_model import LAG_BOUNDS, Coverage, Joined, Judgement, KeptVerdict, Labelling, Lag
from stagelight.store.outcome_sql import PLACE, mark, predicted, revise
from stagelight.store.tables import predictions, truth
from stagelight.store.truth_tables import EXCLUDED, KNOWN, outcome_rules, outcomes, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.store.database import Database

#: Predictions joined in one transaction: SQLite's other writers wait for it; PostgreSQL's do not, and a larger one
#: reads the truth less often.
SLICES = {True: 10_000, False: 200_000}
LAST = 1e300, ""  #: After every prediction.
OVERLAP_NS = 2 * 3600 * 1_000_000_000  #: A clock may have been set back by an hour since the last join.
MANY = 50_000  #: Rows fetched at once.


class Slice(NamedTuple):
    """Predictions after one place and up to another, in the order of time and id."""

    since: float
    since_id: str
    until: float
    until_id: str


class Outcomes:
    """What predictions turned out to be; `Store.outcomes`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slice = SLICES[database.is_sqlite]

    def join(self, rule: Labelling, *, now: float) -> Joined:
        """Bring the outcomes of one type up to `now`, seconds since 1970, and say what changed.

        Only what may have changed since the last join is looked at. Killed half-way, it is done again by the next.

        Raises:
            StoreUnavailableError: The database cannot be reached, or stayed locked.
        """
        digest = digest_of(rule)
        began_ns, floor = self._start(rule, digest)
        values = {"now": now, "joined_ns": began_ns, "anew": int(floor == 0.0)}
        looked = revisions = 0
        for part, size in self._slices(rule, floor):
            revisions += self._revise(rule, part, values)
            looked += size
        corrected, lags = self._news(rule, began_ns) if revisions else (0, ())
        self._remember(rule, digest, now, began_ns)
        return Joined(rule.type, looked, revisions, corrected, lags)

    def _revise(self, rule: Labelling, part: Slice, values: dict[str, Any]) -> int:
        """Join one slice; return how many outcomes were written."""
        with self._database.writing() as connection:
            statement = revise(rule, is_sqlite=self._database.is_sqlite)
            counted = connection.execution_options(preserve_rowcount=True)
            written = counted.execute(statement, part._asdict() | values).rowcount
            if self._database.is_sqlite:  # its driver counts no rows of a statement that begins with WITH
                written = connection.exec_driver_sql("SELECT changes()").scalar_one()
            if written:
                connection.execute(mark(rule), part._asdict())
        return written

    def _start(self, rule: Labelling, digest: str) -> tuple[int, float]:
        """When this join begins, later than every other, and the earliest prediction whose outcome may have changed."""
        rules = outcome_rules.c
        last = sa.select(sa.func.max(rules.joined_at), sa.func.max(rules.joined_ns)).where(rules.type == rule.type)
        now = _clock.wall_ns()
        with self._database.reading() as connection:
            _, latest_ns = connection.execute(last).one()
            joined_at, joined_ns = connection.execute(last.where(rules.digest == digest)).one()
            began_ns = max(now, (latest_ns or 0) + 1)
            if joined_at is None:
                return began_ns, 0.0
            new = min(joined_ns, now) - OVERLAP_NS
            events = truth.c.event.in_((*rule.events, *rule.exclude_events))
            heard = connection.execute(
                sa.select(sa.func.min(truth.c.observed_at)).where(truth.c.seen_ns >= new, events)
            ).scalar()
            said = connection.execute(
                sa.select(sa.func.min(predictions.c.observed_at)).where(
                    predictions.c.type == rule.type, predictions.c.seen_ns >= new
                )
            ).scalar()
        reach = rule.within_s + rule.corrections_s
        floors = [joined_at - rule.maturity_s - OVERLAP_NS / 1e9]
        floors += [heard - reach] if heard is not None else []
        floors += [said] if said is not None else []
        return began_ns, max(0.001, min(floors))  # 0 is for a rule that is new

    def _slices(self, rule: Labelling, floor: float) -> Iterator[tuple[Slice, int]]:
        """Cut the predictions from `floor` on into slices, each with its size."""
        since = (floor, "")  # ids are not empty
        mine = predictions.c.type == rule.type
        place = predictions.c.observed_at, predictions.c.prediction_id
        while True:
            rest = sa.select(*place).where(mine, sa.tuple_(*map(sa.literal, since)) < PLACE).order_by(*place)
            with self._database.reading() as connection:
                end = connection.execute(rest.limit(1).offset(self._slice - 1)).one_or_none()
                size = self._slice
                if end is None:
                    size = connection.execute(
                        sa.select(sa.func.count()).select_from(rest.limit(self._slice).subquery())
                    ).scalar_one()
            until = LAST if end is None else (end.observed_at, end.prediction_id)
            if size:
                yield Slice(*since, *until), size
            if end is None:
                return
            since = until

    def _news(self, rule: Labelling, joined_ns: int) -> tuple[int, tuple[Lag, ...]]:
        """How many outcomes of this join replaced another, and how long the truth of the others took."""
        written = outcomes.c.joined_ns == joined_ns, outcomes.c.type == rule.type
        with self._database.reading() as connection:
            corrected = connection.execute(
                sa.select(sa.func.count()).select_from(outcomes).where(*written, outcomes.c.revision > 1)
            ).scalar_one()
            bounds = enumerate(LAG_BOUNDS)
            bucket = sa.case(
                *((outcomes.c.lag_seconds <= bound, number) for number, bound in bounds), else_=len(LAG_BOUNDS)
            )
            version = predictions.c.model_version
            found = connection.execute(
                sa.select(version, bucket, sa.func.count(), sa.func.avg(outcomes.c.lag_seconds))
                .join_from(outcomes, predictions, _holds(joined=True))
                .where(*written, outcomes.c.revision == 1, outcomes.c.lag_seconds.is_not(None))
                .group_by(version, bucket)
                .order_by(version, bucket)
            )
            return corrected, tuple(Lag(*row) for row in found)

    def _remember(self, rule: Labelling, digest: str, now: float, began_ns: int) -> None:
        """Keep the rule for each owner who has such predictions: views and clean-up read it there."""
        owners = sa.select(predictions.c.tenant, predictions.c.workspace).where(predictions.c.type == rule.type)
        values = {
            "type": rule.type,
            "digest": digest,
            "rule": json_text(rule.as_dict()),
            "maturity_seconds": rule.maturity_s,
            "keep_seconds": rule.keep_s,
            "joined_at": now,
            "joined_ns": began_ns,
        }
        insert = self._database.insert(outcome_rules)
        changed = {name: insert.excluded[name] for name in values if name != "type"}
        upsert = insert.on_conflict_do_update(index_elements=["tenant", "workspace", "type"], set_=changed)
        with self._database.writing() as connection:
            rows = [{"tenant": row.tenant, "workspace": row.workspace} for row in connection.execute(owners.distinct())]
            if rows:
                connection.execute(upsert, [row | values for row in rows])

    def judged(
        self,
        type_: str,
        *,
        model_version: str | None = None,
        since: float = 0.0,
        until: float = LAST[0],
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


def digest_of(rule: Labelling) -> str:
    """A name for exactly this rule."""
    return hashlib.sha256(json_text(rule.as_dict()).encode()).hexdigest()[:16]


def _mature(now: float) -> sa.ColumnElement[bool]:
    return predictions.c.observed_at + outcome_rules.c.maturity_seconds <= now


def _holds(*, joined: bool = False) -> sa.ColumnElement[bool]:
    same = (predictions.c[name] == outcomes.c[name] for name in ("tenant", "workspace", "prediction_id"))
    return sa.and_(*same, *([] if joined else [outcomes.c.revision == predictions.c.outcome_revision]))


def _with_rule() -> sa.FromClause:
    """Predictions with their rule, and the outcome that holds where there is one."""
    names = "tenant", "workspace", "type"
    mine = sa.and_(*(outcome_rules.c[name] == predictions.c[name] for name in names))
    return predictions.join(outcome_rules, mine).outerjoin(outcomes, _holds())
