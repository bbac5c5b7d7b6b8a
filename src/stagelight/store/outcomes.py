"""Outcomes: truth joined to predictions by a rule, a slice of predictions at a time."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store.codec import json_text
from stagelight.store.outcome_model import LAG_BOUNDS, Joined, Lag
from stagelight.store.outcome_reading import LATEST, Judgements
from stagelight.store.outcome_sql import PLACE, mark, revise, same
from stagelight.store.tables import predictions, truth
from stagelight.store.truth_tables import KNOWN, outcome_rules, outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.store.database import Database
    from stagelight.store.outcome_model import Labelling

#: Predictions joined in one transaction: SQLite's other writers wait for it; PostgreSQL's do not, and a larger one
#: reads the truth less often.
SLICES = {True: 10_000, False: 200_000}
LAST = LATEST, ""  #: After every prediction.
OVERLAP_NS = 2 * 3600 * 1_000_000_000  #: A clock may have been set back by an hour since the last join.


class Slice(NamedTuple):
    """Predictions after one place and up to another, in the order of time and id."""

    since: float
    since_id: str
    until: float
    until_id: str


class Outcomes(Judgements):
    """What predictions turned out to be; `Store.outcomes`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
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
        """How many outcomes of this join replaced a known one, and how long truth took that was heard for the first time."""
        before = outcomes.alias("before")
        preceded = same(outcomes, before) & (before.c.revision == outcomes.c.revision - 1)
        written = outcomes.c.joined_ns == joined_ns, outcomes.c.type == rule.type
        bounds = enumerate(LAG_BOUNDS)
        bucket = sa.case(
            *((outcomes.c.lag_seconds <= bound, number) for number, bound in bounds), else_=len(LAG_BOUNDS)
        )
        version = predictions.c.model_version
        corrected = sa.select(sa.func.count()).select_from(outcomes.join(before, preceded))
        lags = (
            sa.select(version, bucket, sa.func.count(), sa.func.avg(outcomes.c.lag_seconds))
            .select_from(outcomes.join(predictions, same(outcomes, predictions)).outerjoin(before, preceded))
            .where(*written, outcomes.c.lag_seconds.is_not(None), before.c.lag_seconds.is_(None))
            .group_by(version, bucket)
            .order_by(version, bucket)
        )
        with self._database.reading() as connection:
            replaced = connection.execute(corrected.where(*written, before.c.state == KNOWN)).scalar_one()
            return replaced, tuple(Lag(*row) for row in connection.execute(lags))

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


def digest_of(rule: Labelling) -> str:
    """A name for exactly this rule."""
    return hashlib.sha256(json_text(rule.as_dict()).encode()).hexdigest()[:16]
