"""Feedback in a real PostgreSQL server: duplicates, sums, examples and forgetting are as on SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stagelight.feedback.span import record_of
from stagelight.sink.rows import Feedback, Prediction
from stagelight.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres import Postgres
    from stagelight.store import Store

TRACE = "a" * 32
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
