"""Alerts as OTLP log records, the form in which they travel: an application needs to reach nothing but its collector.

| part of the record | what it says |
|---|---|
| event name | `stagelight.alert.firing` or `stagelight.alert.resolved` |
| body | the summary |
| `stagelight.alert.name`, `.severity` | as `Alert` has them |
| `stagelight.alert.label.<name>`, `.annotation.<name>` | one attribute each, text |
| `stagelight.alert.starts_at`, `.ends_at` | seconds since 1970; the record's own time where they are missing |
| `stagelight.alert.trace_ids` | a list; the record's own trace id is added |
| `stagelight.tenant`, `stagelight.workspace` | whose alert it is; of the record, else of its resource |
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from stagelight import _clock, _guard, stages
from stagelight.alerts.alert import TRACE_ID, Alert
from stagelight.errors import AlertError, ConfigurationError
from stagelight.telemetry.current import current
from stagelight.wire.records import TENANT, WORKSPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.wire.records import LogRecord, Value

PREFIX: Final = "stagelight.alert"
FIRING: Final = f"{PREFIX}.firing"
RESOLVED: Final = f"{PREFIX}.resolved"
LABELS: Final = f"{PREFIX}.label."
ANNOTATIONS: Final = f"{PREFIX}.annotation."

LEVELS: Final = {"critical": logging.CRITICAL, "page": logging.ERROR, "warning": logging.WARNING, "ticket": logging.WARNING, "info": logging.INFO}  # fmt: skip


def emit(alert: Alert) -> bool:
    """Tell of `alert` at once: that it fires, or, if it has ended, that it is over; say whether a log exporter took it.

    It leaves with the telemetry of this process, so `OTEL_LOGS_EXPORTER=otlp` must be set and `configure()` called. An
    alert that says no tenant or workspace gets those of the running stage. Never raises.

    >>> emit(Alert(name="DiskFull"))  # nothing is configured here
    False
    """
    taken = False
    with _guard.guard("alerts"):
        taken = _sent(alert)
    if not taken and current() is not None:
        _guard.report("alerts", ConfigurationError("an alert went nowhere: set OTEL_LOGS_EXPORTER=otlp"))
    return taken


def _sent(alert: Alert) -> bool:
    from stagelight.telemetry import logs  # the SDK's log signal loads slowly, and most programs raise no alert

    here = stages.here()
    owner = {TENANT: alert.labels.get("tenant", here.tenant), WORKSPACE: alert.labels.get("workspace", here.workspace)}
    name = FIRING if alert.firing else RESOLVED
    return logs.send_event(
        name,
        body=alert.annotations.get("summary", alert.name),
        attributes=attributes_of(alert) | owner,
        level=LEVELS[alert.severity],
    )


def attributes_of(alert: Alert) -> dict[str, object]:
    """Return `alert` as the attributes of its record."""
    found: dict[str, object] = {f"{PREFIX}.name": alert.name, f"{PREFIX}.severity": alert.severity}
    found |= {LABELS + name: value for name, value in alert.labels.items()}
    found |= {ANNOTATIONS + name: value for name, value in alert.annotations.items()}
    found[f"{PREFIX}.starts_at"] = alert.starts_at
    if alert.ends_at is not None:
        found[f"{PREFIX}.ends_at"] = alert.ends_at
    if alert.trace_ids:
        found[f"{PREFIX}.trace_ids"] = list(alert.trace_ids)
    return found


def is_alert(record: LogRecord) -> bool:
    """Whether `record` tells of an alert."""
    return record.event_name == PREFIX or record.event_name.startswith(f"{PREFIX}.")


def alert_of(record: LogRecord, *, tenant: str | None = None) -> Alert:
    """Return the alert that `record` tells of; of `tenant`, whatever the record says, where that is given.

    Raises:
        AlertError: It is none that Alertmanager could take, or it belongs to nobody.
    """
    said = record.attributes
    told_at = (record.time_ns or _clock.wall_ns()) / 1e9
    starts_at = _number(said, "starts_at", told_at)
    ends_at = _number(said, "ends_at", None)
    if record.event_name == RESOLVED and ends_at is None:
        ends_at = max(told_at, starts_at or 0.0)
    owner = record.tenancy
    return Alert(
        name=_text(said, "name"),
        severity=_text(said, "severity") or "warning",  # type: ignore[arg-type]  # Alert refuses what is none
        labels=_named(said, LABELS) | {"tenant": tenant or owner.tenant, "workspace": owner.workspace},
        annotations=_named(said, ANNOTATIONS),
        starts_at=told_at if starts_at is None else starts_at,
        ends_at=ends_at,
        trace_ids=_traces(said, record.trace_id),
    )


def _named(said: Mapping[str, Value], prefix: str) -> dict[str, str]:
    """Every attribute under `prefix`; Alert refuses those that are no text."""
    return {key.removeprefix(prefix): value for key, value in said.items() if key.startswith(prefix)}  # type: ignore[misc]


def _text(said: Mapping[str, Value], name: str) -> str:
    value = said.get(f"{PREFIX}.{name}")
    if value is not None and not isinstance(value, str):
        raise AlertError(f"{PREFIX}.{name} is of type {type(value).__name__}; expected text")
    return value or ""


def _number(said: Mapping[str, Value], name: str, missing: float | None) -> float | None:
    value = said.get(f"{PREFIX}.{name}")
    if value is None:
        return missing
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AlertError(f"{PREFIX}.{name} is {value!r}; expected seconds since 1970")
    return float(value)


def _traces(said: Mapping[str, Value], own: str) -> tuple[str, ...]:
    value = said.get(f"{PREFIX}.trace_ids")
    listed = value if isinstance(value, list) else []
    # One that cannot be right is left out: the alert is worth more than its example.
    return tuple(item for item in (*listed, own) if isinstance(item, str) and TRACE_ID.fullmatch(item))
