"""`Alert`: what is wrong, how bad, since when; refused at once where Alertmanager would refuse it, or confuse it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stagelight import _clock
from stagelight.errors import AlertError, did_you_mean
from stagelight.telemetry import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.catalogue.rows import Severity

#: How bad: the pager goes off at the worst two, chat hears of the next two, mail of the rest.
RANKS: Final[Mapping[str, int]] = MappingProxyType({"info": 0, "ticket": 1, "warning": 1, "page": 2, "critical": 2})

LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
MAX_NAMES = 32  #: Labels, annotations and trace ids, each.
MAX_LABEL = 256  #: Characters of a label's value.
MAX_ANNOTATION = 4_096
OWN = ("alertname", "severity")  #: Labels that are fields here.
FOREVER_S = 2**63 / 1e9  #: Seconds since 1970 that 64 bits of nanoseconds hold.


def _now() -> float:
    return _clock.wall_ns() / 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that a person should know about, now.

    Its identity is its name, its severity and all its labels: the same again is the same alert, still firing.

    Raises:
        AlertError: It has no name, an unknown severity, a label that Alertmanager would refuse, or ends before it starts.

    >>> alert = Alert(name="FeedbackQueueStuck", severity="page", labels={"tenant": "acme", "queue": "rewards"})
    >>> alert.firing, alert.ended().firing
    (True, False)
    """

    name: str  #: As the catalogue's alerts are called: CamelCase, no figures in it.
    severity: Severity = "warning"
    labels: Mapping[str, str] = field(default_factory=dict)  #: Besides name and severity; `tenant` and `workspace` too.
    annotations: Mapping[str, str] = field(default_factory=dict)  #: For people: summary, description, runbook_url.
    starts_at: float = field(default_factory=_now)  #: Seconds since 1970, UTC.
    ends_at: float | None = None  #: The same; None: it fires until it is told otherwise.
    trace_ids: tuple[str, ...] = ()  #: Examples, 32 hex digits each; these traces are kept.

    def __post_init__(self) -> None:
        """Refuse what cannot be sent; make the rest fit."""
        self._check()
        fit = {
            "name": clean.text(self.name),
            "labels": _pairs(self.labels, MAX_LABEL),
            "annotations": _pairs(self.annotations, MAX_ANNOTATION),
            "trace_ids": tuple(dict.fromkeys(self.trace_ids))[:MAX_NAMES],
        }
        for name, value in fit.items():
            object.__setattr__(self, name, value)

    @property
    def firing(self) -> bool:
        """Whether it is still on."""
        return self.ends_at is None or self.ends_at > _now()

    @property
    def identity(self) -> dict[str, str]:
        """The full label set, by which Alertmanager knows it; tenant and workspace are always in it."""
        named = {"alertname": self.name, "severity": str(self.severity)}
        return dict(sorted({"tenant": "default", "workspace": "default", **self.labels, **named}.items()))

    @property
    def fingerprint(self) -> str:
        """The identity in 32 hex digits, the same in every process."""
        return hashlib.blake2b(json.dumps(self.identity).encode(), digest_size=16).hexdigest()

    def ended(self, at: float | None = None) -> Alert:
        """Return it as over, since `at` (seconds since 1970) or since now."""
        return replace(self, ends_at=max(_now() if at is None else at, self.starts_at))

    def _check(self) -> None:
        if not _is_text(self.name) or not self.name.strip():
            raise AlertError(
                "an alert needs a name: Alertmanager takes one without, and nobody could route or silence it"
            )
        if self.severity not in RANKS:
            raise AlertError(
                f"{self.name}: severity {self.severity!r}; expected {', '.join(reversed([*RANKS]))}."
                f"{did_you_mean(str(self.severity), RANKS)}"
            )
        _check_names(self.name, "label", self.labels)
        _check_names(self.name, "annotation", self.annotations)
        for name in OWN:
            if name in self.labels:
                raise AlertError(f"{self.name}: label {name!r} is what `name` and `severity` say; leave it out")
        _check_times(self.name, self.starts_at, self.ends_at)
        for trace_id in self.trace_ids:
            if not _is_text(trace_id) or not TRACE_ID.fullmatch(trace_id):
                raise AlertError(f"{self.name}: trace id {str(trace_id)[:64]!r}; expected 32 hex digits in lower case")


def _is_text(value: object) -> bool:
    """Whether a caller without a type checker gave what the annotation says."""
    return isinstance(value, str)


def _check_names(alert: str, what: str, given: Mapping[str, str]) -> None:
    if len(given) > MAX_NAMES:
        raise AlertError(f"{alert}: {len(given)} {what}s; at most {MAX_NAMES} are sent")
    for name, value in given.items():
        if not _is_text(name) or not LABEL.fullmatch(name):
            fit = re.sub(r"\W", "_", str(name)[:64], flags=re.ASCII)
            raise AlertError(
                f"{alert}: {what} {str(name)[:64]!r} is no name to Alertmanager: letters, digits and _ alone, as {fit!r}"
            )
        if not _is_text(value):
            raise AlertError(
                f"{alert}: {what} {name!r} is of type {type(value).__name__}; Alertmanager takes text alone"
            )


def _check_times(alert: str, starts_at: object, ends_at: object) -> None:
    for name, value in (("starts_at", starts_at), ("ends_at", ends_at)):
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number and not (name == "ends_at" and value is None):
            raise AlertError(f"{alert}: {name} is {value!r}; expected seconds since 1970")
        if isinstance(value, int | float) and not 0 <= value < FOREVER_S:
            raise AlertError(
                f"{alert}: {name} is {value!r}; expected seconds since 1970, not milliseconds or nanoseconds"
            )
    if isinstance(starts_at, int | float) and isinstance(ends_at, int | float) and ends_at < starts_at:
        raise AlertError(f"{alert}: it ends {starts_at - ends_at:g} s before it starts")


def _pairs(given: Mapping[str, str], limit: int) -> Mapping[str, str]:
    """Fit to send, in order; an empty value is none to Alertmanager, so it is none here."""
    return MappingProxyType({name: clean.text(given[name], limit=limit) for name in sorted(given) if given[name]})
