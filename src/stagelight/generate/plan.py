"""What is to be generated: the catalogue's rows, with what a deployment wants otherwise."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagelight.generate import slo as slos

if TYPE_CHECKING:
    from stagelight.catalogue.rows import Alert, Slo

RUNBOOKS = "docs/runbooks/"


@dataclass(frozen=True, slots=True)
class Plan:
    """Alerts and promises as they will be written."""

    alerts: tuple[Alert, ...]  #: Those of the promises too.
    slos: tuple[Slo, ...]
    runbooks: str = RUNBOOKS  #: What stands before a runbook's page in an alert.
    changed: frozenset[str] = frozenset()  #: Alerts whose scenarios were written for other figures.

    def burns(self, slo: Slo) -> list[Alert]:
        """Return the alerts on the budget of `slo` that are left."""
        own = {alert.name for alert in slos.alerts(slo)}
        return [alert for alert in self.alerts if alert.name in own]

    def pages(self) -> dict[str, list[Alert]]:
        """Return the alerts by page: a page is a runbook, a file of rules and a file of tests."""
        found: dict[str, list[Alert]] = defaultdict(list)
        for alert in self.alerts:
            found[alert.runbook.page].append(alert)
        return dict(found)
