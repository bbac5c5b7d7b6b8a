"""Where the predictions and decisions of this process were made, for a while: whoever judges one has its id alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from stagelight.sink.rows import Decision, Prediction

if TYPE_CHECKING:
    from stagelight.sink.rows import Row

REMEMBERED = 10_000


class Made(NamedTuple):
    """Where one was made."""

    trace_id: str
    span_id: str
    model_version: str = ""


_lock = threading.Lock()
_made: OrderedDict[tuple[str, str, str, str], Made] = OrderedDict()


def remember(row: Row) -> None:
    """Keep in mind where `row` was made, if it is one that is judged by its id."""
    if isinstance(row, Prediction):
        key = "prediction", row.tenant, row.workspace, row.prediction_id
        _keep(key, Made(row.trace_id, row.span_id, row.model_version))
    elif isinstance(row, Decision):
        _keep(("decision", row.tenant, row.workspace, row.decision_id), Made(row.trace_id, row.span_id))


def prediction(tenant: str, workspace: str, prediction_id: str) -> Made | None:
    """Return where a prediction was made, or None where this process does not know."""
    return _made.get(("prediction", tenant, workspace, prediction_id))


def decision(tenant: str, workspace: str, decision_id: str) -> Made | None:
    """Return where a decision was made, or None where this process does not know."""
    return _made.get(("decision", tenant, workspace, decision_id))


def _keep(key: tuple[str, str, str, str], made: Made) -> None:
    if not made.trace_id:
        return
    with _lock:
        _made[key] = made
        while len(_made) > REMEMBERED:
            _made.popitem(last=False)
