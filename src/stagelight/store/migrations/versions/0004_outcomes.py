"""Truth joined to predictions: outcomes and their revisions, the rules behind them, verdicts, and the views over them.

Predictions say what they turned out to be; two indexes grow by the column that the join reads next.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OWNER = "tenant", "workspace"

#: How each database says the same thing; {0} is a number of seconds since 1970.
SPOKEN = {
    "sqlite": {
        "monday": "strftime('%Y-%m-%d', CAST((({0}) + 259200) / 604800 AS INTEGER) * 604800 - 259200, 'unixepoch')",
        "month": "strftime('%Y-%m', {0}, 'unixepoch')",
    },
    "postgresql": {
        "monday": "to_char(date_trunc('week', to_timestamp({0}) AT TIME ZONE 'UTC'), 'YYYY-MM-DD')",
        "month": "to_char(to_timestamp({0}) AT TIME ZONE 'UTC', 'YYYY-MM')",
    },
}

#: A prediction beside the outcome that holds; mature as of the last join.
JUDGED = """
CREATE VIEW v_judged_predictions AS
SELECT p.tenant, p.workspace, p.type, p.model_version, p.prediction_id, p.observed_at, p.score, o.predicted, o.actual,
       o.actual_outcome, o.revision, o.lag_seconds, r.joined_at AS as_of,
       CASE WHEN p.observed_at + r.maturity_seconds <= r.joined_at THEN 1 ELSE 0 END AS mature,
       CASE WHEN o.state = 'known' THEN 1 ELSE 0 END AS labelled
FROM predictions AS p
JOIN outcome_rules AS r ON r.tenant = p.tenant AND r.workspace = p.workspace AND r.type = p.type
LEFT JOIN outcomes AS o ON o.tenant = p.tenant AND o.workspace = p.workspace
  AND o.prediction_id = p.prediction_id AND o.revision = p.outcome_revision
WHERE o.state IS NULL OR o.state <> 'excluded'
"""

WEEKLY = """
CREATE VIEW v_concept_drift_metrics AS
SELECT tenant, workspace, type, model_version, week,
       CAST(SUM(predictions) AS BIGINT) AS predictions, CAST(SUM(mature) AS BIGINT) AS mature,
       CAST(SUM(labelled) AS BIGINT) AS labelled,
       SUM(labelled) * 1.0 / NULLIF(SUM(mature), 0) AS coverage,
       SUM(hits) * 1.0 / NULLIF(SUM(decided), 0) AS accuracy,
       SUM(ABS(score_sum - actual_sum)) / NULLIF(SUM(scored), 0) AS calibration_error,
       SUM(squares) / NULLIF(SUM(scored), 0) AS brier_score,
       SUM(score_sum) / NULLIF(SUM(scored), 0) AS mean_score,
       SUM(actual_sum) * 1.0 / NULLIF(SUM(scored), 0) AS positive_share
FROM (
  SELECT tenant, workspace, type, model_version, {monday} AS week, {bin} AS bin,
         COUNT(*) AS predictions, SUM(mature) AS mature, SUM(mature * labelled) AS labelled,
         SUM(CASE WHEN mature = 1 AND predicted = actual THEN 1 ELSE 0 END) AS hits,
         SUM(CASE WHEN mature = 1 AND predicted IS NOT NULL AND actual IS NOT NULL THEN 1 ELSE 0 END) AS decided,
         SUM(CASE WHEN {scored} THEN 1 ELSE 0 END) AS scored,
         SUM(CASE WHEN {scored} THEN score ELSE 0.0 END) AS score_sum,
         SUM(CASE WHEN {scored} THEN actual ELSE 0 END) AS actual_sum,
         SUM(CASE WHEN {scored} THEN (score - actual) * (score - actual) ELSE 0.0 END) AS squares
  FROM v_judged_predictions
  GROUP BY tenant, workspace, type, model_version, {monday}, {bin}
) AS bins
GROUP BY tenant, workspace, type, model_version, week
"""
SCORED = "mature = 1 AND actual IS NOT NULL AND score BETWEEN 0.0 AND 1.0"

MONTHLY = """
CREATE VIEW v_model_performance_tracking AS
SELECT tenant, workspace, type, model_version, month, predictions, mature, labelled, tp, fp, tn, fn,
       (tp + tn) * 1.0 / NULLIF(tp + fp + tn + fn, 0) AS accuracy,
       tp * 1.0 / NULLIF(tp + fp, 0) AS precision_score,
       tp * 1.0 / NULLIF(tp + fn, 0) AS recall_score
