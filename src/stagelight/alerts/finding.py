"""`Finding`: that a model got worse, with the figures, what to do about it, and traces that show it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from stagelight import _clock
from stagelight.alerts.alert import TRACE_ID, Alert
from stagelight.catalogue.models import CALIBRATION_DRIFT, CONCEPT_DRIFT, MODEL_DRIFT
from stagelight.errors import AlertError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.catalogue.rows import Severity

Kind = Literal["accuracy_degradation", "calibration_drift", "score_drift"]
Level = Literal["low", "medium", "high", "critical"]
KINDS: Final = get_args(Kind)
LASTS_SECONDS: Final = 8 * 86_400.0  #: A day longer than the rarest task takes to look again.
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
SEVERITY: Final[Mapping[Level, Severity]] = {"low": "info", "medium": "warning", "high": "page", "critical": "critical"}
NAMES: Final = {
    "accuracy_degradation": CONCEPT_DRIFT,
    "calibration_drift": CALIBRATION_DRIFT,
    "score_drift": MODEL_DRIFT,
}


class Subject(NamedTuple):
    """What a finding is about, however bad it is."""

    kind: str
    model: str
    model_version: str
    feature: str
    tenant: str
    workspace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of a model, between a baseline and now."""

    kind: Kind
    model: str  #: The prediction type, as `churn`.
    model_version: str = ""
    severity: Level = "medium"
    baseline: float  #: Accuracy, calibration error or 0, before.
    current: float  #: The same now; for `score_drift` the PSI.
    p_value: float | None = None  #: Of the test that compared them.
    baseline_size: int = 0  #: Labelled predictions before.
    current_size: int = 0  #: Labelled predictions now.
    estimated: float | None = None  #: The accuracy that scores alone promise for the same predictions.
    feature: str = ""  #: For `score_drift`: of what.
    trace_ids: tuple[str, ...] = ()  #: Examples, 32 hex digits each.
    tenant: str = "default"
    workspace: str = "default"

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return Subject(self.kind, self.model, self.model_version, self.feature, self.tenant, self.workspace)

    @property
    def summary(self) -> str:
        """What happened, in one sentence with its figures."""
        who = f"{self.model} {self.model_version}".strip()
        if self.kind == "accuracy_degradation":
            text = f"{who}: accuracy fell from {self.baseline:.1%} to {self.current:.1%}{self._counts}"
        elif self.kind == "calibration_drift":
            text = f"{who}: calibration error rose from {self.baseline:.3f} to {self.current:.3f}{self._counts}"
        else:
            of = f" of {self.feature}" if self.feature else ""
            text = f"{who}: the distribution{of} moved, PSI {self.current:.2f}{self._counts}"
        return text + (f", p = {self.p_value:.2g}" if self.p_value is not None else "")

    @property
    def action(self) -> str:
        """What to do about it, in one sentence with its figures."""
        if self.kind == "accuracy_degradation":
            return self._retrain
        if self.kind == "calibration_drift":
            return (
                f"Recalibrate (isotonic, on the {self.current_size} newest labels) before thresholds on the score are "
                f"trusted again: scores are off by {self.current:.1%} on average. Ranking by score may still be right."
            )
        return (
            f"Compare what comes in with the reference{' of ' + self.feature if self.feature else ''}: a new source, a "
            "broken sensor, another kind of user? Labels have not confirmed a loss yet; watch the estimated accuracy."
        )

    @property
    def _retrain(self) -> str:
        """Whether scores saw it coming tells what has changed: what comes in, or what it means."""
        lost = f"{(self.baseline - self.current) * 100:.1f} points of accuracy were lost"
        if self.estimated is None:
            return f"Look at the example traces: has the data changed, or the meaning of the label? {lost}; retrain, or go back to the version before."
        if self.estimated - self.current > (self.baseline - self.current) / 2:
            return (
                f"The meaning of the label has changed: {lost}, while scores alone still promise {self.estimated:.1%} "
                "(concept drift). Retrain on labels of the current window alone; the version before would be wrong too."
            )
        return (
            f"What comes in has changed: {lost}, and scores saw it ({self.estimated:.1%} expected). Mend the source, or "
            "retrain on data like it; until then go back to the version before, if that one bore it better."
        )

    def alert(self) -> Alert:
        """Return it as an alert for Alertmanager."""
        labels = {"model": self.model, "model_version": self.model_version, "feature": self.feature, "kind": self.kind}
        return Alert(
            name=NAMES[self.kind],
            severity=SEVERITY[self.severity],
            labels=labels | {"tenant": self.tenant, "workspace": self.workspace},
            annotations={"summary": self.summary, "description": self.action},
            # The task that found it ends it, when it finds it no more; where that task no longer runs, it ends by itself.
            ends_at=_clock.wall_ns() / 1e9 + LASTS_SECONDS,
            trace_ids=self.trace_ids,
        )

    @property
    def _counts(self) -> str:
        if not self.baseline_size and not self.current_size:
            return ""
        return f" ({self.baseline_size:,} before, {self.current_size:,} now)"


def finding(given: Finding | Mapping[str, Any]) -> Finding:
    """Return `given` as a finding; a mapping has the names of its fields.

    Raises:
        AlertError: A field is unknown or missing, or its value none that is known.

    >>> finding({"kind": "calibration_drift", "model": "churn", "baseline": 0.02, "current": 0.11}).summary
    'churn: calibration error rose from 0.020 to 0.110'
    """
    if isinstance(given, Finding):
        return given
    known = {row.name for row in fields(Finding)}
    for name in given:
        if name not in known:
            raise AlertError(f"a finding has no field {str(name)[:40]!r}.{did_you_mean(str(name), known)}")
    for name in ("kind", "model", "baseline", "current"):
        if name not in given:
            raise AlertError(f"a finding needs {name!r}")
    values = {**given, "trace_ids": tuple(i for i in given.get("trace_ids", ()) if TRACE_ID.fullmatch(str(i)))}
    for name, allowed in (("kind", KINDS), ("severity", LEVELS)):
        if name in values and values[name] not in allowed:
            raise AlertError(f"{name}: found {values[name]!r}, expected one of {', '.join(allowed)}")
    return Finding(**values)
