"""Hypothesis strategies for the records of `stagelight.wire`, and a way to compare them exactly."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from hypothesis import strategies as st

from stagelight.wire.records import LogRecord, MetricPoint, Scope, SpanEvent, SpanLink, SpanRecord

texts = st.text(max_size=20)
times = st.integers(0, 2**63 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
trace_ids = st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}")
span_ids = st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}")
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | finite | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)
attributes = st.dictionaries(texts, values, max_size=4)
scopes = st.builds(Scope, name=st.sampled_from(["", "a", "ü"]), version=st.sampled_from(["", "1"]))
resources = st.sampled_from([{}, {"service.name": "a"}, {"service.name": "b", "deep": [1, {"x": None}]}])

spans = st.builds(
    SpanRecord,
    trace_id=trace_ids,
    span_id=span_ids,
    parent_id=st.just("") | span_ids,
    name=texts,
    kind=st.sampled_from(["unspecified", "internal", "server", "client", "producer", "consumer"]),
    start_ns=times,
    end_ns=times,
    status=st.sampled_from(["unset", "ok", "error"]),
    status_message=texts,
    attributes=attributes,
    events=st.lists(st.builds(SpanEvent, name=texts, time_ns=times, attributes=attributes), max_size=2).map(tuple),
    links=st.lists(st.builds(SpanLink, trace_id=trace_ids, span_id=span_ids, attributes=attributes), max_size=2).map(
        tuple
    ),
    resource=resources,
    scope=scopes,
    trace_state=texts,
    flags=st.integers(0, 2**32 - 1),
)
logs = st.builds(
    LogRecord,
    time_ns=times,
    severity=texts,
    severity_number=st.integers(0, 24),
    body=values,
    trace_id=st.just("") | trace_ids,
    span_id=st.just("") | span_ids,
    event_name=texts,
    attributes=attributes,
    resource=resources,
    scope=scopes,
)

_point = {
    "name": st.text(min_size=1, max_size=20),
    "time_ns": times,
    "start_ns": times,
    "unit": texts,
    "description": texts,
    "attributes": attributes,
    "resource": resources,
}
_temporality = {"temporality": st.sampled_from(["delta", "cumulative"])}
_counts = st.integers(0, 2**63 - 1)


def _histograms(bounds: list[float]) -> st.SearchStrategy[MetricPoint]:
    buckets = st.lists(_counts, min_size=len(bounds) + 1, max_size=len(bounds) + 1).map(tuple)
    return st.builds(
        MetricPoint,
        kind=st.just("histogram"),
        value=finite,
        count=_counts,
        bounds=st.just(tuple(bounds)),
        buckets=buckets,
        **_point,
        **_temporality,
    )


points = (
    st.builds(MetricPoint, kind=st.just("gauge"), value=finite, **_point)
    | st.builds(MetricPoint, kind=st.just("sum"), value=finite, monotonic=st.booleans(), **_point, **_temporality)
    | st.lists(finite, max_size=4, unique=True).map(sorted).flatmap(_histograms)
)


def exact(records: list[Any]) -> list[str]:
    """The records as sorted texts: equal only if every value has the same type too, since 1 == 1.0 == True."""
    return sorted(json.dumps(asdict(record), sort_keys=True) for record in records)


def span(number: int = 1, **fields: Any) -> SpanRecord:
    """A plain span, the `number`th of its trace."""
    given = {"trace_id": f"{1:032x}", "span_id": f"{number:016x}", "name": "work", "start_ns": 1, "end_ns": 2}
    return SpanRecord(**{**given, **fields})
