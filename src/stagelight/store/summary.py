"""What a list shows of a trace, out of its spans: pure; the database adds what arrives later to what it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stagelight.store import signature
from stagelight.store.codec import NAME_CHARS, clean, text_of, whole
from stagelight.store.tables import SIGNATURE_COLUMNS
from stagelight.wire import conventions
from stagelight.wire.records import TENANT, WORKSPACE, Tenancy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagelight.wire.records import SpanRecord

STAGE = "stagelight.stage"
MODEL_VERSION = "stagelight.model_version"
SUMMING = frozenset({"agent", "chain"})
ONLY_JUDGED = -1  #: `rooted` of a trace of which nothing came but what was said of it: it has no times of its own yet.


@dataclass(slots=True)
class TraceSpans:
    """The spans of one trace within one write, each once."""

    tenancy: Tenancy
    trace_id: str
    spans: dict[str, SpanRecord] = field(default_factory=dict)


def grouped(spans: Iterable[SpanRecord], tenant: str | None) -> list[TraceSpans]:
    """Sort `spans` by owner and trace, the first of two with the same id wins.

    A span that names no owner (an instrumentation which has not heard of us) belongs to whom the rest of its trace
    belongs. `tenant`, where given, overrides what any attribute says.
    """
    spans = list(spans)
    owners: dict[str, Tenancy] = {}
    named: dict[int, Tenancy] = {}
    for span in spans:
        if _named(span.attributes) or _named(span.resource):
            named[id(span)] = owner = span.tenancy
            owners.setdefault(span.trace_id, owner)
    groups: dict[tuple[Tenancy, str], TraceSpans] = {}
    for span in spans:
        owner = named.get(id(span)) or owners.get(span.trace_id) or Tenancy()
        if tenant is not None:
            owner = Tenancy(tenant, owner.workspace)
        key = owner, span.trace_id
        group = groups.get(key)
        if group is None:
            group = groups[key] = TraceSpans(Tenancy(clean(owner.tenant), clean(owner.workspace)), clean(span.trace_id))
        group.spans.setdefault(clean(span.span_id), span)
    return list(groups.values())


def _named(attributes: Mapping[str, Any]) -> bool:
    return bool(attributes.get(TENANT) or attributes.get(WORKSPACE))


def stage_of(span: SpanRecord) -> str:
    """Return the stage a span stands for; of a program that has not heard of stages, its name."""
    return clean(str(span.attributes.get(STAGE) or span.name))[:NAME_CHARS]


def summary_row(group: TraceSpans, now_ns: int) -> dict[str, Any]:
    """Return what the spans of `group` add to the summary of their trace."""
    spans = group.spans.values()
    work = [span for span in spans if not conventions.is_feedback(span.attributes)]
    first = min(work or spans, key=lambda span: (bool(span.parent_id), span.start_ns))
    start, end = min(s.start_ns for s in work or spans), max(max(s.start_ns, s.end_ns) for s in work or spans)
    row = {
        "tenant": group.tenancy.tenant,
        "workspace": group.tenancy.workspace,
        "trace_id": group.trace_id,
        "name": clean(first.name)[:NAME_CHARS],
        "service": text_of(first.resource.get(conventions.SERVICE_NAME, ""))[:NAME_CHARS],
        "start_ns": whole(start),
        "end_ns": whole(end),
        "duration_ns": whole(end) - whole(start),
        "span_count": len(spans),
        "error_count": sum(span.status == "error" for span in spans),
        "session": next((clean(found)[:NAME_CHARS] for s in spans if (found := conventions.session(s.attributes))), ""),
        "model_version": next((text_of(version) for s in spans if (version := s.attributes.get(MODEL_VERSION))), "")[
            :NAME_CHARS
        ],
        "rooted": int(not first.parent_id) if work else ONLY_JUDGED,
        "named_ns": whole(first.start_ns),
        "sort_ns": whole(start),
        "seen_ns": now_ns,
    }
    row.update(_usage(spans))
    row.update(zip(SIGNATURE_COLUMNS, signature.words(_signature(spans)), strict=True))
    return row


def _signature(spans: Iterable[SpanRecord]) -> int:
    found = 0
    resources: set[int] = set()
    for span in spans:
        found |= signature.of(span.attributes)
        if STAGE not in span.attributes:
            found |= signature.bits(STAGE, stage_of(span))
        if id(span.resource) not in resources:  # spans of one batch share the object
            resources.add(id(span.resource))
            found |= signature.of(span.resource)
    return found


def _usage(spans: Iterable[SpanRecord]) -> dict[str, Any]:
    sums = {
        name: 0.0
        for prefix in ("", "agent_")
        for name in (f"{prefix}input_tokens", f"{prefix}output_tokens", f"{prefix}cost")
    }
    for span in spans:
        used = conventions.usage(span.attributes)
        if used:
            # An agent's span may report the sum of the calls below it; added to theirs it would count twice.
            prefix = "agent_" if conventions.kind(span.attributes) in SUMMING else ""
            sums[f"{prefix}input_tokens"] += used.input_tokens or 0
            sums[f"{prefix}output_tokens"] += used.output_tokens or 0
            sums[f"{prefix}cost"] += used.cost or 0.0
    return {name: value if name.endswith("cost") else whole(int(value)) for name, value in sums.items()}
