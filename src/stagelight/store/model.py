"""What the store is asked and what it answers, as plain frozen rows; no SQL here, so pages and commands may import it lightly.

Times are nanoseconds since 1970, UTC. `tenant=None` and `workspace=None` mean all of them: right on loopback, never for a
caller who holds a token, whose tenant is passed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.wire.records import LogRecord, SpanRecord

Sort = Literal["recent", "slowest"]
Kind = Literal["predictions", "feedback", "decisions", "truth"]
METRICS = "metrics"
SAMPLED = "spans (sampled)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuery:
    """Which traces to look for; what is left out restricts nothing."""

    text: str = ""  #: Anywhere in names, attributes, events and log lines; upper and lower case are one.
    attributes: Mapping[str, str] = field(default_factory=dict)  #: Each must be on some span of the trace.
    min_ms: float | None = None
    max_ms: float | None = None
    errors_only: bool = False
    session: str = ""
    stage: str = ""
    model_version: str = ""
    since_ns: int | None = None  #: Started at or after.
    until_ns: int | None = None  #: Started before.
    tenant: str | None = None
    workspace: str | None = None
    sort: Sort = "recent"
    limit: int = 50  #: At most 1,000.
    cursor: str = ""  #: From the page before; one that does not parse starts from the beginning.


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSummary:
    """One trace in a list."""

    trace_id: str
    name: str  #: Of the root; of the earliest span while the root has not arrived.
    service: str
    start_ns: int
    duration_ns: int  #: From the earliest start to the latest end.
    span_count: int
    error_count: int
    session: str
    model_version: str
    input_tokens: int
    output_tokens: int
    cost: float  #: In the currency the spans were priced in, US dollars by convention.
    tenant: str
    workspace: str
    kept_because: str  #: Empty for a trace that expires.


@dataclass(frozen=True, slots=True)
class TracePage:
    """Some traces, and where the next ones begin."""

    rows: tuple[TraceSummary, ...]
    cursor: str  #: Empty on the last page.


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole trace; in a notebook it draws itself."""

    trace_id: str
    spans: tuple[SpanRecord, ...]  #: By start.
    logs: tuple[LogRecord, ...] = ()  #: By time.
    kept_because: str = ""

    @property
    def root(self) -> SpanRecord:
        """The span without a parent, or the earliest one while the root has not arrived."""
        known = {span.span_id for span in self.spans}
        roots = [s for s in self.spans if not s.parent_id] or [s for s in self.spans if s.parent_id not in known]
        return min(roots or self.spans, key=lambda span: span.start_ns)

    def _repr_html_(self) -> str:
        """Return the waterfall as static SVG, for notebooks."""
        from stagelight.waterfall import svg, tree

        return svg.render(tree.build(self.spans), static=True)


@dataclass(frozen=True, slots=True)
class NumberedSpan:
    """A span with its row's number, which only grows: ask for what came after it."""

    id: int
    span: SpanRecord
    tenant: str = ""  #: Under which it is kept; its attributes may claim another, or say nothing.


@dataclass(frozen=True, slots=True)
class NumberedLog:
    """A log line with its row's number, which only grows."""

    id: int
    log: LogRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """The traces of one conversation, added up."""

    session: str
    traces: int
    first_ns: int
    last_ns: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStats:
    """How one stage did within a window."""

    stage: str
    calls: float
    errors: float
    rate_per_s: float
    error_ratio: float  #: 0 to 1; 0 where there were no calls.
    p50_ms: float | None  #: None where nothing was timed.
    p95_ms: float | None
    p99_ms: float | None
    active: float  #: Started and not yet ended, as last reported.
    source: str  #: `metrics`, or `spans (sampled)` where the stage sends no metrics.


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePoint:
    """How one stage did within one step of time."""

    time_ns: int  #: Where the step begins.
    calls: float
    errors: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The last known value of a series."""

    name: str
    labels: Mapping[str, str]
    kind: str
    value: float  #: A histogram's sum.
    count: int  #: A histogram's count.
    time_ns: int
    tenant: str
    workspace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAlert:
    """An alert in the outbox."""

    tenant: str = "default"
    workspace: str = "default"
    fingerprint: str  #: Of the full label set, which is an alert's identity.
    name: str
    severity: str
    labels: Mapping[str, str]  #: The full set.
    annotations: Mapping[str, str] = field(default_factory=dict)
    trace_ids: tuple[str, ...] = ()
    starts_ns: int
    ends_ns: int = 0  #: 0: it fires until it is told otherwise.
    told_ns: int  #: When its sender said so; what is older changes nothing.
    announced: str = ""  #: What we told people last: firing, resolved, or nothing; withheld: it fires unheard.


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What the store holds, and how much room that takes."""

    bytes: int  #: On disk, write-ahead log included.
    max_bytes: int
    traces: int
    spans: int
    logs: int
    rollups: int
    predictions: int
    feedback: int
    truth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """What was removed."""

    traces: int = 0
    logs: int = 0
    rollups: int = 0
    rows: int = 0  #: Predictions, feedback, truth and ended alerts.
    freed_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the holder of a token may do."""

    id: str
    name: str
    tenant: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """A token as its owner may see it: never the secret."""

    id: str
    name: str
    tenant: str
    scopes: frozenset[str]
    created_ns: int
    expires_ns: int
    revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertKey:
    """Which alert is meant."""

    tenant: str
    workspace: str
    fingerprint: str
    name: str = ""
