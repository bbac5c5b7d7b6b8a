"""Routing decisions, the queue of rewards, the state of policies; what feedback says of rewards, users and decisions.

Four tables of their own, and new columns of feedback, empty for the rows there are.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def key(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=False)


def text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def whole(name: str) -> sa.Column:
    return sa.Column(name, BIG, server_default="0", nullable=False)


def upgrade() -> None:
    """Create the tables, widen feedback."""
    op.create_table(
        "decisions",
        key("tenant"),
        key("workspace"),
        key("decision_id"),
        text("router"),
        text("policy"),
        whole("policy_version"),
        text("arm"),
        sa.Column("propensity", sa.Float(53), server_default="0", nullable=False),
        text("eligible"),
        text("context"),
        text("prediction_id"),
        text("trace_id"),
        text("span_id"),
        sa.Column("observed_at", sa.Float(53), nullable=False),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "decision_id"),
    )
    op.create_index("decisions_trace", "decisions", ["trace_id"])
    op.create_index("decisions_prediction", "decisions", ["prediction_id"])
    op.create_index("decisions_router", "decisions", ["router", "observed_at"])
    op.create_table(
        "delivery",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        key("tenant"),
        key("workspace"),
        key("consumer"),
        key("feedback_id"),
        whole("shard"),
        text("state"),
        whole("attempts"),
        whole("lease_until_ns"),
        whole("lease"),
        text("reason"),
        text("arm"),
        text("body"),
        whole("queued_ns"),
        whole("settled_ns"),
        whole("version"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("feedback_id", "consumer", "tenant", "workspace", name="delivery_key"),
    )
    for name, rows in (("open", sa.text("settled_ns = 0")), ("dead", sa.text("state = 'dead'"))):
        op.create_index(f"delivery_{name}", "delivery", ["consumer", "id"], sqlite_where=rows, postgresql_where=rows)
    op.create_table(
        "policies",
        key("tenant"),
        key("workspace"),
        key("router"),
        whole("version"),
        text("state"),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "router"),
    )
    op.create_table(
        "policy_snapshots",
        key("tenant"),
        key("workspace"),
        key("router"),
        sa.Column("version", BIG, autoincrement=False, nullable=False),
        text("state"),
        whole("base"),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "router", "version"),
    )
    op.add_column("feedback", sa.Column("reward", sa.Float(53)))
    op.add_column("feedback", text("user"))
    op.add_column("feedback", text("sentiment"))
    op.add_column("feedback", text("decision_id"))
    named = sa.text("decision_id <> ''")
    op.create_index("feedback_decision", "feedback", ["decision_id"], sqlite_where=named, postgresql_where=named)
