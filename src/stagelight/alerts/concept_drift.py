"""`route_concept_drift_alerts`: what an analysis of truth found, to the people who can do something about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stagelight import _guard
from stagelight.alerts.router import AlertRouter, Routed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagelight.alerts.finding import Finding


def route_concept_drift_alerts(
    drift_results: Iterable[Mapping[str, Any]],
    alerts: Iterable[Finding | Mapping[str, Any]],
    baseline_days: int,
    current_days: int,
    *,
    router: AlertRouter | None = None,
) -> dict[str, Any]:
    """Tell of models that got worse, and return what became of each alert; never raises.

    Low severity is skipped, what was told within a day is not told again, and people get one message for all. Every
    alert says what to do, with its figures.

    Args:
        drift_results: What was analysed, a mapping for each model and version; how many stands in the answer.
        alerts: What was found; each a `Finding` or a mapping with its fields.
        baseline_days: Days of the window that is compared with.
        current_days: Days of the window that is judged.
        router: Where to; one made out of the settings if None.

    Returns:
        `sent`, `low`, `repeated`, `limited`: how many alerts; `actions`: what was recommended; `channels`, `refused`,
        `reason`; `analysed`, `baseline_days`, `current_days`.
    """
    given = list(alerts or ())
    made = router or _guard.attempt("alerts", AlertRouter)
    routed = made.route_batch(given) if made else Routed(reason="no channel could be prepared; the log says why")
    counts = {name: len(getattr(routed, name)) for name in ("sent", "low", "repeated", "limited")}
    return counts | {
        "actions": [
            {"summary": one.summary, "action": one.action, "trace_ids": list(one.trace_ids)} for one in routed.sent
        ],
        "alerts": [asdict(one) for one in routed.sent],
        "channels": list(routed.channels),
        "refused": list(routed.refused),
        "reason": routed.reason,
        "analysed": len(list(drift_results or ())),
        "baseline_days": baseline_days,
        "current_days": current_days,
    }
