"""The Models page: how each version of a model does: drift of what it sees and says, and accuracy as truth comes in."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stagelight.catalogue.models import CALIBRATION_DRIFT, CONCEPT_DRIFT, MODEL_DRIFT
from stagelight.web.view_lines import Lines, lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.store import KeptAlert, Store
    from stagelight.store.drift_model import Measurement
    from stagelight.store.outcome_model import Coverage, KeptVerdict

ALERTS: Final = (CONCEPT_DRIFT, CALIBRATION_DRIFT, MODEL_DRIFT)
ALERTS_SHOWN: Final = 10
ALERTS_LOOKED_AT: Final = 200
VERDICTS: Final = 2_000
MEASUREMENTS: Final = 10_000
WORST_FIRST: Final = ("ALERT", "WARN", "OK", "")
NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A line of the table of features: the score, or what a model sees."""

    latest: Measurement
    course: str  #: PSI over time, for a small chart.

    @property
    def drifts(self) -> bool:
        """Whether the last check raised an alert."""
        return self.latest.verdict == "alert"


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a model, of one owner."""

    model: str
    version: str
    tenant: str
    workspace: str
    features: tuple[FeatureRow, ...]
    verdict: KeptVerdict | None  #: The last comparison.
    coverage: Coverage | None
    accuracy: Lines
    calibration: Lines

    @property
    def statuses(self) -> tuple[str, str]:
        """Of accuracy and of calibration; empty where nothing was compared yet."""
        verdict = self.verdict
        return ("", "") if verdict is None else (verdict.accuracy_status, verdict.calibration_status)

    @property
    def drifting(self) -> int:
        """Features beyond threshold and noise at the last check."""
        return sum(row.drifts for row in self.features)

    @property
    def story(self) -> str:
        """The picture in words, for those who cannot see it."""
        parts = [f"{line.name} {line.last:.1%}" for line in self.accuracy.lines]
        return f"Accuracy of {self.model} {self.version} over time. Last: {', '.join(parts)}"

    @property
    def rank(self) -> tuple[int, int, str, str]:
        """Where it stands on the page: what needs somebody first."""
        worst = min(WORST_FIRST.index(status) for status in self.statuses)
        return worst, -self.drifting, self.model, self.version


@dataclass(frozen=True, slots=True)
class ModelsView:
    """What the page shows."""

    versions: tuple[VersionView, ...]
    alerts: tuple[KeptAlert, ...]  #: The latest that people were told of.

    @property
    def empty(self) -> bool:
        """Nothing was checked or judged yet."""
        return not self.versions

    @property
    def drifting(self) -> int:
        """Features that drift, of all versions."""
        return sum(one.drifting for one in self.versions)

    @property
    def worse(self) -> int:
        """Versions that are worse than their own past."""
        return sum("ALERT" in one.statuses for one in self.versions)

    @property
    def coverage(self) -> float | None:
        """Share of mature predictions whose truth is known, of all versions."""
        mature = sum(one.coverage.mature for one in self.versions if one.coverage)
        return sum(one.coverage.labelled for one in self.versions if one.coverage) / mature if mature else None

    @property
    def many_owners(self) -> bool:
        """Whether several tenants or workspaces are shown at once."""
        return len({(one.tenant, one.workspace) for one in self.versions}) > 1


def models(store: Store, *, now_ns: int, tenant: str | None = None) -> ModelsView:
    """Return the page: every version that was checked for drift, or judged by its truth."""
    measured: defaultdict[tuple[str, ...], list[Measurement]] = defaultdict(list)
    for one in store.drift.measurements(tenant=tenant, limit=MEASUREMENTS):
        measured[one.tenant, one.workspace, one.model, one.model_version].append(one)
    judged: defaultdict[tuple[str, ...], list[KeptVerdict]] = defaultdict(list)
    for verdict in reversed(store.outcomes.verdicts(limit=VERDICTS, tenant=tenant)):
        judged[verdict.tenant, verdict.workspace, verdict.type, verdict.model_version].append(verdict)
    covered = _coverage(store, {key[2] for key in judged}, now_ns, tenant)
    versions = [
        _version(key, measured.get(key, ()), judged.get(key, ()), covered.get(key)) for key in measured.keys() | judged
    ]
    told = [alert for alert in store.outbox.recent(tenant=tenant, limit=ALERTS_LOOKED_AT) if alert.name in ALERTS]
    return ModelsView(tuple(sorted(versions, key=lambda one: one.rank)), tuple(told[:ALERTS_SHOWN]))


def _coverage(store: Store, types: set[str], now_ns: int, tenant: str | None) -> dict[tuple[str, ...], Coverage]:
    return {
        (found.tenant, found.workspace, type_, found.model_version): found
        for type_ in types
        for found in store.outcomes.coverage(type_, now=now_ns / NS, tenant=tenant)
    }


def _version(
    key: tuple[str, ...], measured: Sequence[Measurement], judged: Sequence[KeptVerdict], coverage: Coverage | None
) -> VersionView:
    tenant, workspace, model, version = key
    accuracy = {
        "measured by labels": [(one.current_until, one.current_accuracy) for one in judged],
        "promised by scores": [(one.current_until, one.estimated_accuracy) for one in judged],
    }
    return VersionView(
        model=model,
        version=version,
        tenant=tenant,
        workspace=workspace,
        features=_features(measured),
        verdict=judged[-1] if judged else None,
        coverage=coverage,
        accuracy=lines({name: _known(points) for name, points in accuracy.items()}),
        calibration=lines(
            {"error": _known([(one.current_until, one.current_calibration_error) for one in judged])}, high=0.5
        ),
    )


def _known(points: Sequence[tuple[float, float | None]]) -> list[tuple[float, float]]:
    """Points with a figure; of one moment the last, which knew more truth."""
    return list({time: (time, value) for time, value in points if value is not None}.values())


def _features(measured: Sequence[Measurement]) -> tuple[FeatureRow, ...]:
    """Return a line for each feature, the most drifted first."""
    by_feature: defaultdict[str, list[Measurement]] = defaultdict(list)
    for one in measured:
        by_feature[one.feature].append(one)
    rows = [FeatureRow(found[-1], _course(found)) for found in by_feature.values()]
    return tuple(sorted(rows, key=lambda row: (not row.drifts, -row.latest.psi, row.latest.feature)))


def _course(measured: Sequence[Measurement]) -> str:
    times = [round(one.measured_ns / NS, 3) for one in measured]
    return json.dumps([times, [round(one.psi, 4) for one in measured]])
