"""How models do, for programs: what the page Models shows as JSON, and drift in short."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from stagelight import _clock
from stagelight.store.drift import WORSE
from stagelight.web import view_models
from stagelight.web.plain import plain
from stagelight.web.tenancy import tenant_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.store import Store
    from stagelight.store.drift_model import Measurement
    from stagelight.web.view_looks import Look
    from stagelight.web.view_told import Told
    from stagelight.web.view_version import VersionView

MEASUREMENTS: Final = 10_000  #: The last ones, of which each feature's latest is told.
LOOKS: Final = 366  #: Of one version: a year of days.

Text = Annotated[str, Query(max_length=256)]

router = APIRouter()


@router.get("/api/models")
def models(request: Request, model: Text = "", model_version: Text = "", workspace: Text = "") -> Response:
    """Give each version of a model: accuracy, calibration, coverage, the course of both, drift by feature; and alerts.

    What needs somebody comes first. Times are as the names say: `…_ns` nanoseconds, others seconds since 1970.
    """
    seen = view_models.models(_store(request), now_ns=_clock.wall_ns(), tenant=tenant_of(request))
    asked = {"model": model, "version": model_version, "workspace": workspace}
    chosen = [one for one in seen.versions if all(value in ("", getattr(one, name)) for name, value in asked.items())]
    return JSONResponse({"models": [_version(one) for one in chosen], "alerts": [_told(one) for one in seen.alerts]})


@router.get("/drift/summary")
def drift_summary(request: Request, model: Text = "", model_version: Text = "", workspace: Text = "") -> Response:
    """Give drift in short: features by severity, the latest scores of each feature, alerts by severity and those open."""
    found, tenant, about, where = _store(request).drift, tenant_of(request), model or None, workspace or None
    measured = found.measurements(about, tenant=tenant, workspace=where, limit=MEASUREMENTS)
    alerts = found.alerts(about, tenant=tenant, workspace=where)
    latest = _latest(one for one in measured if model_version in ("", one.model_version))
    raised = [one for one in alerts if model_version in ("", one.model_version)]
    return JSONResponse(
        {
            "checked_ns": max((one.measured_ns for one in latest), default=None),
            "features_by_severity": _by_severity(one.severity if one.verdict == "alert" else "none" for one in latest),
            "alerts_by_severity": _by_severity(one.severity for one in raised),
            "open_alerts": plain([one for one in raised if not one.ended_ns]),
            "scores": plain(latest),
        }
    )


def _latest(measured: Iterable[Measurement]) -> list[Measurement]:
    """The last of each feature, the most drifted first."""
    last = {(one.tenant, one.workspace, one.model, one.model_version, one.feature): one for one in measured}
    return sorted(last.values(), key=lambda one: (-WORSE.index(one.severity), -one.psi, one.model, one.feature))


def _by_severity(found: Iterable[str]) -> dict[str, int]:
    counted = Counter(found)
    return {severity: counted[severity] for severity in reversed(WORSE)}


def _version(one: VersionView) -> dict[str, Any]:
    last, coverage = one.last, one.coverage
    return {
        "model": one.model,
        "model_version": one.version,
        "tenant": one.tenant,
        "workspace": one.workspace,
        "verdict": _verdict(last) if last else None,
        "coverage": plain(coverage) | {"ratio": coverage.ratio} if coverage else None,
        "expected": plain(one.expected),
        "course": [_point(look) for look in one.looks[-LOOKS:]],
        "features": [plain(row.latest) for row in one.features],
    }


def _verdict(look: Look) -> dict[str, Any]:
    kept: dict[str, Any] = plain(look.verdict)
    return kept | {
        "accuracy_state": look.accuracy,
        "calibration_state": look.calibration,
        "figures": plain(look.figures),
    }


def _point(look: Look) -> dict[str, Any]:
    kept = look.verdict
    return {
        "until": kept.current_until,
        "predictions": kept.current_size,
        "accuracy": kept.current_accuracy,
        "estimated_accuracy": kept.estimated_accuracy,
        "calibration_error": kept.current_calibration_error,
        "accuracy_state": look.accuracy,
        "calibration_state": look.calibration,
    }


def _told(one: Told) -> dict[str, Any]:
    return {
        "name": one.alert.name,
        "severity": one.alert.severity,
        "labels": plain(one.alert.labels),
        "summary": one.summary,
        "advice": one.advice,
        "since_ns": one.since_ns,
        "until_ns": one.until_ns,
        "told_ns": one.alert.told_ns,
        "over": one.over,
        "trace_ids": list(one.alert.trace_ids),
    }


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store
