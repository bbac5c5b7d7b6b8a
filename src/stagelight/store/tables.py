"""The tables. Every one has the tenant and the workspace in its key.

```
traces ──< spans >── resources       a summary row per trace; a row per span; what many spans share is kept once
   └─────< logs                      log lines, with or without a trace
pins                                 traces that never expire, and why
attribute_values                     a bounded sample of what occurs, for suggestions
series ──< rollups                   metrics added up in 10-second buckets
   └─────< readings                  the last value of each source of a series, so that a restart neither loses nor doubles
predictions, feedback, truth         append-only rows
alert_outbox                         alerts, each in its last known state, until all have heard
tokens                               who may talk to the server; the secret's hash alone
```
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, SmallInteger, Table, Text, UniqueConstraint
from sqlalchemy import text as sql

from stagelight.store.columns import Big, key, key_number, metadata, number, owner, text, whole

SIGNATURE_COLUMNS = tuple(f"sig{number}" for number in range(8))
BUCKET_NS = 10 * 1_000_000_000

traces = Table(
    "traces",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    *owner(),
    Column("trace_id", Text, nullable=False),
    text("name"),
    text("service"),
    whole("start_ns"),
    whole("end_ns"),
    whole("duration_ns"),
    whole("span_count"),
    whole("error_count"),
    text("session"),
    text("model_version"),
    whole("input_tokens"),
    whole("output_tokens"),
    number("cost"),
    whole("agent_input_tokens"),  # what agents and chains report: sums of the calls below them,
    whole("agent_output_tokens"),  # shown only where those calls did not arrive
    number("agent_cost"),
    Column(
        "rooted", SmallInteger, nullable=False, server_default="0"
    ),  # 1: the name is the root's; -1: only feedback came
    whole("named_ns"),  # start of the span that gave the name
    whole("sort_ns"),  # start as first seen; never changes, so that no page shows a trace twice
    whole("seen_ns"),  # our clock when a span last arrived; age counts from here
    *(whole(name) for name in SIGNATURE_COLUMNS),
    UniqueConstraint("trace_id", "tenant", "workspace", name="traces_key"),
    Index("traces_recent", "sort_ns", "id"),
    Index("traces_slowest", "duration_ns", "id"),
    Index("traces_seen", "seen_ns"),
    Index("traces_session", "session"),
    sqlite_autoincrement=True,
)

spans = Table(
    "spans",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    *owner(),
    whole("trace"),  # traces.id: shorter than the id it stands for, and it grows, which an index likes
    Column("span_id", Text, nullable=False),
    text("parent_id"),
    text("name"),
    text("kind"),
    whole("start_ns"),
    whole("end_ns"),
    text("status"),
    whole("resource"),
    text("attributes"),  # compact JSON
    text("rest"),  # compact JSON of what most spans have none of: events, links, message, state, flags
    UniqueConstraint("trace", "span_id", "tenant", "workspace", name="spans_key"),
    sqlite_autoincrement=True,
)

resources = Table(
    "resources",
    metadata,
    *owner(key=True),
    key_number("id"),  # 63 bits of the content's hash
    text("attributes"),
    text("scope_name"),
    text("scope_version"),
    whole("seen_ns"),
)

logs = Table(
    "logs",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    *owner(),
    text("trace_id"),
    text("span_id"),
    whole("time_ns"),
    text("severity"),
    whole("severity_number"),
    text("event_name"),
    text("body"),  # compact JSON
    text("attributes"),
    whole("resource"),
    whole("seen_ns"),
    Column("digest", Text, nullable=False),  # of the content: OTLP gives log records no id
    UniqueConstraint("digest", "tenant", "workspace", name="logs_key"),
    Index("logs_trace", "trace_id"),
    Index("logs_seen", "seen_ns"),
    sqlite_autoincrement=True,
)

pins = Table(
    "pins",
    metadata,
    *owner(key=True),
    key("trace_id"),
    key("because"),
    whole("seen_ns"),
    Index("pins_trace", "trace_id"),
)

attribute_values = Table(
    "attribute_values",
    metadata,
    *owner(key=True),
    key("key"),
    key("value"),
    whole("seen_ns"),
)

series = Table(
    "series",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    *owner(),
    text("name"),
    Column("digest", Text, nullable=False),  # of labels, kind and bounds: an index entry has a largest size
    text("labels"),  # JSON, keys in order, without tenant and workspace
    text("kind"),
    text("bounds"),
    text("unit"),
    text("description"),
    whole("seen_ns"),
    UniqueConstraint("tenant", "workspace", "name", "digest", name="series_key"),
    Index("series_name", "name"),
    sqlite_autoincrement=True,
)

rollups = Table(
    "rollups",
    metadata,
    *owner(key=True),
    key_number("series"),
    key_number("bucket"),  # seconds since 1970, where the bucket begins
    key_number("source"),  # 0 for what adds up; a gauge keeps its sources apart
    number("value"),
    whole("observations"),
    text("buckets"),
    sqlite_with_rowid=False,
)

readings = Table(
    "readings",
    metadata,
    *owner(key=True),
    key_number("series"),
    key_number("source"),  # 63 bits of the resource's hash
    key_number("start_ns"),  # a restarted program begins anew
    whole("time_ns"),
    number("value"),
    whole("observations"),
    text("buckets"),
    text("recent"),  # times of the last deltas, so that one sent again is known
    whole("seen_ns"),
)


predictions = Table(
    "predictions",
    metadata,
    *owner(key=True),
    key("prediction_id"),
    text("type"),
    text("model_version"),
    Column("score", Float(53)),
    text("decision"),
    text("entity"),
    text("features"),
    Column("observed_at", Float(53), nullable=False),
    text("trace_id"),
    text("span_id"),
    text("actual_outcome"),  # what it turned out to be, once that is known
    whole("outcome_revision"),  # which of its outcomes holds; 0 for none
    whole("seen_ns"),
    Index("predictions_trace", "trace_id"),
    Index("predictions_entity", "entity"),
    Index("predictions_type", "type", "observed_at", "prediction_id"),
)

_JUDGES = sql("decision_id <> ''")
feedback = Table(
    "feedback",
    metadata,
    *owner(key=True),
    key("feedback_id"),
    text("kind"),
    text("signal"),
    Column("value", Float(53)),
    Column("reward", Float(53)),
    text("comment"),
    text("sentiment"),
    text("label"),
    text("source"),
    text("user"),
    text("decision_id"),
    text("model_version"),
    text("prediction_id"),
    text("trace_id"),
    text("span_id"),
    Column("observed_at", Float(53), nullable=False),
    whole("seen_ns"),
    Index("feedback_trace", "trace_id"),
    Index("feedback_prediction", "prediction_id"),
    Index("feedback_decision", "decision_id", sqlite_where=_JUDGES, postgresql_where=_JUDGES),
    Index("feedback_observed", "observed_at"),
)

truth = Table(
    "truth",
    metadata,
    *owner(key=True),
    key("truth_id"),
    text("event"),
    text("entity"),
    Column("value", Float(53)),
    text("label"),
    text("prediction_id"),
    text("trace_id"),
    text("span_id"),
    Column("observed_at", Float(53), nullable=False),
    whole("seen_ns"),
    Index("truth_trace", "trace_id"),
    Index("truth_prediction", "prediction_id"),
    Index("truth_entity", "entity", "observed_at"),
    Index("truth_observed", "observed_at"),
)

alert_outbox = Table(
    "alert_outbox",
    metadata,
    *owner(key=True),
    key("fingerprint"),  # of the full label set
    text("name"),
    text("severity"),
    text("labels"),  # JSON, all of them
    text("annotations"),
    text("trace_ids"),
    whole("starts_ns"),
    whole("ends_ns"),  # 0: it fires until it is told otherwise
    whole("told_ns"),  # when its sender said so
    text("announced"),  # what people were told last by ourselves, see store.outbox
    whole("seen_ns"),
    Index("alert_outbox_ends", "ends_ns"),
)

tokens = Table(
    "tokens",
    metadata,
    *owner(key=True),
    key("id"),
    text("name"),
    text("sha256"),
    text("scopes"),
    whole("created_ns"),
    whole("expires_ns"),
    whole("revoked_ns"),
    Index("tokens_id", "id"),
)
