"""What a deployment wants otherwise, in one small file: a threshold, a `for`, a window, a severity, an objective.

```yaml
alerts:
  StagelightStageSlow: {threshold: 2.5, window: 10m, for: 5m, severity: page}
  StagelightCollectorMissing: {enabled: false}
slos:
  StagelightStageSuccess: {objective: 0.995}
runbooks: https://example.org/runbooks/
```
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from stagelight.catalogue import ALERTS, SLOS, durations
from stagelight.config import safe_yaml
from stagelight.errors import ConfigurationError, MissingExtraError, did_you_mean
from stagelight.generate import slo as slos
from stagelight.generate.plan import RUNBOOKS, Plan

try:
    from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
except ImportError as error:
    raise MissingExtraError("generate", "generating out of the catalogue") from error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stagelight.catalogue.rows import Alert, Slo

FILE = "stagelight.overrides.yaml"
FIGURES = {"threshold", "minimum", "window", "short", "before"}  #: A scenario is written for the row's own.
R = TypeVar("R")


def _duration(value: str) -> str:
    durations.seconds(value)
    return value


Duration = Annotated[str, AfterValidator(_duration)]
Figure = Annotated[float, Field(allow_inf_nan=False)]


class Changes(BaseModel):
    """What is set here replaces what the row says."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AlertChanges(Changes):
    """What can be changed in an alert."""

    enabled: bool = True
    threshold: Figure | None = None
    minimum: Figure | None = None
    window: Duration | None = None
    short: Duration | None = None
    before: Duration | None = None
    for_: Duration | None = Field(default=None, alias="for")
    severity: Literal["critical", "page", "warning", "ticket", "info"] | None = None


class SloChanges(Changes):
    """What can be changed in a promise."""

    enabled: bool = True
    objective: Annotated[float, Field(gt=0, lt=1)] | None = None
    days: Annotated[int, Field(gt=0)] | None = None
    minimum: Figure | None = None


class Overrides(Changes):
    """The whole file."""

    alerts: dict[str, AlertChanges] = {}
    slos: dict[str, SloChanges] = {}
    runbooks: str = RUNBOOKS  #: What stands before a runbook's page in an alert's link.


def read(path: Path) -> Overrides:
    """Return the overrides in the file `path`.

    Raises:
        ConfigurationError: It is not the YAML that is read here, or holds what cannot be changed; the message names it.
        OSError: It cannot be read.
    """
    data = safe_yaml.load(path.read_bytes(), path.name)
    try:
        return Overrides.model_validate({} if data is None else data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise ConfigurationError(f"{path.name}: {where or 'the file'}: {first['msg']}{more}") from error


def plan(overrides: Overrides | None = None) -> Plan:
    """Return the catalogue's rows with `overrides`.

    Raises:
        ConfigurationError: There is no such alert or promise, or it has no such figure.
    """
    wanted = overrides or Overrides()
    promised = [_slo(slo, wanted.slos.get(name)) for name, slo in SLOS.items() if _enabled(wanted.slos.get(name))]
    rows = {row.name: row for row in (*ALERTS.values(), *(alert for slo in promised for alert in slos.alerts(slo)))}
    every = {*rows, *(alert.name for slo in SLOS.values() for alert in slos.alerts(slo))}
    _check("alerts", wanted.alerts, every)
    _check("slos", wanted.slos, SLOS)
    kept = [_alert(row, wanted.alerts.get(name)) for name, row in rows.items() if _enabled(wanted.alerts.get(name))]
    return Plan(tuple(kept), tuple(promised), wanted.runbooks, frozenset(_changed(wanted, promised)))


def _enabled(changes: AlertChanges | SloChanges | None) -> bool:
    return changes is None or changes.enabled


def _check(what: str, wanted: Mapping[str, Changes], known: Any) -> None:
    for name in wanted:
        if name not in known:
            raise ConfigurationError(f"{what}: there is no {name!r}.{did_you_mean(name, known)}")


def _alert(row: Alert, changes: AlertChanges | None) -> Alert:
    wanted = changes.model_dump(exclude_none=True, exclude={"enabled"}) if changes else {}
    has = {*row.figures, "for_", "severity"}
    for field in wanted:
        if field not in has:
            names = ", ".join(sorted(name.rstrip("_") for name in has))
            raise ConfigurationError(f"alerts: {row.name} has no {field}; it has {names}")
    return replace(row, **wanted)


def _slo(row: Slo, changes: SloChanges | None) -> Slo:
    return replace(row, **changes.model_dump(exclude_none=True, exclude={"enabled"})) if changes else row


def _changed(wanted: Overrides, promised: list[Slo]) -> set[str]:
    """The alerts whose scenario was written for other figures; the alerts of a promise share what is recorded for it."""
    changed = {name for name, changes in wanted.alerts.items() if FIGURES & changes.model_fields_set}
    for slo in promised:
        burns = {alert.name for alert in slos.alerts(slo)}
        if burns & changed or (slo.name in wanted.slos and wanted.slos[slo.name].model_fields_set):
            changed |= burns
    return changed
