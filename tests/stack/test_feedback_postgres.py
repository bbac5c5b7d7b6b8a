"""Feedback in a real PostgreSQL server: duplicates, sums, examples and forgetting are as on SQLite."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from stagelight.errors import StoreUnavailableError
from stagelight.feedback.span import record_of
from stagelight.sink import hurry
from stagelight.sink.rows import Feedback, Prediction
from stagelight.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres import Postgres
    from stagelight.store import Store

TRACE = "a" * 32
SLACK_S = 1.5  #: What a busy machine may add.
SAID = {"kind": "explicit", "trace_id": TRACE}
ROWS = [
    Prediction(prediction_id="p", type="t", features={"x": 1}, trace_id=TRACE, observed_at=1.0),
    Feedback(feedback_id="f1", signal="rating", value=4.0, reward=0.75, user="ann", observed_at=86_399.9, **SAID),
    Feedback(feedback_id="f2", signal="comment", comment="c", user="bob", observed_at=86_400.0, **SAID),
]


@pytest.fixture(scope="module")
def store(postgres: Postgres) -> Iterator[Store]:
    """A store in an empty database."""
    with open_store(postgres.create("feedback")) as opened:
        yield opened


def test_feedback_on_postgresql(store: Store) -> None:
    """One life of feedback, from its receipt to its being forgotten."""
    assert [receipt.duplicate for receipt in store.rows.write([*ROWS, ROWS[1]])] == [False, False, False, True]
    assert [receipt.duplicate for receipt in store.rows.write(ROWS[1:])] == [True, True]
    said = [row for row in ROWS if isinstance(row, Feedback)]
    store.traces.write([record_of(row, capture=True, now_ns=5) for row in said])

    found = store.opinions.summary(0, 2 * 86_400)
    assert [(day.day, day.tally.count) for day in found.days] == [("1970-01-01", 1), ("1970-01-02", 1)]
    assert (found.total.mean_rating, found.total.mean_reward, found.total.sentiments) == (4.0, 0.75, {"unknown": 1})
    assert [(one.feedback_id, one.features) for one in store.opinions.examples()] == [
        ("f1", {"x": 1}),
        ("f2", {"x": 1}),
    ]

    assert store.people.forget({"ann"}) == (1, 0, 0, 0, False)  # what is on free pages, VACUUM decides
    assert [row.feedback_id for row in store.rows.export("feedback")] == ["f2"]
    assert [span.attributes["stagelight.feedback.id"] for span in store.traces.get(TRACE).spans] == ["f2"]


def test_a_call_of_the_program_waits_for_no_lock_longer_than_it_may(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else keeps a table locked: whoever is in a hurry is told so soon, and whoever is not waits it out."""
    monkeypatch.setattr(hurry, "HURRY_S", 0.2)
    row = Prediction(prediction_id="late", type="t", observed_at=1.0)
    engine = sa.create_engine(store._database.url)
    with engine.connect() as other:
        other.exec_driver_sql("LOCK TABLE predictions IN EXCLUSIVE MODE")
        threading.Timer(2.0, other.rollback).start()
        began = time.monotonic()
        with hurry.hurrying(), pytest.raises(StoreUnavailableError, match="lock timeout"):
            store.rows.write([row])
        took = time.monotonic() - began
        assert store.rows.write([row])[0].status == "stored"
    engine.dispose()

    assert took < hurry.HURRY_S + SLACK_S
