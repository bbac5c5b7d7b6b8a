"""Where the predictions and decisions of this process were made."""

from __future__ import annotations

import pytest

from stagelight import sink
from stagelight.sink import recent
from stagelight.sink.codec import id_of
from stagelight.sink.recent import Made
from stagelight.sink.rows import Decision, Prediction, Receipt

MADE = {"trace_id": "a" * 32, "span_id": "1" * 16, "observed_at": 1.0}


@pytest.fixture(autouse=True)
def _nothing_known():
    recent._made.clear()
    yield
    recent._made.clear()


class Takes:
    """A sink that takes what is not called `bad`."""

    def write(self, rows):
        return [Receipt("refused" if id_of(row) == "bad" else "stored", id_of(row)) for row in rows]


def test_what_was_accepted_is_remembered():
    """By owner and id, with the model; what was refused, or made in no trace, is not."""
    with sink.using(Takes()):
        sink.write(Prediction(prediction_id="p", type="t", model_version="v", **MADE))
        sink.write(Prediction(prediction_id="bad", type="t", **MADE))
        sink.write(Prediction(prediction_id="loose", type="t", observed_at=1.0))
        sink.write(Decision(decision_id="d", arm="a", **MADE))

    assert recent.prediction("default", "default", "p") == Made("a" * 32, "1" * 16, "v")
    assert recent.decision("default", "default", "d") == Made("a" * 32, "1" * 16)
    assert [recent.prediction("default", "default", name) for name in ("bad", "loose", "d")] == [None] * 3
    assert recent.prediction("other", "default", "p") is None


def test_memory_is_bounded(monkeypatch):
    """The oldest is forgotten first."""
    monkeypatch.setattr(recent, "REMEMBERED", 3)
    for number in range(5):
        recent.remember(Decision(decision_id=str(number), arm="a", **MADE))

    known = [recent.decision("default", "default", str(number)) is not None for number in range(5)]
    assert known == [False, False, True, True, True]
