"""The Models page: how each version of a model does: drift of what it sees and says, and accuracy as truth comes in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stagelight.web.view_told import Told, told
from stagelight.web.view_version import NS, VersionView, version_view

if TYPE_CHECKING:
    from stagelight.store import Store
    from stagelight.store.drift_model import Measurement
    from stagelight.store.outcome_model import Coverage, KeptVerdict

    Key = tuple[str, str, str, str]  # tenant, workspace, model, version

ALERTS_SHOWN: Final = 10
ALERTS_LOOKED_AT: Final = 200
VERSIONS_SHOWN: Final = 12  #: With pictures; the others stand in the table above them.
VERSIONS_LISTED: Final = 200
VERDICTS: Final = 2_000
MEASUREMENTS: Final = 5_000


@dataclass(frozen=True, slots=True)
class ModelsView:
    """What the page shows."""

    versions: tuple[VersionView, ...]  #: What needs somebody first.
    alerts: tuple[Told, ...]  #: What people were told; what goes on first.

    @property
    def empty(self) -> bool:
        """Nothing was checked or judged yet."""
        return not self.versions

    @property
    def shown(self) -> tuple[VersionView, ...]:
        """Those that have room for pictures."""
        return self.versions[:VERSIONS_SHOWN]

    @property
    def listed(self) -> tuple[VersionView, ...]:
        """Those that have a line in the table of versions; none where the pictures say it all."""
        return self.versions[:VERSIONS_LISTED] if len(self.versions) > 1 else ()

    @property
    def drifting(self) -> int:
        """Features that drift, of all versions."""
        return sum(one.drifting for one in self.versions)

    @property
    def worse(self) -> int:
        """Versions that are worse than their own past."""
        return sum("ALERT" in one.states for one in self.versions)

    @property
    def watch(self) -> int:
        """Versions that may be worse: half as bad as an alert, or not yet beyond chance."""
        return sum("WARN" in one.states and "ALERT" not in one.states for one in self.versions)

    @property
    def coverage(self) -> float | None:
        """Share of mature predictions whose truth is known, of all versions."""
        mature = sum(one.coverage.mature for one in self.versions if one.coverage)
        return sum(one.coverage.labelled for one in self.versions if one.coverage) / mature if mature else None

    @property
    def going_on(self) -> int:
        """Alerts that are not over."""
        return sum(not one.over for one in self.alerts)

    @property
    def many_owners(self) -> bool:
        """Whether several tenants or workspaces are shown at once."""
        return len({(one.tenant, one.workspace) for one in self.versions}) > 1


def models(store: Store, *, now_ns: int, tenant: str | None = None) -> ModelsView:
    """Return the page: every version that was checked for drift, or judged by its truth."""
    measured: defaultdict[Key, list[Measurement]] = defaultdict(list)
    for one in store.drift.measurements(tenant=tenant, limit=MEASUREMENTS):
        measured[one.tenant, one.workspace, one.model, one.model_version].append(one)
    judged: defaultdict[Key, list[KeptVerdict]] = defaultdict(list)
    for verdict in reversed(store.outcomes.verdicts(limit=VERDICTS, tenant=tenant)):
        judged[verdict.tenant, verdict.workspace, verdict.type, verdict.model_version].append(verdict)
    covered = _coverage(store, {key[2] for key in judged}, now_ns, tenant)
    versions = [
        version_view(key, measured.get(key, ()), judged.get(key, ()), covered.get(key))
        for key in measured.keys() | judged.keys()
    ]
    alerts = told(store.outbox.recent(tenant=tenant, limit=ALERTS_LOOKED_AT), now_ns=now_ns)
    return ModelsView(
        tuple(sorted(versions, key=lambda one: (one.rank, one.tenant, one.workspace))), alerts[:ALERTS_SHOWN]
    )


def _coverage(store: Store, types: set[str], now_ns: int, tenant: str | None) -> dict[Key, Coverage]:
    return {
        (found.tenant, found.workspace, type_, found.model_version): found
        for type_ in types
        for found in store.outcomes.coverage(type_, now=now_ns / NS, tenant=tenant)
    }
