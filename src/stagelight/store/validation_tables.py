"""The tables of validations.

```
validation_outcomes ──< validation_patterns      an outcome a row, and a row for each way in which it failed
```
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Table

from stagelight.store.columns import Big, key, metadata, owner, text

outcomes = Table(
    "validation_outcomes",
    metadata,
    *owner(key=True),
    key("outcome_id"),
    text("estimate_id"),
    text("outcome_type"),
    text("treatment_variable"),
    text("outcome_variable"),
    text("brand"),
    Column("sample_size", Big),
    Column("effect_size", Float(53)),
    Column("ci_lower", Float(53)),
    Column("ci_upper", Float(53)),
    text("failure_patterns"),  # JSON, in their order
    text("metadata"),  # JSON
    Column("timestamp", Float(53), nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("updated_at", Float(53), nullable=False),
    Index("validation_type", "outcome_type"),
    Index("validation_variables", "treatment_variable", "outcome_variable"),
    Index("validation_brand", "brand"),
    Index("validation_time", "timestamp"),
)

patterns = Table(
    "validation_patterns",
    metadata,
    *owner(key=True),
    key("outcome_id"),
    key("pattern"),
    Index("validation_pattern", "pattern"),
)
