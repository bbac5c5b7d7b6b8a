"""Metrics: write what senders report, read how the stages do."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store import stagestats
from stagelight.store.codec import clean, hash63, json_text, whole
from stagelight.store.database import owned, parts
from stagelight.store.deltas import State, level, step
from stagelight.store.model import Reading, StagePoint, StageStats
from stagelight.store.rollups import Addition, Series, bucket_of, counts_of, labels_text
from stagelight.store.tables import readings, series
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.store.capacity import Capacity
    from stagelight.store.database import Database
    from stagelight.store.rollups import Rollups
    from stagelight.wire.records import MetricPoint

    StateKey = tuple[int, int, int]  # series, source, start

OWNER_LABELS = frozenset({"tenant", "workspace"})
INTERNAL = "spans."


class Metrics:
    """Received metrics, in 10-second buckets; `Store.metrics`."""

    def __init__(self, database: Database, *, capacity: Capacity, rollups: Rollups) -> None:
        self._database = database
        self._capacity = capacity
        self._rollups = rollups

    def write(self, points: Iterable[MetricPoint], *, tenant: str | None = None) -> int:
        """Commit `points`, all or none, and return how many said something new.

        Delta and cumulative points both become what happened within each 10 seconds. A point sent again changes
        nothing; a program that restarts is neither lost nor counted twice.

        Raises:
            StoreFullError: The size cap is reached and nothing may be expired.
            StoreUnavailableError: The database cannot be reached, or stayed locked.
        """
        finite = (point for point in points if math.isfinite(point.value))  # no database keeps NaN as a number
        told = [_Told(point, tenant) for point in sorted(finite, key=lambda point: point.time_ns)]
        if not told:
            return 0
        self._capacity.check()
        with self._database.writing() as connection:
            numbers = self._rollups.numbers(connection, {one.series for one in told})
            kept = [(one, numbers[one.series.key]) for one in told if one.series.key in numbers]
            states = _load(connection, {(number, one.source, one.start_ns) for one, number in kept})
            before = dict(states)
            additions = [found for one, number in kept if (found := one.apply(states, number))]
            self._rollups.add(connection, additions)
            changed = {key: state for key, state in states.items() if before.get(key) is not state}
            owners = {number: one.series.tenancy for one, number in kept}
            self._save(connection, changed, owners)
        return len(changed)

    def _save(self, connection: sa.Connection, states: dict[StateKey, State], owners: dict[int, Tenancy]) -> None:
        if not states:
            return
        now = _clock.wall_ns()
        insert = self._database.insert(readings)
        key = ["tenant", "workspace", "series", "source", "start_ns"]
        values = {
            name: insert.excluded[name] for name in ("time_ns", "value", "observations", "buckets", "recent", "seen_ns")
        }
        rows = [_state_row(key, owners[key[0]], state) | {"seen_ns": now} for key, state in states.items()]
        connection.execute(insert.on_conflict_do_update(index_elements=key, set_=values), rows)

    def stages(
        self, since_ns: int, until_ns: int, *, tenant: str | None = None, workspace: str | None = None
    ) -> list[StageStats]:
        """Return how each stage did within a window, by name; out of spans where a stage sends no metrics.

        Args:
            since_ns: From the 10 seconds that hold this moment.
            until_ns: To the end of the 10 seconds that hold the moment before this one.
            tenant: Whose; None for all.
            workspace: Which; None for all.
        """
        with self._database.reading() as connection:
            return stagestats.stages(connection, since_ns, until_ns, tenant, workspace)

    def series(
        self,
        stage: str,
        since_ns: int,
        until_ns: int,
        step_s: int = 10,
        *,
        tenant: str | None = None,
        workspace: str | None = None,
    ) -> list[StagePoint]:
        """Return how one stage did in each step of a window, oldest first, also the steps in which nothing happened."""
        with self._database.reading() as connection:
            return stagestats.points(connection, stage, (since_ns, until_ns, step_s), tenant, workspace)

    def names(self, *, tenant: str | None = None) -> list[str]:
        """Return the names of all metrics that were received, in order."""
        chosen = sa.select(series.c.name).distinct().where(~series.c.name.startswith(INTERNAL), *owned(series, tenant))
        with self._database.reading() as connection:
            return list(connection.execute(chosen.order_by(series.c.name)).scalars())

    def latest(self, name: str, *, tenant: str | None = None) -> list[Reading]:
        """Return what each sender last said of each series of a metric, the latest first."""
        columns = (
            series.c.name,
            series.c.labels,
            series.c.kind,
            readings.c.value,
            readings.c.observations.label("count"),
            readings.c.time_ns,
        )
        owner = readings.c.tenant, readings.c.workspace
        chosen = sa.select(*columns, *owner).join(series, series.c.id == readings.c.series)
        chosen = chosen.where(series.c.name == name, *owned(series, tenant)).order_by(readings.c.time_ns.desc())
        with self._database.reading() as connection:
            rows = connection.execute(chosen).all()
        return [Reading(**{**row._mapping, "labels": json.loads(row.labels)}) for row in rows]  # noqa: SLF001  public


class _Told:
    """A point, with the series and the sender it belongs to."""

    def __init__(self, point: MetricPoint, tenant: str | None) -> None:
        owner = point.tenancy
        tenancy = Tenancy(clean(owner.tenant if tenant is None else tenant), clean(owner.workspace))
        labels = {key: value for key, value in point.attributes.items() if key not in OWNER_LABELS}
        self.is_level = point.kind == "gauge" or (point.kind == "sum" and not point.monotonic)
        kind = "gauge" if self.is_level else point.kind
        self.point = point
        self.series = Series(
            tenancy, clean(point.name), labels_text(labels), kind, tuple(point.bounds), point.unit, point.description
        )
        # The owner that a token overrode still tells two series of one sender apart.
        self.source = hash63(json_text([dict(point.resource), owner.tenant if tenant is not None else ""]))
        # Deltas and gauges do not begin anew when their sender says so.
        self.start_ns = 0 if self.is_level or point.temporality == "delta" else whole(point.start_ns)

    def apply(self, states: dict[StateKey, State], number: int) -> Addition | None:
        """Move this series' state on, and return what its bucket gains."""
        key = number, self.source, self.start_ns
        if self.is_level:
            state = level(states.get(key), self.point)
            if state is states.get(key):
                return None
            states[key] = state
            return Addition(self.series, bucket_of(self.point.time_ns), state.value, source=self.source)
        states[key], delta = step(states.get(key), self.point)
        if not delta:
            return None
        return Addition(self.series, bucket_of(self.point.time_ns), delta.value, delta.count, list(delta.buckets))


def _load(connection: sa.Connection, keys: set[StateKey]) -> dict[StateKey, State]:
    found: dict[StateKey, State] = {}
    for part in parts(sorted(keys)):
        match = sa.tuple_(readings.c.series, readings.c.source, readings.c.start_ns).in_(part)
        for row in connection.execute(sa.select(readings).where(match)):
            recent = tuple(counts_of(row.recent))
            state = State(row.time_ns, row.value, row.observations, tuple(counts_of(row.buckets)), recent)
            found[row.series, row.source, row.start_ns] = state
    return found


def _state_row(key: StateKey, owner: Tenancy, state: State) -> dict[str, Any]:
    return {
        "tenant": owner.tenant,
        "workspace": owner.workspace,
        "series": key[0],
        "source": key[1],
        "start_ns": key[2],
        "time_ns": whole(state.time_ns),
        "value": state.value,
        "observations": whole(state.count),
        "buckets": ",".join(map(str, state.buckets)),
        "recent": ",".join(map(str, state.recent)),
    }
