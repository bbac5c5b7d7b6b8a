"""Outcomes of validations and two views over them; which alerts people were sent; who runs which task.

Tables of their own; no row of an earlier one is touched.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OWNER = "tenant", "workspace"

PATTERNS = """
CREATE VIEW v_validation_failure_patterns AS
SELECT o.tenant, o.workspace, p.pattern, COUNT(*) AS failures, COUNT(DISTINCT o.brand) AS brands,
       AVG(o.effect_size) AS mean_effect_size, MIN(o.timestamp) AS first_seen, MAX(o.timestamp) AS last_seen
FROM validation_outcomes AS o
JOIN validation_patterns AS p
  ON p.tenant = o.tenant AND p.workspace = o.workspace AND p.outcome_id = o.outcome_id
WHERE o.outcome_type LIKE 'failed%'
GROUP BY o.tenant, o.workspace, p.pattern
"""
RECENT = """
CREATE VIEW v_validation_recent_failures AS
SELECT tenant, workspace, outcome_id, estimate_id, outcome_type, treatment_variable, outcome_variable, brand,
       sample_size, effect_size, failure_patterns, timestamp
FROM validation_outcomes
WHERE outcome_type LIKE 'failed%' AND timestamp >= {month_ago}
"""
MONTH_AGO = {
    "sqlite": "CAST(strftime('%s', 'now', '-30 days') AS REAL)",
    "postgresql": "EXTRACT(EPOCH FROM now() - INTERVAL '30 days')",
}


def key(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=False)


def text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def moment(name: str) -> sa.Column:
    return sa.Column(name, sa.Float(53), nullable=False)


def upgrade() -> None:
    """Create tables and views."""
    op.create_table(
        "validation_outcomes",
        *(key(name) for name in (*OWNER, "outcome_id")),
        *(text(name) for name in ("estimate_id", "outcome_type", "treatment_variable", "outcome_variable", "brand")),
        sa.Column("sample_size", BIG),
        *(sa.Column(name, sa.Float(53)) for name in ("effect_size", "ci_lower", "ci_upper")),
        *(text(name) for name in ("failure_patterns", "metadata")),
        *(moment(name) for name in ("timestamp", "created_at", "updated_at")),
        sa.PrimaryKeyConstraint(*OWNER, "outcome_id"),
    )
    op.create_index("validation_type", "validation_outcomes", ["outcome_type"])
    op.create_index("validation_variables", "validation_outcomes", ["treatment_variable", "outcome_variable"])
    op.create_index("validation_brand", "validation_outcomes", ["brand"])
    op.create_index("validation_time", "validation_outcomes", ["timestamp"])
    op.create_table(
        "validation_patterns",
        *(key(name) for name in (*OWNER, "outcome_id", "pattern")),
        sa.PrimaryKeyConstraint(*OWNER, "outcome_id", "pattern"),
    )
    op.create_index("validation_pattern", "validation_patterns", ["pattern"])
    op.create_table(
        "sent_alerts",
        *(key(name) for name in (*OWNER, "fingerprint")),
        text("name"),
        sa.Column("sent_ns", BIG, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint(*OWNER, "fingerprint"),
    )
    op.create_index("sent_alerts_time", "sent_alerts", ["sent_ns"])
    op.create_table(
        "leases",
        *(key(name) for name in (*OWNER, "name")),
        text("holder"),
        *(sa.Column(name, BIG, server_default="0", nullable=False) for name in ("until_ns", "done_ns")),
        sa.PrimaryKeyConstraint(*OWNER, "name"),
    )
    op.execute(PATTERNS)
    op.execute(RECENT.format(month_ago=MONTH_AGO[op.get_bind().dialect.name]))
