"""Predictions and truth in few words, for the tests of late truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagelight import truth
from stagelight.sink.rows import Prediction, Truth
from stagelight.truth import rules

if TYPE_CHECKING:
    from stagelight.store import Store
    from stagelight.truth import Rules

DAY = 86_400.0
START = 20_000 * DAY  #: Day 0 of every test.


def said(prediction_id: str, type_: str = "churn", *, day: float = 0.0, version: str = "a", **more: Any) -> Prediction:
    """A prediction, made on a day."""
    given = {"score": 0.7, "entity": f"entity of {prediction_id}"} | more
    at = START + day * DAY
    return Prediction(prediction_id=prediction_id, type=type_, model_version=version, observed_at=at, **given)


def came(truth_id: str, event: str, day: float, *, of: str = "", **more: Any) -> Truth:
    """What happened on a day; to the entity of prediction `of` unless `prediction_id` is given."""
    about = {} if "prediction_id" in more or "entity" in more else {"entity": f"entity of {of}"}
    return Truth(truth_id=truth_id, event=event, observed_at=START + day * DAY, **about, **more)


def rule(text: str) -> Rules:
    """Rules out of the types' YAML alone."""
    return rules.parse(f"types:\n  {text}".encode())


def joined(store: Store, read: Rules, day: float) -> truth.JoinReport:
    """Join on a day."""
    return truth.join(store, read, now=START + day * DAY)


def outcomes(store: Store) -> dict[str, str]:
    """What each prediction is said to have turned out to be, as its row says."""
    import sqlalchemy as sa

    with store._database.reading() as connection:
        rows = connection.execute(sa.text("SELECT prediction_id, actual_outcome FROM predictions"))
        return {row.prediction_id: row.actual_outcome for row in rows}


def figures(store: Store, read: Rules, day: float) -> dict[str, Any]:
    """Everything that can be said of every prediction and version on a day, for comparing."""
    now = START + day * DAY
    found: dict[str, Any] = {"outcomes": outcomes(store)}
    for name in read.types:
        judged = truth.judged(store, name, now=now)
        found[name] = truth.performance(judged).as_dict(), store.outcomes.coverage(name, now=now)
    return found
