"""What of the feedback loop goes with time, and what may not go yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from queues import HERE, WHO, adding, decision, feedback, item, learned, numbers_of
from stagelight.sink.rows import Prediction, Truth
from stagelight.store import loop_removal, open_store
from stagelight.store.outcome_model import Labelling

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from stagelight.store import Store
    from stagelight.testing import SteppingClock

DAY_S = 86_400.0


def prediction(name: str, kind: str, at: float) -> Prediction:
    """What a model said."""
    return Prediction(prediction_id=name, type=kind, score=0.5, observed_at=at, entity="ann")


def test_a_prediction_waits_for_its_truth(store: Store, stepping: SteppingClock) -> None:
    """One whose rule hears truth for 200 days outlives the 90 days of others, and so does the truth that may be its own."""
    began = stepping.now
    store.rows.write([prediction("slow", "churn", began), prediction("quick", "click", began)])
    store.rows.write([Truth(truth_id="t", event="cancelled", entity="ann", observed_at=began + 1)])
    for kind, days in (("churn", 200), ("click", 1)):
        store.outcomes.join(Labelling(type=kind, kind="exists", events=("x",), within_s=days * DAY_S), now=began)
    stepping.advance(days=100)

    store.admin.expire()

    assert [row.prediction_id for row in store.rows.export("predictions") if isinstance(row, Prediction)] == ["slow"]
    assert store.rows.count("truth") == 1
    stepping.advance(days=101)
    store.admin.expire()
    assert store.rows.count("predictions") == store.rows.count("truth") == 0


def test_decisions_and_verdicts_go_what_they_teach_stays(store: Store, stepping: SteppingClock) -> None:
    """A reward that waited longer than its rows are kept is still learned: the queue has its own copy."""
    store.rows.write([decision(1), feedback(1, 0.5, decision_id="d1")])
    stepping.advance(days=91)

    assert store.admin.expire().rows == 2

    assert store.rows.count("decisions") == store.rows.count("feedback") == 0
    (waiting,) = store.deliveries.take(WHO, 10)
    assert (waiting.body["arm"], waiting.body["reward"]) == ("arm1", 0.5)


def test_settled_items_go_in_parts(store: Store, stepping: SteppingClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: a few in a transaction; the dead and the purged go with time alone, what waits stays."""
    monkeypatch.setattr(loop_removal, "ITEMS", 3)
    store.deliveries.put([item(number) for number in range(10)])
    store.policies.settle(
        store.deliveries.take(WHO, 4), lambda _state, items: (None, {i.feedback_id: "x" for i in items})
    )
    store.policies.settle(store.deliveries.take(WHO, 4), adding)
    store.admin.expire()  # keeps a snapshot
    stepping.advance(days=60)
    store.deliveries.purge(WHO)
    store.deliveries.put([item(number) for number in range(10, 14)])
    stepping.advance(days=40)

    assert store.admin.expire().rows == 8  # four dead, four learned; the purged are 40 days old

    assert numbers_of(store.deliveries.peek(WHO, 100)) == [10, 11, 12, 13]
    assert len(store.deliveries.peek(WHO, 100, "purged")) == 2
    base = store.policies.base("default", **HERE)
    assert base is not None
    assert base.state == learned(store)


def test_a_snapshot_a_day_is_kept_for_as_long_as_a_replay_needs_it(path: Path, stepping: SteppingClock) -> None:
    """Expiring every few hours does not keep a state every few hours, and old ones go."""
    with open_store(path, row_days=5) as store:
        for number in range(45):
            store.deliveries.put([item(number)])
            store.policies.settle(store.deliveries.take(WHO, 1), adding)
            stepping.advance(hours=8)
            store.admin.expire()

        with store._database.reading() as connection:
            kept = connection.exec_driver_sql("SELECT count(*), sum(base) FROM policy_snapshots").one()
        assert kept in [(5, 1), (6, 1)]
        base = store.policies.base("default", **HERE)
        assert base is not None
        rest = list(store.policies.replay("default", **HERE))
        assert adding(base.state, rest)[0] == learned(store)
        assert 15 <= len(rest) <= 18
