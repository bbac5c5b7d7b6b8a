"""The tables of the feedback loop.

```
decisions      which arm a router chose for a request, out of which, and how likely that was; append-only
delivery       the queue: what a consumer has to learn from, a row each, from waiting to done or dead
policies       the state of each router's policy, a row each, with its version
```
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Table

from stagelight.store.columns import key, metadata, number, owner, text, whole

WAITING, LEASED, DONE, DEAD = "waiting", "leased", "done", "dead"

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
    Index("decisions_observed", "observed_at"),
)

delivery = Table(
    "delivery",
    metadata,
    *owner(key=True),
    key("consumer"),
    key("feedback_id"),  # with the consumer: what has been learned once is never learned again
    whole("shard"),
    text("state"),
    whole("attempts"),
    whole("lease_until_ns"),
    text("lease"),  # who holds it
    text("reason"),  # why it is dead
    text("body"),  # JSON: decision, arm, reward, context
    whole("queued_ns"),
    whole("settled_ns"),
    Index("delivery_state", "consumer", "state", "queued_ns"),
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
