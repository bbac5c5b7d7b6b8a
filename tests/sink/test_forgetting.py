"""Forgetting somebody whose rows wait in a spool."""

from __future__ import annotations

import pytest

from stagelight.sink.forgetting import forget
from stagelight.sink.rows import Decision, Feedback, Prediction, Truth
from stagelight.sink.spool import Spool

SAID = {"kind": "implicit", "signal": "skip", "trace_id": "a" * 32, "observed_at": 1.0}
ROWS = [
    Feedback(feedback_id="f1", user="ann", **SAID),
    Feedback(feedback_id="f2", user="bob", **SAID),
    Prediction(prediction_id="p1", type="t", entity="ann", observed_at=1.0),
    Truth(truth_id="t1", event="e", entity="ann", observed_at=1.0),
    Decision(decision_id="d1", arm="ann", observed_at=1.0),
]


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool", 2**20)
    spool.append(ROWS)
    return spool


def test_their_rows_are_overwritten_where_they_stand(spool, tmp_path):
    """All others stay and are delivered, and the file is as long as before."""
    before = spool.size
    assert forget(tmp_path / "spool", {"ann"}) == 3

    assert spool.size == before
    assert spool.batch(10).rows == [ROWS[1], ROWS[4]]
    assert forget(tmp_path / "spool", {"ann"}) == 0


def test_a_delivery_under_way_goes_on_where_it_was(spool, tmp_path):
    """What was settled before stays settled, for the lines keep their places."""
    spool.settle(spool.batch(2))
    forget(tmp_path / "spool", {"ann"})
    assert spool.batch(10).rows == [ROWS[4]]


def test_a_torn_line_that_names_them_goes_too(spool, tmp_path):
    """What a crash left of a line is no row, and yet somebody can read it."""
    (segment,) = (tmp_path / "spool").glob("*.jsonl")
    segment.write_bytes(segment.read_bytes() + b'{"kind":"feedback","row":{"user":"ann","comm')
    forget(tmp_path / "spool", {"ann"})

    spool.append(ROWS[1:2])
    assert segment.read_bytes().count(b"ann") == 1  # the arm of that name
    assert spool.batch(10).rows == [ROWS[1], ROWS[4], ROWS[1]]


def test_a_folder_that_is_no_spool_is_left_alone(tmp_path):
    """Nothing is made, nothing is removed."""
    (tmp_path / "x.jsonl").write_text('{"user": "ann"}\n')
    assert forget(tmp_path, {"ann"}) == 0
    assert forget(tmp_path / "missing", {"ann"}) == 0
