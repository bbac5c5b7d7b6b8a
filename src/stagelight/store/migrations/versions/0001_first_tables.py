"""The first tables: traces, logs, metrics, rows, tokens; all keyed by tenant and workspace.

Written out here, not taken from `stagelight.store.tables`: that module moves on, what this file makes must not.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def owner() -> tuple[sa.Column, sa.Column]:
    return key("tenant"), key("workspace")


def key(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=False)


def key_number(name: str) -> sa.Column:
    return sa.Column(name, BIG, autoincrement=False, nullable=False)


def text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def whole(name: str) -> sa.Column:
    return sa.Column(name, BIG, server_default="0", nullable=False)


def number(name: str) -> sa.Column:
    return sa.Column(name, sa.Float(53), server_default="0", nullable=False)


def maybe(name: str) -> sa.Column:
    return sa.Column(name, sa.Float(53), nullable=True)


def upgrade() -> None:
    """Create every table."""
    for table in (
        _resources,
        _traces,
        _spans,
        _logs,
        _pins,
        _attribute_values,
        _series,
        _rollups,
        _readings,
        _predictions,
        _feedback,
        _truth,
        _tokens,
    ):
        table()


def _resources() -> None:
    op.create_table(
        "resources",
        *owner(),
        key_number("id"),
        text("attributes"),
        text("scope_name"),
        text("scope_version"),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "id"),
    )


def _traces() -> None:
    op.create_table(
        "traces",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        *owner(),
        key("trace_id"),
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
        whole("agent_input_tokens"),
        whole("agent_output_tokens"),
        number("agent_cost"),
        sa.Column("rooted", sa.SmallInteger(), server_default="0", nullable=False),
        whole("named_ns"),
        whole("sort_ns"),
        whole("seen_ns"),
        *(whole(f"sig{n}") for n in range(8)),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("trace_id", "tenant", "workspace", name="traces_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("traces_recent", "traces", ["sort_ns", "id"])
    op.create_index("traces_seen", "traces", ["seen_ns"])
    op.create_index("traces_session", "traces", ["session"])
    op.create_index("traces_slowest", "traces", ["duration_ns", "id"])


def _spans() -> None:
    op.create_table(
        "spans",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        *owner(),
        whole("trace"),
        key("span_id"),
        text("parent_id"),
        text("name"),
        text("kind"),
        whole("start_ns"),
        whole("end_ns"),
        text("status"),
        whole("resource"),
        text("attributes"),
        text("rest"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("trace", "span_id", "tenant", "workspace", name="spans_key"),
        sqlite_autoincrement=True,
    )


def _logs() -> None:
    op.create_table(
        "logs",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        *owner(),
        text("trace_id"),
        text("span_id"),
        whole("time_ns"),
        text("severity"),
        whole("severity_number"),
        text("event_name"),
        text("body"),
        text("attributes"),
        whole("resource"),
        whole("seen_ns"),
        key("digest"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest", "tenant", "workspace", name="logs_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("logs_seen", "logs", ["seen_ns"])
    op.create_index("logs_trace", "logs", ["trace_id"])


def _pins() -> None:
    op.create_table(
        "pins",
        *owner(),
        key("trace_id"),
        key("because"),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "trace_id", "because"),
    )
    op.create_index("pins_trace", "pins", ["trace_id"])


def _attribute_values() -> None:
    op.create_table(
        "attribute_values",
        *owner(),
        key("key"),
        key("value"),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "key", "value"),
    )


def _series() -> None:
    op.create_table(
        "series",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        *owner(),
        text("name"),
        key("digest"),
        text("labels"),
        text("kind"),
        text("bounds"),
        text("unit"),
        text("description"),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "workspace", "name", "digest", name="series_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("series_name", "series", ["name"])


def _rollups() -> None:
    op.create_table(
        "rollups",
        *owner(),
        key_number("series"),
        key_number("bucket"),
        key_number("source"),
        number("value"),
        whole("observations"),
        text("buckets"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "series", "bucket", "source"),
        sqlite_with_rowid=False,
    )


def _readings() -> None:
    op.create_table(
        "readings",
        *owner(),
        key_number("series"),
        key_number("source"),
        key_number("start_ns"),
        whole("time_ns"),
        number("value"),
        whole("observations"),
        text("buckets"),
        text("recent"),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "series", "source", "start_ns"),
    )


def _predictions() -> None:
    op.create_table(
        "predictions",
        *owner(),
        key("prediction_id"),
        text("type"),
        text("model_version"),
        maybe("score"),
        text("decision"),
        text("entity"),
        text("features"),
        sa.Column("observed_at", sa.Float(53), nullable=False),
        text("trace_id"),
        text("span_id"),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "prediction_id"),
    )
    op.create_index("predictions_entity", "predictions", ["entity"])
    op.create_index("predictions_trace", "predictions", ["trace_id"])
    op.create_index("predictions_type", "predictions", ["type", "observed_at"])


def _feedback() -> None:
    op.create_table(
        "feedback",
        *owner(),
        key("feedback_id"),
        text("kind"),
        text("signal"),
        maybe("value"),
        text("comment"),
        text("label"),
        text("source"),
        text("model_version"),
        text("prediction_id"),
        text("trace_id"),
        text("span_id"),
        sa.Column("observed_at", sa.Float(53), nullable=False),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "feedback_id"),
    )
    op.create_index("feedback_observed", "feedback", ["observed_at"])
    op.create_index("feedback_prediction", "feedback", ["prediction_id"])
    op.create_index("feedback_trace", "feedback", ["trace_id"])


def _truth() -> None:
    op.create_table(
        "truth",
        *owner(),
        key("truth_id"),
        text("event"),
        text("entity"),
        maybe("value"),
        text("label"),
        text("prediction_id"),
        text("trace_id"),
        text("span_id"),
        sa.Column("observed_at", sa.Float(53), nullable=False),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "truth_id"),
    )
    op.create_index("truth_entity", "truth", ["entity"])
    op.create_index("truth_observed", "truth", ["observed_at"])
    op.create_index("truth_prediction", "truth", ["prediction_id"])
    op.create_index("truth_trace", "truth", ["trace_id"])


def _tokens() -> None:
    op.create_table(
        "tokens",
        *owner(),
        key("id"),
        text("name"),
        text("sha256"),
        text("scopes"),
        whole("created_ns"),
        whole("expires_ns"),
        whole("revoked_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "id"),
    )
    op.create_index("tokens_id", "tokens", ["id"])
