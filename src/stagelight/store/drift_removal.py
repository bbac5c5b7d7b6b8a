"""What time removes of drift: measurements and alerts; references stay, for what came later is compared with them."""

from __future__ import annotations

import sqlalchemy as sa

from stagelight.store.drift_tables import drift_alerts, drift_measurements


def old_drift(connection: sa.Connection, before_ns: int) -> int:
    """Remove measurements and alerts that no check has touched since a moment, whether they ended or not; say how many."""
    measured = sa.delete(drift_measurements).where(drift_measurements.c.seen_ns < before_ns)
    alerts = sa.delete(drift_alerts).where(drift_alerts.c.seen_ns < before_ns)
    return connection.execute(measured).rowcount + connection.execute(alerts).rowcount
