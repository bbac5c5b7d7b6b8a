"""What of late truth goes with time: outcomes of predictions that are gone, and old verdicts."""

from __future__ import annotations

import sqlalchemy as sa

from stagelight.store.tables import predictions
from stagelight.store.truth_tables import outcomes, verdicts


def old_outcomes(connection: sa.Connection, before_ns: int) -> int:
    """Remove outcomes of before a moment whose prediction is gone, and verdicts of before it; return how many outcomes."""
    same = (predictions.c[name] == outcomes.c[name] for name in ("tenant", "workspace", "prediction_id"))
    connection.execute(sa.delete(verdicts).where(verdicts.c.judged_ns < before_ns))
    gone = sa.delete(outcomes).where(outcomes.c.joined_ns < before_ns, ~sa.exists().where(*same))
    return connection.execute(gone).rowcount
