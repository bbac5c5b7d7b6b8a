"""One version of a model on the page Models: its pictures, and the words beside them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from stagelight.web.view_lines import DAY, HOUR, Dot, Lines, foot, lines, top
from stagelight.web.view_looks import Look

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagelight.store.drift_model import Measurement
    from stagelight.store.outcome_model import Coverage, KeptVerdict
    from stagelight.web.view_looks import Reliability, State

NS: Final = 1_000_000_000
WORST_FIRST: Final = ("ALERT", "WARN", "OK", "LITTLE", "")
MEASURED, PROMISED, EXPECTED = "measured by labels", "promised by scores", "expected, not yet known"
LOOKS_LISTED: Final = 30
POINTS: Final = 120  #: Of a small chart.
FAR_FROM_BEST: Final = 0.05  #: Accuracy so much below its best is told, whatever the comparison with its past says.


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A line of the table of features: the score, or what a model sees."""

    latest: Measurement
    course: str  #: PSI over time, for a small chart.

    @property
    def drifts(self) -> bool:
        """Whether the last check raised an alert."""
        return self.latest.verdict == "alert"


@dataclass(frozen=True)
class VersionView:
    """One version of a model, of one owner."""

    model: str
    version: str
    tenant: str
    workspace: str
    features: tuple[FeatureRow, ...]
    looks: tuple[Look, ...]  #: The earliest first; of one window the last, which knew more truth.
    coverage: Coverage | None

    @property
    def last(self) -> Look | None:
        """The last comparison."""
        return self.looks[-1] if self.looks else None

    @property
    def states(self) -> tuple[State, State]:
        """Of accuracy and of calibration; empty where nothing was compared yet."""
        last = self.last
        return ("", "") if last is None else (last.accuracy, last.calibration)

    @property
    def drifting(self) -> int:
        """Features beyond threshold and noise at the last check."""
        return sum(row.drifts for row in self.features)

    @property
    def rank(self) -> tuple[int, int, str, str]:
        """Where it stands on the page: what needs somebody first."""
        worst = min(map(WORST_FIRST.index, self.states))
        # Drift stands between what is worse and what is to be watched.
        return 2 * worst if not self.drifting else min(2 * worst, 1), -self.drifting, self.model, self.version

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.model} {self.version}".strip()

    @property
    def immature(self) -> int:
        """Predictions whose truth is still to come."""
        return self.coverage.predictions - self.coverage.mature if self.coverage else 0

    @property
    def expected(self) -> Mapping[str, float] | None:
        """Accuracy that scores promise for what is not mature; provisional by its nature."""
        return self.last.expected if self.last and self.immature else None

    @property
    def lag(self) -> str:
        """How long truth takes on average."""
        return "" if self.coverage is None or self.coverage.lag_seconds is None else lasting(self.coverage.lag_seconds)

    @property
    def best(self) -> Dot | None:
        """The best measured accuracy, where the last is far below it: a comparison forgets what is long past."""
        dots = next((line.dots for line in self.accuracy.lines if line.name == MEASURED), ())
        best = max(dots, key=lambda dot: dot.value, default=None)
        told = self.states[0] == "ALERT"
        return best if best and not told and best.value - dots[-1].value >= FAR_FROM_BEST else None

    @cached_property
    def accuracy(self) -> Lines:
        """Accuracy by labels, beside what scores promised for the same predictions; to the right what is expected."""
        course = [(look.verdict.current_until, look.verdict) for look in self.looks]
        series: dict[str, list[tuple[float, float | None]]] = {
            MEASURED: [(time, found.current_accuracy) for time, found in course],
            PROMISED: [(time, found.estimated_accuracy) for time, found in course],
        }
        if self.last and self.expected:
            until = max(self.last.verdict.judged_ns / NS, self.last.verdict.current_until)
            series[EXPECTED] = [
                (self.last.verdict.current_until, self.expected["value"]),
                (until, self.expected["value"]),
            ]
        return lines(series, low=foot(_values(series)))

    @cached_property
    def calibration(self) -> Lines:
        """The calibration error over time."""
        series = {
            "error": [(look.verdict.current_until, look.verdict.current_calibration_error) for look in self.looks]
        }
        return lines(series, high=top(_values(series)))

    @property
    def provisional(self) -> float | None:
        """From where on the picture of accuracy shows what is not mature, in percent; None for nowhere."""
        return self.accuracy.x(self.last.verdict.current_until) if self.last and self.expected else None

    @property
    def marks(self) -> tuple[tuple[Dot, State], ...]:
        """The measured points of which a comparison said that something is wrong."""
        dots = {dot.seconds: dot for line in self.accuracy.lines if line.name == MEASURED for dot in line.dots}
        found = ((dots.get(look.verdict.current_until), look.accuracy) for look in self.looks)
        return tuple((dot, state) for dot, state in found if dot is not None and state in ("ALERT", "WARN"))

    @property
    def listed(self) -> tuple[Look, ...]:
        """The last comparisons that had any truth, the latest first."""
        return tuple(look for look in reversed(self.looks) if look.verdict.current_size)[:LOOKS_LISTED]

    @property
    def curve(self) -> tuple[Reliability, ...]:
        """The reliability curve of the current window."""
        return self.last.curve if self.last else ()

    @property
    def story(self) -> str:
        """The picture of accuracy in words, for those who cannot see it."""
        parts = [f"{line.name} first {line.dots[0].value:.1%}, last {line.last:.1%}" for line in self.accuracy.lines]
        worse = sum(state == "ALERT" for _, state in self.marks)
        return f"Accuracy of {self.name} over time: {'; '.join(parts)}; worse than before at {worse} of {len(self.looks)} looks"

    @property
    def curve_story(self) -> str:
        """The reliability curve in words."""
        parts = [f"score {point.score:.2f} came true in {point.share:.0%} of {point.size}" for point in self.curve]
        return f"Reliability of {self.name}: {'; '.join(parts)}"


