"""Prometheus' rules, and the same groups as a Kubernetes PrometheusRule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagelight.catalogue import RECORDINGS
from stagelight.catalogue.durations import seconds
from stagelight.generate import slo as slos
from stagelight.generate.yamltext import dump

if TYPE_CHECKING:
    from stagelight.catalogue.rows import Alert
    from stagelight.generate.plan import Plan


def files(plan: Plan) -> dict[str, str]:
    """Return the text of every file of rules: one for each page, one for its promises, and one for what its alerts read."""
    return {name: dump({"groups": groups}) for name, groups in _files(plan).items()}


def kubernetes(plan: Plan) -> str:
    """Return all groups as one PrometheusRule."""
    groups = [group for groups in _files(plan).values() for group in groups]
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


def _files(plan: Plan) -> dict[str, list[dict[str, Any]]]:
    """The groups of each file, in files that can be tested one by one: what is recorded slows down the tests of the rest."""
    found: dict[str, list[dict[str, Any]]] = {}
    for page, alerts in plan.pages().items():
        found |= {
            f"{page}.recorded": _recorded(page),
            page: _plain(plan, page, alerts),
            f"{page}.slo": _promised(plan, page),
        }
    return {name: groups for name, groups in found.items() if groups}


def _recorded(page: str) -> list[dict[str, Any]]:
    rules = [{"record": row.name, "expr": row.expr} for row in RECORDINGS.values() if row.page == page]
    return [{"name": f"stagelight-{page}-recorded", "rules": rules}] if rules else []


def _plain(plan: Plan, page: str, alerts: list[Alert]) -> list[dict[str, Any]]:
    burning = {alert.name for slo in plan.slos for alert in plan.burns(slo)}
    rules = [_alert(alert, plan) for alert in alerts if alert.name not in burning]
    return [{"name": f"stagelight-{page}", "rules": rules}] if rules else []


def _promised(plan: Plan, page: str) -> list[dict[str, Any]]:
    return [
        {
            "name": slo.name,
            "rules": [
                *(_recording(rule) for rule in slos.recordings(slo, burns)),
                *(_alert(alert, plan) for alert in burns),
            ],
        }
        for slo in plan.slos
        if slo.runbook.page == page and (burns := plan.burns(slo))
    ]


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
