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

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, SmallInteger, Table, Text, UniqueConstraint

metadata = MetaData()

#: 64 bits; SQLite gives row numbers only to a column which it calls INTEGER.
Big = BigInteger().with_variant(Integer, "sqlite")
SIGNATURE_COLUMNS = tuple(f"sig{number}" for number in range(8))
BUCKET_NS = 10 * 1_000_000_000


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _whole(name: str) -> Column[int]:
    return Column(name, Big, nullable=False, server_default="0")


def _number(name: str) -> Column[float]:
    return Column(name, Float(53), nullable=False, server_default="0")


def _owner(*, key: bool = False) -> tuple[Column[str], Column[str]]:
    return (
        Column("tenant", Text, nullable=False, primary_key=key),
        Column("workspace", Text, nullable=False, primary_key=key),
    )


def _key(name: str, kind: type[Text] = Text) -> Column[str]:
    return Column(name, kind, primary_key=True, nullable=False)


def _key_number(name: str) -> Column[int]:
    return Column(name, Big, primary_key=True, nullable=False, autoincrement=False)


traces = Table(
    "traces",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    *_owner(),
    Column("trace_id", Text, nullable=False),
    _text("name"),
    _text("service"),
    _whole("start_ns"),
    _whole("end_ns"),
    _whole("duration_ns"),
    _whole("span_count"),
    _whole("error_count"),
    _text("session"),
    _text("model_version"),
    _whole("input_tokens"),
    _whole("output_tokens"),
    _number("cost"),
    _whole("agent_input_tokens"),  # what agents and chains report: sums of the calls below them,
    _whole("agent_output_tokens"),  # shown only where those calls did not arrive
    _number("agent_cost"),
    Column("rooted", SmallInteger, nullable=False, server_default="0"),  # 1: the name is the root's
    _whole("named_ns"),  # start of the span that gave the name
    _whole("sort_ns"),  # start as first seen; never changes, so that no page shows a trace twice
    _whole("seen_ns"),  # our clock when a span last arrived; age counts from here
    *(_whole(name) for name in SIGNATURE_COLUMNS),
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
    *_owner(),
    _whole("trace"),  # traces.id: shorter than the id it stands for, and it grows, which an index likes
    Column("span_id", Text, nullable=False),
    _text("parent_id"),
    _text("name"),
    _text("kind"),
    _whole("start_ns"),
    _whole("end_ns"),
    _text("status"),
    _whole("resource"),
    _text("attributes"),  # compact JSON
    _text("rest"),  # compact JSON of what most spans have none of: events, links, message, state, flags
    UniqueConstraint("trace", "span_id", "tenant", "workspace", name="spans_key"),
    sqlite_autoincrement=True,
)

resources = Table(
    "resources",
    metadata,
    *_owner(key=True),
    _key_number("id"),  # 63 bits of the content's hash
    _text("attributes"),
    _text("scope_name"),
    _text("scope_version"),
    _whole("seen_ns"),
)

logs = Table(
    "logs",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    *_owner(),
    _text("trace_id"),
    _text("span_id"),
    _whole("time_ns"),
    _text("severity"),
    _whole("severity_number"),
    _text("event_name"),
    _text("body"),  # compact JSON
    _text("attributes"),
    _whole("resource"),
    _whole("seen_ns"),
    Column("digest", Text, nullable=False),  # of the content: OTLP gives log records no id
    UniqueConstraint("digest", "tenant", "workspace", name="logs_key"),
    Index("logs_trace", "trace_id"),
    Index("logs_seen", "seen_ns"),
    sqlite_autoincrement=True,
)

pins = Table(
    "pins",
    metadata,
    *_owner(key=True),
    _key("trace_id"),
    _key("because"),
    _whole("seen_ns"),
    Index("pins_trace", "trace_id"),
)

attribute_values = Table(
    "attribute_values",
    metadata,
    *_owner(key=True),
    _key("key"),
    _key("value"),
    _whole("seen_ns"),
)