def version_view(
    key: tuple[str, str, str, str],
    measured: Sequence[Measurement],
    judged: Sequence[KeptVerdict],
    coverage: Coverage | None,
) -> VersionView:
    """Return what is shown of a version; `key` is tenant, workspace, model and version."""
    tenant, workspace, model, version = key
    last_of_window = {verdict.current_until: verdict for verdict in judged}
    return VersionView(
        model=model,
        version=version,
        tenant=tenant,
        workspace=workspace,
        features=_features(measured),
        looks=tuple(Look.at(verdict) for _, verdict in sorted(last_of_window.items())),
        coverage=coverage,
    )


def lasting(seconds: float) -> str:
    """Return a length of time as people say it.

    >>> [lasting(seconds) for seconds in (90, 5400, 263_280)]
    ['2 min', '1.5 h', '3.0 days']
    """
    if seconds < HOUR:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / HOUR:.1f} h" if seconds < DAY else f"{seconds / DAY:.1f} days"


def _features(measured: Sequence[Measurement]) -> tuple[FeatureRow, ...]:
    """Return a line for each feature, the most drifted first."""
    by_feature: dict[str, list[Measurement]] = {}
    for one in measured:
        by_feature.setdefault(one.feature, []).append(one)
    rows = [FeatureRow(found[-1], _course(found)) for found in by_feature.values()]
    return tuple(sorted(rows, key=lambda row: (not row.drifts, -row.latest.psi, row.latest.feature)))


def _course(measured: Sequence[Measurement]) -> str:
    """PSI over time in few enough points; of those that share one the highest, so that no drift is lost."""
    width = -(-len(measured) // POINTS)
    parts = [measured[at : at + width] for at in range(0, len(measured), width)]
    highest = [max(part, key=lambda one: one.psi) for part in parts]
    times = [round(one.measured_ns / NS, 3) for one in highest]
    return json.dumps([times, [round(one.psi, 4) if math.isfinite(one.psi) else None for one in highest]])


def _values(series: Mapping[str, Sequence[tuple[float, float | None]]]) -> list[float]:
    return [value for points in series.values() for _, value in points if value is not None]
