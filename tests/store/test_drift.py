"""What is kept of drift, in SQLite."""

from __future__ import annotations

from kept_drift import KeptDrift


class TestSqlite(KeptDrift):
    """Drift in a file."""
