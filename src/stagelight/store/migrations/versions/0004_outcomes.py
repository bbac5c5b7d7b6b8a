"""Truth joined to predictions: outcomes and their revisions, and the views over them.

Tables of their own; no row of an earlier one is touched.
"""

from __future__ import annotations

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables."""
