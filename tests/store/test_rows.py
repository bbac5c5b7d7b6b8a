"""Predictions, feedback and truth: a receipt means committed, and the same id again changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stagelight.sink.rows import DUPLICATE, Feedback, Prediction, Receipt, Sink, Truth
from stagelight.store import open_store
from stored import trace

if TYPE_CHECKING:
    from pathlib import Path

    from stagelight.store import Store

TRACE = trace(1)[0].trace_id
PREDICTION = Prediction(
    prediction_id="p1",
    type="churn",
    score=0.7,
    features={"age": 3, "tags": ["a"]},
    observed_at=100.5,
    trace_id=TRACE,
    entity="ann",
)
FEEDBACK = Feedback(
    feedback_id="f1", kind="explicit", signal="rating", value=4, comment="good 👍", observed_at=200.0, trace_id=TRACE
)
TRUTH = Truth(truth_id="t1", event="cancelled", prediction_id="p1", value=1.0, observed_at=300.0, trace_id=TRACE)


def test_a_receipt_means_committed(path: Path) -> None:
    """What got a receipt is there for the next process, field by field; the store is a sink."""
    with open_store(path) as store:
        sink: Sink = store.rows
        receipts = sink.write([PREDICTION, FEEDBACK, TRUTH])

    assert receipts == [Receipt("stored", "p1"), Receipt("stored", "f1"), Receipt("stored", "t1")]
    with open_store(path) as store:
        assert store.rows.of_trace(TRACE) == [PREDICTION, FEEDBACK, TRUTH]


def test_the_same_id_again_is_accepted_and_changes_nothing(store: Store) -> None:
    """A retry gets its receipt; the first row stays as it is, for each owner one."""
    store.rows.write([FEEDBACK])

    assert store.rows.write([replace(FEEDBACK, value=1)]) == [Receipt("stored", "f1", DUPLICATE)]
    store.rows.write([replace(FEEDBACK, value=2, tenant="b"), replace(FEEDBACK, value=3, tenant="b", workspace="w")])

    assert [row.value for row in store.rows.export("feedback") if isinstance(row, Feedback)] == [2, 3, 4]
    assert store.rows.count("feedback") == 3
    assert store.rows.count("feedback", tenant="b") == 2


def test_all_or_none(store: Store) -> None:
    """One row which the database refuses takes the others with it: no receipt is a lie."""
    impossible = replace(TRUTH, observed_at=float("nan"))

    with pytest.raises(Exception, match="NOT NULL"):
        store.rows.write([PREDICTION, FEEDBACK, impossible])

    assert store.rows.of_trace(TRACE) == []


def test_owners_do_not_see_each_other(store: Store) -> None:
    """Rows of a trace, counts and exports are the tenant's alone."""
    store.rows.write([PREDICTION, replace(PREDICTION, tenant="b", score=0.1)])

    assert store.rows.of_trace(TRACE, tenant="default") == [PREDICTION]
    assert list(store.rows.export("predictions", tenant="c")) == []


def test_export_gives_every_row_once(store: Store) -> None:
    """More rows than one read holds come out whole and in order."""
    rows = [replace(TRUTH, truth_id=f"t{number:05}") for number in range(1_234)]
    store.rows.write(rows)

    assert list(store.rows.export("truth")) == rows


def test_hostile_text_is_kept_as_far_as_can_be(store: Store) -> None:
    """A lone surrogate or NUL in a comment does not lose the feedback."""
    store.rows.write([replace(FEEDBACK, comment="a\ud800\0b")])

    (row,) = store.rows.export("feedback")
    assert row == replace(FEEDBACK, comment="a?\ufffdb")


def test_feedback_keeps_its_trace(store: Store) -> None:
    """A judged trace is pinned, by its own id or by its prediction's, also before it arrives; nothing else is."""
    by_prediction = replace(PREDICTION, prediction_id="p2", trace_id=trace(2)[0].trace_id)
    store.rows.write([PREDICTION, by_prediction, FEEDBACK])
    store.rows.write([replace(FEEDBACK, feedback_id="f2", trace_id="", prediction_id="p2")])
    store.rows.write([replace(TRUTH, trace_id=trace(3)[0].trace_id)])

    store.traces.write(trace(1) + trace(2) + trace(3))

    kept = [store.traces.get(trace(number)[0].trace_id) for number in (1, 2, 3)]
    assert [one.kept_because for one in kept if one] == ["feedback", "feedback", ""]


def test_nothing_is_nothing(store: Store) -> None:
    """No rows, no receipts."""
    assert store.rows.write([]) == []
