"""Prometheus' rules, and the same groups as a Kubernetes PrometheusRule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagelight.catalogue.durations import seconds
from stagelight.generate import slo as slos
from stagelight.generate.yamltext import dump

if TYPE_CHECKING:
    from stagelight.catalogue.rows import Alert
    from stagelight.generate.plan import Plan


def files(plan: Plan) -> dict[str, str]:
    """Return the text of every file of rules, by page."""
    return {page: dump({"groups": _groups(plan, page)}) for page in plan.pages()}


def kubernetes(plan: Plan) -> str:
    """Return all groups as one PrometheusRule."""
    groups = [group for page in plan.pages() for group in _groups(plan, page)]
    return dump(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "stagelight", "labels": {"app.kubernetes.io/part-of": "stagelight"}},
            "spec": {"groups": groups},
        }
    )


def told(alert: Alert, plan: Plan) -> dict[str, str]:
    """Return what `alert` tells people."""
    return {
        "summary": alert.summary,
        "description": alert.means,
        "first_step": alert.first_step,
        "runbook_url": plan.runbooks + alert.runbook.anchor,
    }


def _groups(plan: Plan, page: str) -> list[dict[str, Any]]:
    burning = {alert.name for slo in plan.slos for alert in plan.burns(slo)}
    plain = [alert for alert in plan.pages()[page] if alert.name not in burning]
    groups = [{"name": f"stagelight-{page}", "rules": [_alert(alert, plan) for alert in plain]}] if plain else []
    for slo in plan.slos:
        burns = plan.burns(slo)
        if slo.runbook.page == page and burns:
            recorded = [_recording(rule) for rule in slos.recordings(slo, burns)]
            groups.append({"name": slo.name, "rules": [*recorded, *(_alert(alert, plan) for alert in burns)]})
    return groups


def _alert(alert: Alert, plan: Plan) -> dict[str, Any]:
    waits = {"for": alert.for_} if seconds(alert.for_) else {}
    return {
        "alert": alert.name,
        "expr": alert.promql,
        **waits,
        "labels": {"severity": alert.severity},
        "annotations": told(alert, plan),
    }


def _recording(rule: slos.Recording) -> dict[str, Any]:
    return {"record": rule.record, "expr": rule.expr, "labels": {"slo": rule.slo}}
