"""Streaming detectors for a model's errors: what truth says, one prediction after the other, without a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from stagelight import _clock, _guard
from stagelight.catalogue.labels import DRIFT_SEVERITY
from stagelight.catalogue.models import DRIFT_ALERTS
from stagelight.drift.page_hinkley import PageHinkley
from stagelight.errors import ConfigurationError, MissingExtraError
from stagelight.stages import here
from stagelight.store.current import current
from stagelight.store.drift_model import DriftAlert
from stagelight.telemetry.instruments import counter

if TYPE_CHECKING:
    from collections.abc import Callable

Name = Literal["page_hinkley", "adwin"]


class Detector(Protocol):
    """Says when the mean of a stream has changed."""

    def update(self, value: float) -> bool:
        """Take in one value, and say whether the mean has changed."""
        ...


class Adwin:
    """ADWIN of river: a window that forgets by itself what no longer holds; Bifet and Gavaldà (2007)."""

    def __init__(self, **parameters: Any) -> None:
        """Make river's detector with its own `parameters`.

        Raises:
            MissingExtraError: river is not installed.
        """
        try:
            from river import drift
        except ModuleNotFoundError as error:
            raise MissingExtraError("river", "ADWIN") from error
        self._detector: Any = drift.ADWIN(**parameters)  # type: ignore[no-untyped-call]  # river types it in part

    def update(self, value: float) -> bool:
        """Take in one value, and say whether the mean has risen; that errors grow rarer is no alarm."""
        before = self._detector.estimation
        self._detector.update(value)
        return bool(self._detector.drift_detected) and self._detector.estimation > before


MAKERS: dict[str, Callable[..., Detector]] = {"page_hinkley": PageHinkley, "adwin": Adwin}


def detector(name: Name = "page_hinkley", **parameters: Any) -> Detector:
    """Return a new detector.

    Args:
        name: `page_hinkley`, which needs nothing, or `adwin`, which needs river.
        parameters: The detector's own.

    Raises:
        ConfigurationError: There is none of this name.
        MissingExtraError: Its package is not installed.
    """
    if name not in MAKERS:
        raise ConfigurationError(f"detector: found {name!r}, expected one of {', '.join(MAKERS)}")
    return MAKERS[name](**parameters)


class ErrorStream:
    """Watches the errors of a model version as truth arrives, and raises an alert when they have become more.

    >>> errors = ErrorStream("churn", model_version="v1")
    >>> any([errors.observe(wrong) for wrong in [0.0, 0.0, 0.0, 1.0] * 100])
    False
    >>> any([errors.observe(wrong) for wrong in [1.0, 1.0, 1.0, 0.0] * 100])
    True
    """

    FEATURE = "error"  #: What its alerts name as the feature.
    SEVERITY = "high"

    def __init__(
        self,
        model: str,
        *,
        model_version: str = "",
        watch: Detector | None = None,
        tenant: str = "default",
        workspace: str = "default",
    ) -> None:
        """Watch `model` by a detector; by Page and Hinkley's if None."""
        self._labels = {"model": model, "model_version": model_version}
        self._owner = {"tenant": tenant, "workspace": workspace}
        self._detector = watch if watch is not None else PageHinkley()
        for severity in DRIFT_SEVERITY.values:
            counter(DRIFT_ALERTS).declare(**self._owner, **self._labels, severity=severity)
        self._seen = 0

    def observe(self, error: float) -> bool:
        """Take in one error, as 1.0 for wrong and 0.0 for right; say whether they have become more; never raises.

        An alarm is counted, with the running trace as its example, and kept in the store where there is one.
        """
        found = False
        with _guard.guard("drift"):
            self._seen += 1
            found = self._detector.update(float(error))
            if found:
                counter(DRIFT_ALERTS).labels(**self._owner, **self._labels, severity=self.SEVERITY).inc()
                self._keep()
        return found

    def _keep(self) -> None:
        store, now, at = current(), _clock.wall_ns(), here()
        if store is None:
            return
        store.drift.put_alert(
            DriftAlert(
                **self._owner,
                **self._labels,
                feature=self.FEATURE,
                began_ns=now,
                ended_ns=now,
                measured_ns=now,
                severity=self.SEVERITY,
                psi=0.0,
                p_value=0.0,
                mean_shift=None,
                rows=self._seen,
                trace_id=at.trace_id,
                span_id=at.span_id,
            )
        )
