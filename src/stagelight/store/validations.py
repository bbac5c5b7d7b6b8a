"""Outcomes of validations: write, correct, and find failures like one another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight import _clock
from stagelight.sink.validation import FAILED, FailurePattern, ValidationOutcome
from stagelight.store.codec import clean, json_text, loads
from stagelight.store.validation_tables import outcomes, patterns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagelight.store.database import Database

PLAIN = ("estimate_id", "outcome_type", "treatment_variable", "outcome_variable", "brand", "sample_size", "effect_size")
EQUAL = frozenset({"outcome_type", "treatment_variable", "outcome_variable", "brand"})  #: Columns to filter by.


class Validations:
    """Validation outcomes; `Store.validations`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, outcome: ValidationOutcome, *, tenant: str, workspace: str) -> ValidationOutcome:
        """Commit `outcome`, or correct the one of its id, and return it as it is kept.

        Raises:
            StoreUnavailableError: The database cannot be reached, or stayed locked.
            StoreFullError: The disk is full.
        """
        owner = {"tenant": clean(tenant), "workspace": clean(workspace), "outcome_id": clean(outcome.outcome_id)}
        now = _clock.wall_ns() / 1e9
        insert = self._database.insert(outcomes)
        values = _values(outcome, now)
        changed = {name: insert.excluded[name] for name in values if name != "created_at"}
        upsert = insert.on_conflict_do_update(index_elements=[*owner], set_=changed)
        named = [owner | {"pattern": clean(name)} for name in dict.fromkeys(outcome.failure_patterns)]
        with self._database.writing() as connection:
            connection.execute(upsert, owner | values)
            connection.execute(sa.delete(patterns).where(*(patterns.c[name] == owner[name] for name in owner)))
            if named:
                connection.execute(sa.insert(patterns), named)
            kept = connection.execute(sa.select(outcomes).where(*(outcomes.c[name] == owner[name] for name in owner)))
            return _outcome(kept.one())

    def get(self, outcome_id: str, *, tenant: str, workspace: str) -> ValidationOutcome | None:
        """Return an outcome by its id; None where there is none of this owner."""
        mine = *_owned(outcomes, tenant, workspace), outcomes.c.outcome_id == clean(outcome_id)
        with self._database.reading() as connection:
            row = connection.execute(sa.select(outcomes).where(*mine)).one_or_none()
        return None if row is None else _outcome(row)

    def failures(
        self,
        *,
        tenant: str,
        workspace: str,
        equal: Mapping[str, str] | None = None,
        either: Mapping[str, str] | None = None,
        pattern: str | Sequence[str] = (),
        since: float = 0.0,
        until: float | None = None,
        limit: int = 100,
    ) -> list[ValidationOutcome]:
        """Return failures, the latest first.

        Args:
            tenant: Whose.
            workspace: Of which workspace.
            equal: Columns that must all have these values.
            either: Columns of which one at least has its value, or else one of the patterns.
            pattern: Ways of failing; one of them at least, where any is given.
            since: Validated at or after, seconds since 1970.
            until: Validated before; any time if None.
            limit: At most so many.
        """
        names = [pattern] if isinstance(pattern, str) else list(pattern)
        same = [outcomes.c[name] == clean(value) for name, value in (equal or {}).items() if name in EQUAL]
        alike = [outcomes.c[name] == clean(value) for name, value in (either or {}).items() if name in EQUAL]
        with_pattern = [_has_pattern([clean(name) for name in names])] if names else []
        wanted = [sa.or_(*alike, *with_pattern)] if alike else with_pattern
        timed = [outcomes.c.timestamp >= since, *([outcomes.c.timestamp < until] if until is not None else [])]
        failed = outcomes.c.outcome_type.like(f"{FAILED}%")
        chosen = sa.select(outcomes).where(*_owned(outcomes, tenant, workspace), failed, *same, *wanted, *timed)
        ordered = chosen.order_by(outcomes.c.timestamp.desc(), outcomes.c.outcome_id).limit(limit)
        with self._database.reading() as connection:
            return [_outcome(row) for row in connection.execute(ordered)]

    def patterns(self, *, tenant: str, workspace: str, brand: str = "", since: float = 0.0) -> list[FailurePattern]:
        """Return the ways in which validations failed, the most frequent first."""
        joined = outcomes.join(patterns, _same_outcome())
        count = sa.func.count()
        columns = (
            patterns.c.pattern,
            count.label("failures"),
            sa.func.count(sa.distinct(outcomes.c.brand)).label("brands"),
            sa.func.avg(outcomes.c.effect_size).label("mean_effect_size"),
            sa.func.max(outcomes.c.timestamp).label("last_seen"),
        )
        chosen = sa.select(*columns).select_from(joined).where(*_owned(outcomes, tenant, workspace))
        chosen = chosen.where(outcomes.c.outcome_type.like(f"{FAILED}%"), outcomes.c.timestamp >= since)
        if brand:
            chosen = chosen.where(outcomes.c.brand == clean(brand))
        ordered = chosen.group_by(patterns.c.pattern).order_by(count.desc(), patterns.c.pattern)
        with self._database.reading() as connection:
            return [FailurePattern(**row._mapping) for row in connection.execute(ordered)]  # noqa: SLF001  SQLAlchemy's public name


def _owned(table: sa.Table, tenant: str, workspace: str) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.tenant == clean(tenant), table.c.workspace == clean(workspace)


def _same_outcome() -> sa.ColumnElement[bool]:
    return sa.and_(*(patterns.c[name] == outcomes.c[name] for name in ("tenant", "workspace", "outcome_id")))


def _has_pattern(names: list[str]) -> sa.ColumnElement[bool]:
    return sa.exists().where(_same_outcome(), patterns.c.pattern.in_(names))


def _values(outcome: ValidationOutcome, now: float) -> dict[str, Any]:
    low, high = outcome.confidence_interval or (None, None)
    plain = {name: getattr(outcome, name) for name in PLAIN}
    return {name: clean(value) if isinstance(value, str) else value for name, value in plain.items()} | {
        "ci_lower": low,
        "ci_upper": high,
        "failure_patterns": json_text(list(outcome.failure_patterns)),
        "metadata": json_text(dict(outcome.metadata)),
        "timestamp": outcome.timestamp or now,
        "created_at": now,
        "updated_at": now,
    }


def _outcome(row: Any) -> ValidationOutcome:
    values = {name: getattr(row, name) for name in (*PLAIN, "outcome_id", "timestamp", "created_at", "updated_at")}
    bounds = None if row.ci_lower is None else (row.ci_lower, row.ci_upper)
    made = ValidationOutcome(**values, confidence_interval=bounds)
    named: Any = loads(row.failure_patterns)
    return replace(made, failure_patterns=tuple(named), metadata=loads(row._mapping["metadata"]))  # noqa: SLF001  `row.metadata` is the table's
