"""The outbox of alerts: what fires, what ended, and what of it was announced.

A table of its own; no row of an earlier one is touched.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def key(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=False)


def text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def whole(name: str) -> sa.Column:
    return sa.Column(name, BIG, server_default="0", nullable=False)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "alert_outbox",
        key("tenant"),
        key("workspace"),
        key("fingerprint"),
        text("name"),
        text("severity"),
        text("labels"),
        text("annotations"),
        text("trace_ids"),
        whole("starts_ns"),
        whole("ends_ns"),
        whole("told_ns"),
        text("announced"),
        whole("seen_ns"),
        sa.PrimaryKeyConstraint("tenant", "workspace", "fingerprint"),
    )
    op.create_index("alert_outbox_ends", "alert_outbox", ["ends_ns"])
