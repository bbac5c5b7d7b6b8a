"""Outcomes of validations.

Tables of their own; no row of an earlier one is touched.
"""

from __future__ import annotations

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables."""
