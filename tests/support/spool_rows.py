"""Rows for the tests here, and for the processes they start."""

from __future__ import annotations

from stagelight.sink.rows import Prediction, Truth


def prediction(number: int, **more: object) -> Prediction:
    return Prediction(**{"prediction_id": f"p{number}", "type": "churn", "observed_at": 1.0, **more})


def truth(number: int) -> Truth:
    return Truth(truth_id=f"t{number}", event="cancelled", entity="c1", observed_at=2.0)
