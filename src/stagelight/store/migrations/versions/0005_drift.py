"""References, measurements and alerts of drift.

Tables of their own; no row of an earlier one is touched.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHOSE = "tenant", "workspace", "model", "model_version", "feature"


def text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def whole(name: str) -> sa.Column:
    return sa.Column(name, BIG, server_default="0", nullable=False)


def number(name: str) -> sa.Column:
    return sa.Column(name, sa.Float(53), server_default="0", nullable=False)


def maybe(name: str) -> sa.Column:
    return sa.Column(name, sa.Float(53))


def table(name: str, *columns: sa.Column, at: str = "") -> None:
    moment = [sa.Column(at, BIG, nullable=False, autoincrement=False)] if at else []
    keys = [sa.Column(key, sa.Text(), nullable=False) for key in WHOSE] + moment
    op.create_table(name, *keys, *columns, whole("seen_ns"), sa.PrimaryKeyConstraint(*(key.name for key in keys)))


def upgrade() -> None:
    """Create the tables."""
    table(
        "drift_references",
        *(text(name) for name in ("reference", "origin")),
        *(whole(name) for name in ("rows", "since_ns", "until_ns")),
        text("body"),
    )
    table(
        "drift_measurements",
        text("reference"),
        *(whole(name) for name in ("since_ns", "until_ns")),
        *(number(name) for name in ("psi", "kl", "js")),
        *(maybe(name) for name in ("ks", "wasserstein")),
        number("chi2"),
        maybe("mean_shift"),
        *(number(name) for name in ("p_value", "noise")),
        whole("rows"),
        number("effective_rows"),
        whole("reference_rows"),
        *(text(name) for name in ("severity", "verdict", "trace_id", "span_id")),
        at="measured_ns",
    )
    table(
        "drift_alerts",
        *(whole(name) for name in ("ended_ns", "measured_ns")),
        text("severity"),
        *(number(name) for name in ("psi", "p_value")),
        maybe("mean_shift"),
        whole("rows"),
        *(text(name) for name in ("trace_id", "span_id")),
        at="began_ns",
    )
    op.create_index("drift_measurements_measured", "drift_measurements", ["measured_ns"])
    op.create_index("drift_alerts_ended", "drift_alerts", ["ended_ns"])
