"""References and measurements of drift.

Tables of their own; no row of an earlier one is touched.
"""

from __future__ import annotations

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables."""
