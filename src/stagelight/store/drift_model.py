"""What is kept of drift, as plain frozen rows. Times are nanoseconds since 1970, UTC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Origin = Literal["frozen", "training", "trailing"]
Verdict = Literal["alert", "warning", "quiet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReference:
    """What a feature of a model version looked like when all was well."""

    tenant: str = "default"
    workspace: str = "default"
    model: str
    model_version: str
    feature: str
    reference: str  #: Tells it from any other.
    origin: Origin
    rows: int
    since_ns: int = 0
    until_ns: int = 0
    body: Mapping[str, Any]  #: As the drift room writes it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one check found of one feature."""

    tenant: str = "default"
    workspace: str = "default"
    model: str
    model_version: str
    feature: str
    measured_ns: int
    reference: str
    since_ns: int  #: The window that was looked at.
    until_ns: int
    psi: float
    kl: float
    js: float
    ks: float | None
    wasserstein: float | None
    chi2: float
    mean_shift: float | None  #: In standard deviations of the reference.
    p_value: float
    noise: float  #: The PSI that chance exceeds once in a thousand checks.
    rows: int
    effective_rows: float
    reference_rows: int
    severity: str  #: none, low, medium, high or critical.
    verdict: Verdict
    trace_id: str = ""  #: An example out of the group that moved most.
    span_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftAlert:
    """Drift of a feature, from when it was found until it was gone."""

    tenant: str = "default"
    workspace: str = "default"
    model: str
    model_version: str
    feature: str
    began_ns: int
    ended_ns: int = 0  #: 0: it goes on.
    measured_ns: int  #: By the last check that saw it.
    severity: str  #: The worst so far.
    psi: float
    p_value: float
    mean_shift: float | None
    rows: int
    trace_id: str = ""
    span_id: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A prediction, as far as drift looks at it."""

    model_version: str
    observed_at: float  #: Seconds since 1970.
    score: float | None
    features: Mapping[str, Any]
    trace_id: str
    span_id: str