FROM (
  SELECT tenant, workspace, type, model_version, {month} AS month, COUNT(*) AS predictions,
         CAST(SUM(mature) AS BIGINT) AS mature, CAST(SUM(mature * labelled) AS BIGINT) AS labelled,
         {counts}
  FROM v_judged_predictions
  GROUP BY tenant, workspace, type, model_version, {month}
) AS months
"""
CELLS = {"tp": (1, 1), "fp": (1, 0), "tn": (0, 0), "fn": (0, 1)}  # predicted, actual

LATEST = """
CREATE VIEW v_drift_alerts AS
SELECT v.tenant, v.workspace, v.type, v.model_version, v.accuracy_status, v.calibration_status, v.reason,
       v.baseline_size, v.current_size, v.baseline_since, v.baseline_until, v.current_since, v.current_until,
       v.baseline_accuracy, v.current_accuracy, v.accuracy_p, v.baseline_calibration_error,
       v.current_calibration_error, v.calibration_p, v.estimated_accuracy, v.judged_ns
FROM verdicts AS v
WHERE v.judged_ns = (
  SELECT MAX(w.judged_ns) FROM verdicts AS w
  WHERE w.tenant = v.tenant AND w.workspace = v.workspace AND w.type = v.type AND w.model_version = v.model_version
)
"""


def bins() -> str:
    """Ten bins of equal width, their upper edges within, cut where numpy's linspace cuts."""
    edges = " ".join(f"WHEN score <= {(number + 1) * 0.1!r} THEN {number}" for number in range(9))
    return f"CASE WHEN score IS NULL THEN -1 {edges} ELSE 9 END"


def text(name: str) -> sa.Column:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def whole(name: str) -> sa.Column:
    return sa.Column(name, BIG, server_default="0", nullable=False)


def number(name: str) -> sa.Column:
    return sa.Column(name, sa.Float(53), server_default="0", nullable=False)


def key(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in (*OWNER, *names)]


def upgrade() -> None:
    """Create tables and views, widen predictions."""
    op.add_column("predictions", text("actual_outcome"))
    op.add_column("predictions", whole("outcome_revision"))
    for name, table, columns in (
        ("predictions_type", "predictions", ["type", "observed_at", "prediction_id"]),
        ("truth_entity", "truth", ["entity", "observed_at"]),
    ):
        op.drop_index(name, table)
        op.create_index(name, table, columns)
    op.create_table(
        "outcomes",
        *key("prediction_id"),
        sa.Column("revision", BIG, nullable=False, autoincrement=False),
        *(text(name) for name in ("type", "state", "actual_outcome")),
        *(sa.Column(name, BIG) for name in ("predicted", "actual")),
        *(sa.Column(name, sa.Float(53)) for name in ("measure", "lag_seconds")),
        whole("joined_ns"),
        sa.PrimaryKeyConstraint(*OWNER, "prediction_id", "revision"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outcome_rules",
        *key("type"),
        *(text(name) for name in ("digest", "rule")),
        *(number(name) for name in ("maturity_seconds", "keep_seconds", "joined_at")),
        whole("joined_ns"),
        sa.PrimaryKeyConstraint(*OWNER, "type"),
    )
    verdicts()
    views(SPOKEN[op.get_bind().dialect.name])


def verdicts() -> None:
    windows = [f"{window}_{end}" for window in ("baseline", "current") for end in ("since", "until")]
    figures = [f"{window}_accuracy" for window in ("baseline", "current")] + ["accuracy_p"]
    figures += [f"{window}_calibration_error" for window in ("baseline", "current")] + ["calibration_p"]
    op.create_table(
        "verdicts",
        *key("type", "model_version"),
        sa.Column("judged_ns", BIG, nullable=False, autoincrement=False),
        *(text(name) for name in ("accuracy_status", "calibration_status", "reason", "figures")),
        *(whole(name) for name in ("baseline_size", "current_size")),
        *(sa.Column(name, sa.Float(53)) for name in (*windows, *figures, "estimated_accuracy")),
        sa.PrimaryKeyConstraint(*OWNER, "type", "model_version", "judged_ns"),
    )
    op.create_index("verdicts_judged", "verdicts", ["judged_ns"])


def views(spoken: dict[str, str]) -> None:
    counts = ", ".join(
        f"CAST(SUM(CASE WHEN mature = 1 AND predicted = {said} AND actual = {was} THEN 1 ELSE 0 END) AS BIGINT) AS {name}"
        for name, (said, was) in CELLS.items()
    )
    monday, month = (spoken[name].format("observed_at") for name in ("monday", "month"))
    op.execute(JUDGED)
    op.execute(WEEKLY.format(monday=monday, bin=bins(), scored=SCORED))
    op.execute(MONTHLY.format(month=month, counts=counts))
    op.execute(LATEST)
