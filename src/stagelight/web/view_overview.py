"""The Overview: every stage's rate, errors and quantiles over a stretch of time, with their course in small charts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagelight.store.model import METRICS, TraceQuery

if TYPE_CHECKING:
    from stagelight.store import Store
    from stagelight.store.model import StageStats, TraceSummary

WINDOWS = {"5m": 5 * 60, "15m": 15 * 60, "1h": 3600, "6h": 6 * 3600, "24h": 24 * 3600}  #: Seconds.
POINTS = 60  #: In a chart.
ROLLUP_SECONDS = 10  #: No finer step exists in the store.
MAX_CHARTS = 40  #: Stages past this have figures alone: each chart is a query.
RECENT = 8


@dataclass(frozen=True, slots=True)
class StageRow:
    """A line of the table."""

    stats: StageStats
    rate: str  #: JSON `[[seconds…], [calls per second…], [errors per second…]]`.
    latency: str  #: JSON `[[seconds…], [p95 in ms or null…]]`.


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page shows."""

    window: str
    stages: tuple[StageRow, ...]
    calls: float
    errors: float
    active: float
    sampled: bool  #: At least one stage is known from spans alone.
    slowest: StageStats | None
    latest: tuple[TraceSummary, ...]
    failed: tuple[TraceSummary, ...]

    @property
    def error_ratio(self) -> float:
        """Errors over calls."""
        return self.errors / self.calls if self.calls else 0.0

    @property
    def empty(self) -> bool:
        """Nothing has ever arrived."""
        return not self.stages and not self.latest


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in whole steps, or every refresh would cut it elsewhere and the charts would tremble."""

    since_ns: int
    until_ns: int
    step: int  #: Seconds between two points of a chart.

    @classmethod
    def last(cls, seconds: int, now_ns: int) -> Stretch:
        """Return the last `seconds`, the step that has just begun included."""
        step = max(ROLLUP_SECONDS, seconds // POINTS)
        until = (now_ns // 10**9 // step + 1) * step
        return cls((until - seconds) * 10**9, until * 10**9, step)

    @property
    def times(self) -> range:
        """Where steps begin, in seconds, without the last: a step that is not over looks like a fall."""
        return range(self.since_ns // 10**9, self.until_ns // 10**9 - self.step, self.step)


def overview(store: Store, window: str, *, now_ns: int, tenant: str | None = None) -> Overview:
    """Return the Overview of the last `window`, one of `WINDOWS`; any other word: the shortest in which anything ran."""
    shown, stretch, rows = _ran(store, [window] if window in WINDOWS else [*WINDOWS], now_ns, tenant)
    stats = sorted(rows, key=lambda row: (-row.calls, row.stage))
    search = store.traces.search
    return Overview(
        window=shown,
        stages=tuple(_row(store, row, stretch, tenant) for row in stats[:MAX_CHARTS])
        + tuple(StageRow(row, "", "") for row in stats[MAX_CHARTS:]),
        calls=sum(row.calls for row in stats),
        errors=sum(row.errors for row in stats),
        active=sum(row.active for row in stats),
        sampled=any(row.source != METRICS for row in stats),
        slowest=max((row for row in stats if row.p95_ms is not None), key=lambda row: row.p95_ms or 0, default=None),
        latest=search(TraceQuery(limit=RECENT, tenant=tenant)).rows,
        failed=search(TraceQuery(limit=RECENT, errors_only=True, tenant=tenant)).rows,
    )


def _ran(store: Store, windows: list[str], now_ns: int, tenant: str | None) -> tuple[str, Stretch, list[StageStats]]:
    """Return the first of `windows` in which anything ran, with its stages; the first one where nothing ever did."""
    for window in windows:
        stretch = Stretch.last(WINDOWS[window], now_ns)
        rows = store.metrics.stages(stretch.since_ns, stretch.until_ns, tenant=tenant)
        if any(row.calls or row.active for row in rows):
            return window, stretch, rows
    return windows[0], Stretch.last(WINDOWS[windows[0]], now_ns), []


def _row(store: Store, stats: StageStats, stretch: Stretch, tenant: str | None) -> StageRow:
    """Return the stage with its charts' data; a step without a point had no calls, and no time to show."""
    step, times = stretch.step, list(stretch.times)
    found = store.metrics.series(stats.stage, stretch.since_ns, stretch.until_ns, step, tenant=tenant)
    by_time = {point.time_ns // (step * 10**9) * step: point for point in found}
    points = [by_time.get(time) for time in times]
    calls = [round(point.calls / step, 4) if point else 0 for point in points]
    errors = [round(point.errors / step, 4) if point else 0 for point in points]
    p95 = [round(point.p95_ms, 3) if point and point.p95_ms is not None else None for point in points]
    return StageRow(stats, json.dumps([times, calls, errors]), json.dumps([times, p95]))
