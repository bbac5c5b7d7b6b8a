"""What pages and commands show of the feedback loop, counted by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from queues import WHO, adding, decision, feedback, item
from stagelight.store.loop import ArmPoint, FeedbackPoint, QueueCounts, RewardPoint

if TYPE_CHECKING:
    from stagelight.store import Store
    from stagelight.testing import SteppingClock

S = 1_000_000_000
WHOLE = (0, 300 * S, 100 * S)


def test_shares_of_arms_over_time(store: Store) -> None:
    """Three of four decisions of the first step are 75 %; a step without a decision is left out; the end is not in it."""
    times = [("a", 0.0), ("a", 99.9), ("b", 50.0), ("a", 1.0), ("b", 200.0), ("c", 300.0)]
    store.rows.write([decision(number, arm=arm, observed_at=at) for number, (arm, at) in enumerate(times)])
    store.rows.write([decision(90, arm="x", observed_at=1.0, router="other"), decision(91, arm="y", tenant="b")])

    assert store.loop_reports.arm_shares("default", *WHOLE, tenant="default") == [
        ArmPoint(time_ns=0, arm="a", decisions=3, share=0.75),
        ArmPoint(time_ns=0, arm="b", decisions=1, share=0.25),
        ArmPoint(time_ns=200 * S, arm="b", decisions=1, share=1.0),
    ]
    assert len(store.loop_reports.arm_shares("default", *WHOLE)) == 4
    assert store.loop_reports.arm_shares("default", 50 * S, 51 * S, S)[0].time_ns == 50 * S


def test_what_arms_earn_over_time(store: Store) -> None:
    """Mean reward of each arm, by when the verdict was given; a verdict without reward is none of it."""
    store.rows.write([decision(1, arm="a"), decision(2, arm="b")])
    store.rows.write([
        feedback(1, 1.0, decision_id="d1"), feedback(2, 0.5, decision_id="d1"), feedback(3, None, decision_id="d1"),
        feedback(4, 0.25, decision_id="d2"), feedback(5, 0.25, decision_id="unknown"),
    ])  # fmt: skip

    assert store.loop_reports.rewards("default", *WHOLE) == [
        RewardPoint(time_ns=0, arm="a", rewards=2, mean=0.75),
        RewardPoint(time_ns=0, arm="b", rewards=1, mean=0.25),
    ]
    assert store.loop_reports.rewards("default", *WHOLE, tenant="b") == []
    assert store.loop_reports.rewards("other", *WHOLE) == []


def test_feedback_over_time(store: Store) -> None:
    """How much of each kind and signal, and what it said on average."""
    store.rows.write([feedback(1, 1.0, value=5), feedback(2, None, value=2), feedback(3, None)])

    assert store.loop_reports.feedback_counts(*WHOLE) == [
        FeedbackPoint(time_ns=0, kind="explicit", signal="thumbs", count=3, mean_value=3.5, mean_reward=1.0)
    ]
    assert store.loop_reports.feedback_counts(*WHOLE, tenant="b") == []


def test_how_the_queue_stands(store: Store, stepping: SteppingClock) -> None:
    """Items by state, and since when the oldest waits."""
    assert store.loop_reports.queue(WHO) == QueueCounts()
    began = stepping.wall_ns()
    store.deliveries.put([item(number) for number in range(4)])
    stepping.advance(seconds=5)
    store.deliveries.put([item(4, tenant="b")])
    store.policies.settle(store.deliveries.take(WHO, 1), adding)
    store.deliveries.take(WHO, 1)

    assert store.loop_reports.queue(WHO) == QueueCounts(waiting=3, leased=1, done=1, oldest_ns=began)
    assert store.loop_reports.queue(WHO, "b") == QueueCounts(waiting=1, oldest_ns=began + 5 * S)


def test_routers_are_known_by_what_they_did(store: Store) -> None:
    """One that has decided, one that has something to learn, one with a policy; each owner sees its own."""
    store.rows.write([decision(1, router="decides")])
    store.deliveries.put([item(1, who="router:learns")])
    store.policies.put("has learned", {}, version=0, tenant="b", workspace="w")

    assert store.loop_reports.routers() == ["decides", "has learned", "learns"]
    assert store.loop_reports.routers(tenant="b") == ["has learned"]


@pytest.mark.parametrize(
    "columns", ["consumer = 'router:default' AND settled_ns = 0", "state = 'dead' AND consumer = 'x'"]
)
def test_what_is_done_does_not_slow_what_waits(store: Store, columns: str) -> None:
    """What is open, and what is dead, is found through an index that holds nothing else."""
    with store._database.reading() as connection:
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN SELECT id FROM delivery WHERE {columns} ORDER BY id"
        ).all()

    assert len(plan) == 1
    assert "USING" in plan[0][3]
    assert "delivery_open" in plan[0][3] or "delivery_dead" in plan[0][3]


def test_a_batch_of_feedback_is_looked_up_by_index(store: Store) -> None:
    """However much there is: the decision of a verdict and the verdicts of a decision are found without a scan."""
    seen: list[str] = []
    event.listen(
        store._database.engine,
        "before_cursor_execute",
        lambda _c, _k, statement, given, *_: seen.append((statement, given)),
    )
    about = {"trace_id": "a" * 32, "prediction_id": "p"}
    store.rows.write([
        decision(1, **about), decision(2), feedback(1, **about), feedback(2, decision_id="d1"),
        feedback(3, decision_id="d2"), feedback(4, prediction_id="q"),
    ])  # fmt: skip
    store.deliveries.take(WHO, 10)

    plans = []
    with store._database.raw() as raw:
        for statement, given in [one for one in seen if one[0].startswith("SELECT")]:
            plans += [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", given)]
    assert [plan for plan in plans if plan.startswith("SCAN") and plan != "SCAN CONSTANT ROW"] == []