series = Table(
    "series",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    *_owner(),
    _text("name"),
    Column("digest", Text, nullable=False),  # of labels, kind and bounds: an index entry has a largest size
    _text("labels"),  # JSON, keys in order, without tenant and workspace
    _text("kind"),
    _text("bounds"),
    _text("unit"),
    _text("description"),
    _whole("seen_ns"),
    UniqueConstraint("tenant", "workspace", "name", "digest", name="series_key"),
    Index("series_name", "name"),
    sqlite_autoincrement=True,
)

rollups = Table(
    "rollups",
    metadata,
    *_owner(key=True),
    _key_number("series"),
    _key_number("bucket"),  # seconds since 1970, where the bucket begins
    _key_number("source"),  # 0 for what adds up; a gauge keeps its sources apart
    _number("value"),
    _whole("observations"),
    _text("buckets"),
    sqlite_with_rowid=False,
)

readings = Table(
    "readings",
    metadata,
    *_owner(key=True),
    _key_number("series"),
    _key_number("source"),  # 63 bits of the resource's hash
    _key_number("start_ns"),  # a restarted program begins anew
    _whole("time_ns"),
    _number("value"),
    _whole("observations"),
    _text("buckets"),
    _text("recent"),  # times of the last deltas, so that one sent again is known
    _whole("seen_ns"),
)


def _row_columns() -> tuple[Column[str] | Column[float] | Column[int], ...]:
    return (
        _text("prediction_id"),
        _text("trace_id"),
        _text("span_id"),
        Column("observed_at", Float(53), nullable=False),
        _whole("seen_ns"),
    )


predictions = Table(
    "predictions",
    metadata,
    *_owner(key=True),
    _key("prediction_id"),
    _text("type"),
    _text("model_version"),
    Column("score", Float(53)),
    _text("decision"),
    _text("entity"),
    _text("features"),
    Column("observed_at", Float(53), nullable=False),
    _text("trace_id"),
    _text("span_id"),
    _whole("seen_ns"),
    Index("predictions_trace", "trace_id"),
    Index("predictions_entity", "entity"),
    Index("predictions_type", "type", "observed_at"),
)

feedback = Table(
    "feedback",
    metadata,
    *_owner(key=True),
    _key("feedback_id"),
    _text("kind"),
    _text("signal"),
    Column("value", Float(53)),
    _text("comment"),
    _text("label"),
    _text("source"),
    _text("model_version"),
    *_row_columns(),
    Index("feedback_trace", "trace_id"),
    Index("feedback_prediction", "prediction_id"),
    Index("feedback_observed", "observed_at"),
)

truth = Table(
    "truth",
    metadata,
    *_owner(key=True),
    _key("truth_id"),
    _text("event"),
    _text("entity"),
    Column("value", Float(53)),
    _text("label"),
    *_row_columns(),
    Index("truth_trace", "trace_id"),
    Index("truth_prediction", "prediction_id"),
    Index("truth_entity", "entity"),
    Index("truth_observed", "observed_at"),
)

alert_outbox = Table(
    "alert_outbox",
    metadata,
    *_owner(key=True),
    _key("fingerprint"),  # of the full label set
    _text("name"),
    _text("severity"),
    _text("labels"),  # JSON, all of them
    _text("annotations"),
    _text("trace_ids"),
    _whole("starts_ns"),
    _whole("ends_ns"),  # 0: it fires until it is told otherwise
    _whole("told_ns"),  # when its sender said so
    _text("announced"),  # what people were told last by ourselves: firing, resolved, or nothing
    _whole("seen_ns"),
    Index("alert_outbox_ends", "ends_ns"),
)

tokens = Table(
    "tokens",
    metadata,
    *_owner(key=True),
    _key("id"),
    _text("name"),
    _text("sha256"),
    _text("scopes"),
    _whole("created_ns"),
    _whole("expires_ns"),
    _whole("revoked_ns"),
    Index("tokens_id", "id"),
)
