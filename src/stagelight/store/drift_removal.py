"""What time removes of drift: measurements, alerts that ended; references stay, for what came later is compared with them."""

from __future__ import annotations

import sqlalchemy as sa

from stagelight.store.drift_tables import drift_alerts, drift_measurements


def old_drift(connection: sa.Connection, before_ns: int) -> int:
    """Remove measurements, and alerts that ended, of before a moment; say how many."""
    measured = sa.delete(drift_measurements).where(drift_measurements.c.seen_ns < before_ns)
    ended = sa.delete(drift_alerts).where(drift_alerts.c.ended_ns != 0, drift_alerts.c.seen_ns < before_ns)
    return connection.execute(measured).rowcount + connection.execute(ended).rowcount
