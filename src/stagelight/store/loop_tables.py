"""The tables of the feedback loop.

```
decisions      which arm a router chose for a request, out of which, and how likely that was; append-only
delivery       the queue: what a consumer has to learn from, a row each, from waiting to done or dead
policies       the state of each router's policy, a row each, with its version
policy_snapshots  earlier states of policies: what a replay begins with where older deliveries are gone
```
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Table, Text, UniqueConstraint
from sqlalchemy import text as sql

from stagelight.store.columns import Big, key, key_number, metadata, number, owner, text, whole

OPEN = sql("settled_ns = 0")  #: Waits or is held; written like this in the queries, too, or the index is not used.
DEAD_ROWS = sql("state = 'dead'")

decisions = Table(
    "decisions",
    metadata,
    *owner(key=True),
    key("decision_id"),
    text("router"),
    text("policy"),
    whole("policy_version"),
    text("arm"),
    number("propensity"),
    text("eligible"),  # JSON
    text("context"),  # JSON
    text("prediction_id"),
    text("trace_id"),
    text("span_id"),
    Column("observed_at", Float(53), nullable=False),
    whole("seen_ns"),
    Index("decisions_trace", "trace_id"),
    Index("decisions_prediction", "prediction_id"),
    Index("decisions_router", "router", "observed_at"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),  # the order in which items wait
    *owner(),
    Column("consumer", Text, nullable=False),
    Column("feedback_id", Text, nullable=False),
    whole("shard"),
    text("state"),
    whole("attempts"),
    whole("lease_until_ns"),
    whole("lease"),  # who holds it
    text("reason"),  # why it is dead
    text("arm"),  # of the body; for reports
    text("body"),  # JSON: decision, arm, reward, context, propensity, observed_at
    whole("queued_ns"),
    whole("settled_ns"),  # 0 while it waits or is held
    whole("version"),  # of the policy that has learned it
    # With the consumer: what has been learned once is never learned again.
    UniqueConstraint("feedback_id", "consumer", "tenant", "workspace", name="delivery_key"),
    # What is open alone is looked for, so an item that is done costs no index more than its key.
    Index("delivery_open", "consumer", "id", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("delivery_dead", "consumer", "id", sqlite_where=DEAD_ROWS, postgresql_where=DEAD_ROWS),
)

policies = Table(
    "policies",
    metadata,
    *owner(key=True),
    key("router"),
    whole("version"),
    text("state"),  # JSON, as the policy writes it
    whole("seen_ns"),
)

policy_snapshots = Table(
    "policy_snapshots",
    metadata,
    *owner(key=True),
    key("router"),
    key_number("version"),
    text("state"),
    whole("base"),  # 1: what a replay begins with
    whole("seen_ns"),
)
