"""How the stages do, out of rollups: counts are added up by the database, quantiles interpolated here."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight.catalogue.stages import STAGE_CALLS, STAGE_DURATION, STAGES_ACTIVE
from stagelight.store import spanstats
from stagelight.store.database import owned
from stagelight.store.model import METRICS, SAMPLED, StagePoint, StageStats
from stagelight.store.quantile import histogram_quantile, merged
from stagelight.store.rollups import BUCKET_S, bucket_of, counts_of
from stagelight.store.tables import readings, rollups, series

if TYPE_CHECKING:
    from collections.abc import Iterator

NS = 1_000_000_000
STALE_NS = 300 * NS  #: A gauge that was not reported for so long says nothing any more, as in Prometheus.
SOURCES = ((METRICS, STAGE_CALLS.name, STAGE_DURATION.name), (SAMPLED, spanstats.CALLS, spanstats.DURATION))


@dataclass(slots=True)
class Tally:
    """What is known of one stage in one step of time."""

    calls: float = 0.0
    errors: float = 0.0
    histograms: dict[tuple[float, ...], list[int]] = field(default_factory=dict)

    def count(self, labels: dict[str, str], value: float) -> None:
        """Add calls with these labels."""
        self.calls += value
        if labels.get("outcome") == "error":
            self.errors += value

    def time(self, bounds: tuple[float, ...], counts: list[int]) -> None:
        """Add a histogram of durations in seconds."""
        known = self.histograms.get(bounds)
        self.histograms[bounds] = [a + b for a, b in zip(known, counts, strict=True)] if known else counts

    def quantiles_ms(self) -> tuple[float | None, float | None, float | None]:
        """Return p50, p95 and p99."""
        bounds, counts = merged(self.histograms.items())
        found = [histogram_quantile(q, bounds, counts) for q in (0.5, 0.95, 0.99)]
        p50, p95, p99 = (None if value is None else value * 1000 for value in found)
        return p50, p95, p99


def stages(
    connection: sa.Connection, since_ns: int, until_ns: int, tenant: str | None, workspace: str | None
) -> list[StageStats]:
    """Return how each stage did within a window."""
    reader = _Reader(connection, bucket_of(since_ns), _end(until_ns), owned(series, tenant, workspace))
    active = _active(connection, until_ns, owned(series, tenant, workspace))
    # What the first bucket holds of the time before the window is counted, so it counts in the divisor as well.
    seconds = max((until_ns - bucket_of(since_ns) * NS) / NS, 1.0)
    found: dict[str, StageStats] = {}
    for source, calls, duration in SOURCES:
        tallies = reader.tallies(calls, duration, step_s=None)
        if source == METRICS:
            # A stage that is known but was not called has no rollups; its sender still reports it.
            tallies |= {(stage, 0): Tally() for stage in reader.alive(calls) if (stage, 0) not in tallies}
        for (stage, _), tally in tallies.items():
            if stage not in found:
                found[stage] = _stats(stage, tally, source, seconds, active.get(stage, 0.0))
    return [found[stage] for stage in sorted(found)]


def _stats(stage: str, tally: Tally, source: str, seconds: float, active: float) -> StageStats:
    p50, p95, p99 = tally.quantiles_ms()
    return StageStats(
        stage=stage,
        calls=tally.calls,
        errors=tally.errors,
        rate_per_s=tally.calls / seconds,
        error_ratio=tally.errors / tally.calls if tally.calls else 0.0,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        active=active,
        source=source,
    )


def points(
    connection: sa.Connection, stage: str, window: tuple[int, int, int], tenant: str | None, workspace: str | None
) -> list[StagePoint]:
    """Return how one stage did in each step of a window: since, until (nanoseconds) and step (seconds)."""
    since_ns, until_ns, step_s = window
    step_s = max(BUCKET_S, step_s // BUCKET_S * BUCKET_S)
    reader = _Reader(
        connection, bucket_of(since_ns) // step_s * step_s, _end(until_ns), owned(series, tenant, workspace)
    )
    tallies: dict[tuple[str, int], Tally] = {}
    for _, calls, duration in SOURCES:
        tallies = tallies or reader.tallies(calls, duration, step_s=step_s, stage=stage)
    found = []
    for start in range(reader.since, reader.until, step_s):
        tally = tallies.get((stage, start), Tally())
        p50, p95, p99 = tally.quantiles_ms()
        found.append(
            StagePoint(time_ns=start * NS, calls=tally.calls, errors=tally.errors, p50_ms=p50, p95_ms=p95, p99_ms=p99)
        )
    return found


def _end(until_ns: int) -> int:
    return bucket_of(max(0, until_ns - 1)) + BUCKET_S


class _Reader:
    """Reads the rollups of a window, bounds in seconds."""

    def __init__(self, connection: sa.Connection, since: int, until: int, owner: list[sa.ColumnElement[bool]]) -> None:
        self.since = since
        self.until = until
        self._connection = connection
        self._owner = owner

    def tallies(
        self, calls: str, duration: str, *, step_s: int | None, stage: str | None = None
    ) -> dict[tuple[str, int], Tally]:
        """Return what is known by stage and beginning of the step; one step (at 0) is the whole window."""
        found: dict[tuple[str, int], Tally] = defaultdict(Tally)
        for row, labels in self._counts(calls, step_s, stage):
            found[labels["stage"], int(row.step)].count(labels, row.value)
        for row, labels in self._histograms(duration, stage):
            step = row.bucket // step_s * step_s if step_s else 0
            found[labels["stage"], step].time(tuple(json.loads(row.bounds)), counts_of(row.buckets))
        return found

    def alive(self, name: str) -> set[str]:
        """Return the stages of which some sender reported within the window, also that nothing happened."""
        chosen = (
            sa.select(series.c.labels)
            .distinct()
            .where(
                series.c.name == name,
                readings.c.series == series.c.id,
                readings.c.tenant == series.c.tenant,
                readings.c.workspace == series.c.workspace,
                readings.c.time_ns >= self.since * NS,
                *self._owner,
            )
        )
        return {
            labels["stage"] for row in self._connection.execute(chosen) if "stage" in (labels := json.loads(row.labels))
        }

    def _counts(self, name: str, step_s: int | None, stage: str | None) -> Iterator[tuple[Any, dict[str, str]]]:
        step = rollups.c.bucket - rollups.c.bucket % step_s if step_s else sa.literal_column("0")
        chosen: sa.Select[Any] = sa.select(
            series.c.labels, step.label("step"), sa.func.sum(rollups.c.value).label("value")
        )
        chosen = self._within(chosen, name).group_by(series.c.labels, *([sa.text("step")] if step_s else []))
        yield from self._of_stage(chosen, stage)

    def _histograms(self, name: str, stage: str | None) -> Iterator[tuple[Any, dict[str, str]]]:
        chosen: sa.Select[Any] = sa.select(series.c.labels, series.c.bounds, rollups.c.bucket, rollups.c.buckets)
        chosen = self._within(chosen, name).where(series.c.bounds != "")
        yield from self._of_stage(chosen, stage)

    def _within(self, chosen: sa.Select[Any], name: str) -> sa.Select[Any]:
        same = (
            rollups.c.series == series.c.id,
            rollups.c.tenant == series.c.tenant,
            rollups.c.workspace == series.c.workspace,
        )
        window = rollups.c.bucket >= self.since, rollups.c.bucket < self.until
        return chosen.where(series.c.name == name, *self._owner, *same, *window)

    def _of_stage(self, chosen: sa.Select[Any], stage: str | None) -> Iterator[tuple[Any, dict[str, str]]]:
        known: dict[str, dict[str, str]] = {}
        for row in self._connection.execute(chosen):
            labels = known.get(row.labels)
            if labels is None:
                labels = known[row.labels] = json.loads(row.labels)
            if "stage" in labels and stage in (None, labels["stage"]):
                yield row, labels


def _active(connection: sa.Connection, until_ns: int, owner: list[sa.ColumnElement[bool]]) -> dict[str, float]:
    """Return how many stages have started and not ended, by stage, over all senders that still report."""
    chosen = sa.select(series.c.labels, readings.c.value).where(
        series.c.name == STAGES_ACTIVE.name,
        readings.c.series == series.c.id,
        readings.c.tenant == series.c.tenant,
        readings.c.workspace == series.c.workspace,
        readings.c.time_ns > until_ns - STALE_NS,
        *owner,
    )
    found: dict[str, float] = defaultdict(float)
    for row in connection.execute(chosen):
        found[json.loads(row.labels).get("stage", "")] += row.value
    return found
