"""The tables of drift.

```
drift_references      what each feature of a model version looked like when all was well; one holds, the last
drift_measurements    what each check found, a row for each feature; append-only
drift_alerts          drift that was found, from when it began until it ended
```
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Table

from stagelight.store.columns import key, key_number, metadata, number, owner, text, whole

drift_references = Table(
    "drift_references",
    metadata,
    *owner(key=True),
    key("model"),
    key("model_version"),
    key("feature"),
    text("reference"),  # eight characters that tell it from any other
    text("origin"),  # frozen, training or trailing
    whole("rows"),
    whole("since_ns"),
    whole("until_ns"),
    text("body"),  # JSON: bins, counts, likeness of neighbours
    whole("seen_ns"),
)

drift_measurements = Table(
    "drift_measurements",
    metadata,
    *owner(key=True),
    key("model"),
    key("model_version"),
    key("feature"),
    key_number("measured_ns"),
    text("reference"),
    whole("since_ns"),
    whole("until_ns"),
    *(number(name) for name in ("psi", "kl", "js")),
    *(Column(name, Float(53)) for name in ("ks", "wasserstein")),  # NULL where there is no order
    number("chi2"),
    Column("mean_shift", Float(53)),
    *(number(name) for name in ("p_value", "noise")),
    whole("rows"),
    number("effective_rows"),
    whole("reference_rows"),
    text("severity"),
    text("verdict"),  # alert, warning or quiet
    text("trace_id"),  # an example out of the group that moved most
    text("span_id"),
    whole("seen_ns"),
    Index("drift_measurements_measured", "measured_ns"),
)

drift_alerts = Table(
    "drift_alerts",
    metadata,
    *owner(key=True),
    key("model"),
    key("model_version"),
    key("feature"),
    key_number("began_ns"),
    whole("ended_ns"),  # 0: it goes on
    whole("measured_ns"),  # by the last check
    text("severity"),  # the worst so far
    *(number(name) for name in ("psi", "p_value")),
    Column("mean_shift", Float(53)),
    whole("rows"),
    text("trace_id"),
    text("span_id"),
    whole("seen_ns"),
    Index("drift_alerts_ended", "ended_ns"),
)
