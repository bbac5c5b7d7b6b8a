"""A model that got worse, as the store keeps it: comparisons, drift, late truth and alerts of ten days."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stagelight.sink.rows import Prediction, Truth
from stagelight.store.drift_model import Measurement
from stagelight.store.model import KeptAlert
from stagelight.store.outcome_model import KeptVerdict, Labelling

if TYPE_CHECKING:
    from stagelight.store import Store

DAY = 86_400.0
NS = 10**9
DAYS = 10
ACCURACY = (None, 0.95, 0.96, 0.97, 0.96, 0.95, 0.96, 0.88, 0.7, 0.69)
PROMISED = (None, None, 0.95, 0.96, 0.96, 0.95, 0.96, 0.95, 0.95, 0.94)
STATUS = ("OK",) * 7 + ("WARN", "ALERT", "ALERT")
CURVE = [
    {"size": 40, "mean_score": 0.3, "share": {"value": 0.2, "low": 0.1, "high": 0.4}},
    {"size": 60, "mean_score": 0.9, "share": {"value": 0.8, "low": 0.7, "high": 0.9}},
]
FIGURES = {
    "curve": CURVE,
    "bias": {"distance": 0.2, "noise": 0.01},
    "expected": {"predictions": 10, "value": 0.94, "low": 0.9, "high": 0.98},
}


def verdict(day: int, until: float, **more: Any) -> KeptVerdict:
    """What a comparison came to of the predictions up to `until`, looked at two days later."""
    accuracy = ACCURACY[day]
    given: dict[str, Any] = {
        "type": "digit",
        "model_version": "v1",
        "judged_ns": int((until + 2 * DAY) * NS),
        "accuracy_status": STATUS[day],
        "calibration_status": "OK",
        "reason": "accuracy fell",
        "figures": json.dumps(FIGURES),
        "baseline_size": 500,
        "current_size": 100 if accuracy else 0,
        "baseline_since": until - 6 * DAY,
        "baseline_until": until - DAY,
        "current_since": until - DAY,
        "current_until": until,
        "baseline_accuracy": 0.96 if accuracy else None,
        "current_accuracy": accuracy,
        "accuracy_p": 1e-6 if accuracy else None,
        "baseline_calibration_error": 0.05,
        "current_calibration_error": 0.07 if accuracy else None,
        "calibration_p": 0.4 if accuracy else None,
        "estimated_accuracy": PROMISED[day],
    }
    return KeptVerdict(**given | more)


def measurement(day: int, at: float, psi: float, **more: Any) -> Measurement:
    """What a check for drift found."""
    bad = psi > 0.1
    given: dict[str, Any] = {
        "model": "digit",
        "model_version": "v1",
        "feature": "score",
        "measured_ns": int(at * NS) + day,
        "reference": "r",
        "since_ns": int((at - DAY) * NS),
        "until_ns": int(at * NS),
        **dict.fromkeys(("psi", "kl", "js", "ks", "wasserstein", "chi2"), psi),
        "mean_shift": -0.4,
        "p_value": 1e-9 if bad else 0.5,
        "noise": 0.05,
        "rows": 240,
        "effective_rows": 240.0,
        "reference_rows": 1000,
        "severity": "medium" if bad else "none",
        "verdict": "alert" if bad else "quiet",
        "trace_id": f"{7:032x}" if bad else "",
    }
    return Measurement(**given | more)


def alert(name: str = "StagelightConceptDrift", *, since: float, until: float = 0.0, **more: Any) -> KeptAlert:
    """What people were told."""
    severity = more.pop("severity", "warning")
    labels = {"model": "digit", "severity": severity, **more.pop("labels", {})}
    given: dict[str, Any] = {
        "fingerprint": f"{name} {sorted(labels.items())}",
        "name": name,
        "severity": severity,
        "labels": labels,
        "annotations": {"summary": "digit v1: accuracy fell", "description": "Retrain."},
        "trace_ids": (f"{7:032x}",),
        "starts_ns": int(since * NS),
        "ends_ns": int(until * NS),
        "told_ns": int((until or since) * NS),
    }
    return KeptAlert(**given | more)


def rule(type_: str) -> Labelling:
    """Truth comes within two days."""
    return Labelling(type=type_, kind="last", events=("checked",), within_s=2 * DAY, negative_on_maturity=False)


def a_model(store: Store, now: float, *, model: str = "digit", version: str = "v1", tenant: str = "default") -> None:
    """Keep ten days of a model that drifts, and of which four in five predictions have their truth; the last are immature."""
    said: dict[str, Any] = {"type": model, "model_version": version, "tenant": tenant, "decision": "7", "score": 0.9}
    predictions = [
        Prediction(prediction_id=f"{tenant}-{model}-{version}-{at}", observed_at=now - (30 - at) * DAY / 6, **said)
        for at in range(30)
    ]
    truth = [
        Truth(
            truth_id=f"truth of {one.prediction_id}",
            event="checked",
            prediction_id=one.prediction_id,
            label="7",
            observed_at=one.observed_at + DAY / 12,
            tenant=tenant,
        )
        for at, one in enumerate(predictions)
        if at % 5
    ]
    store.rows.write([*predictions, *truth])
    store.outcomes.join(rule(model), now=now)
    about = {"model_version": version, "tenant": tenant}
    for day in range(DAYS):
        store.outcomes.keep(verdict(day, now - (DAYS + 1 - day) * DAY, type=model, **about))
    for day in range(DAYS):
        found = measurement(day, now - (DAYS - day) * DAY, 0.3 if day == DAYS - 1 else 0.02, model=model, **about)
        store.drift.put_measurements([found, replace(found, feature="ink", psi=0.01, severity="none", verdict="quiet")])
    names = {"model": model, "model_version": version}
    going_on = alert(since=now - DAY, tenant=tenant, labels=names)
    over = alert("StagelightModelDrift", since=now - 5 * DAY, until=now - 4 * DAY, tenant=tenant, labels=names)
    store.outbox.put([going_on, over])
