"""Spans, metrics and logs as plain frozen rows: what lies between OTLP's bytes and everything that keeps or shows them.

Ids are lower-case hex, times are nanoseconds since 1970, attribute values are JSON's (text, numbers, booleans, None, lists,
objects; bytes arrive as base64 text), finite numbers alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
Attributes: TypeAlias = "Mapping[str, Value]"
SpanKind = Literal["unspecified", "internal", "server", "client", "producer", "consumer"]
StatusCode = Literal["unset", "ok", "error"]
Temporality = Literal["delta", "cumulative"]

TENANT = "stagelight.tenant"
WORKSPACE = "stagelight.workspace"


class Tenancy(NamedTuple):
    """Whose row it is; part of every table's key."""

    tenant: str = "default"
    workspace: str = "default"

    @classmethod
    def of(cls, *sources: Attributes) -> Tenancy:
        """Read tenant and workspace from the first of `sources` that names them.

        >>> Tenancy.of({"stagelight.tenant": "acme"}, {"stagelight.workspace": "prod"})
        Tenancy(tenant='acme', workspace='prod')
        """
        found = [next((str(s[key]) for s in sources if s.get(key)), "default") for key in (TENANT, WORKSPACE)]
        return cls(*found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The instrumentation that made a record."""

    name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """Something that happened at one moment of a span."""

    name: str
    time_ns: int
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLink:
    """Another span that this one has to do with."""

    trace_id: str
    span_id: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """A finished span."""

    trace_id: str  #: 32 hex digits.
    span_id: str  #: 16 hex digits.
    parent_id: str = ""  #: 16 hex digits; empty for a root.
    name: str
    kind: SpanKind = "internal"
    start_ns: int
    end_ns: int
    status: StatusCode = "unset"
    status_message: str = ""
    attributes: Attributes = field(default_factory=dict)
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()
    resource: Attributes = field(default_factory=dict)
    scope: Scope = Scope()
    trace_state: str = ""
    flags: int = 0  #: Lowest byte: W3C trace flags; 1 is sampled.

    @property
    def tenancy(self) -> Tenancy:
        """Whose span it is, by its own attributes, else by its resource's."""
        return Tenancy.of(self.attributes, self.resource)

    @property
    def duration_ns(self) -> int:
        """From start to end; never negative."""
        return max(0, self.end_ns - self.start_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """A log line."""

    time_ns: int
    severity: str = ""  #: Text such as INFO; empty where none was sent.
    severity_number: int = 0
    body: Value = None
    trace_id: str = ""
    span_id: str = ""
    event_name: str = ""
    attributes: Attributes = field(default_factory=dict)
    resource: Attributes = field(default_factory=dict)
    scope: Scope = Scope()

    @property
    def tenancy(self) -> Tenancy:
        """Whose line it is."""
        return Tenancy.of(self.attributes, self.resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPoint:
    """One data point of a metric; a histogram's carries its buckets, any other its value."""

    name: str  #: As sent; OpenTelemetry names with dots are kept.
    kind: Literal["sum", "gauge", "histogram"]
    time_ns: int
    start_ns: int = 0  #: When a cumulative series began; 0 if unknown.
    temporality: Temporality = "cumulative"
    monotonic: bool = False  #: For sums: a counter.
    unit: str = ""
    description: str = ""
    value: float = 0.0  #: The sum or the gauge's value; a histogram's sum.
    count: int = 0  #: A histogram's count.
    bounds: tuple[float, ...] = ()  #: A histogram's upper bounds.
    buckets: tuple[int, ...] = ()  #: A histogram's counts, one more than bounds.
    attributes: Attributes = field(default_factory=dict)
    resource: Attributes = field(default_factory=dict)

    @property
    def tenancy(self) -> Tenancy:
        """Whose point it is; metric labels carry the bare names `tenant` and `workspace`."""
        labels = {TENANT: self.attributes.get("tenant"), WORKSPACE: self.attributes.get("workspace")}
        return Tenancy.of(labels, self.resource)
