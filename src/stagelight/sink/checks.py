"""What a row may hold: said once, here, for the library, the spool and the server alike."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Final, Literal, TypeGuard, get_args

from stagelight.errors import RowError, did_you_mean
from stagelight.sink.rows import (
    Decision,
    ExplicitSignal,
    Feedback,
    ImplicitSignal,
    Prediction,
    Sentiment,
    Source,
    Truth,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.sink.rows import Row

Kind = Literal["prediction", "feedback", "decision", "truth"]

KINDS: Final[dict[Kind, type[Row]]] = {
    "prediction": Prediction,
    "feedback": Feedback,
    "decision": Decision,
    "truth": Truth,
}
IDS: Final[dict[Kind, str]] = {
    "prediction": "prediction_id",
    "feedback": "feedback_id",
    "decision": "decision_id",
    "truth": "truth_id",
}
EXPLICIT: Final = get_args(ExplicitSignal)
IMPLICIT: Final = get_args(ImplicitSignal)
SOURCES: Final = get_args(Source)
SENTIMENTS: Final = get_args(Sentiment)

RATINGS: Final = (1, 5)
MAX_TEXT = 256  #: Characters of a name, an id, a label.
MAX_COMMENT = 10_000  #: Characters.
MAX_FEATURES = 1000
MAX_FEATURES_BYTES = 64 * 1024  #: Of a prediction's features, as JSON.
MAX_ARMS = 1000  #: Eligible for one decision.
MAX_CONTEXT = 4096  #: Numbers that a policy sees of a request.
MAX_DEPTH = 8  #: Lists and objects inside a feature.
MAX_SECONDS = 253_402_300_800.0  #: The year 10000: more than that was meant as milliseconds.

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")


def kind_of(row: Row) -> Kind:
    """Which kind of row this is, as the API and the spool call it."""
    return next(kind for kind, cls in KINDS.items() if isinstance(row, cls))


def id_of(row: Row) -> str:
    """The id that makes writing the row twice harmless."""
    return str(getattr(row, IDS[kind_of(row)]))


def checked(row: Row) -> Row:
    """Return `row` where it may be kept.

    Raises:
        RowError: It may not; the message says which field, what was found and what was expected.
    """
    for name in (field.name for field in fields(row)):
        _check_field(name, getattr(row, name))
    if not id_of(row):
        raise RowError(f"{IDS[kind_of(row)]} is empty")
    if isinstance(row, Feedback):
        _check_feedback(row)
    elif isinstance(row, Prediction):
        _check_features(row.features)
        _filled(row.type, "type")
    elif isinstance(row, Decision):
        _check_decision(row)
    else:
        _filled(row.event, "event")
        if not row.prediction_id and not row.entity:
            raise RowError("a truth needs the prediction_id or the entity it is about")
    return row


def _check_field(name: str, value: object) -> None:
    if name in ("features", "eligible", "context"):
        return
    if name == "observed_at":
        if not _number(value) or not 0 <= value < MAX_SECONDS:
            raise RowError(f"observed_at: found {_shown(value)}, expected seconds since 1970")
    elif name in ("score", "value", "reward"):
        if value is not None and not _number(value):
            raise RowError(f"{name}: found {_shown(value)}, expected a finite number")
    elif name == "propensity":
        if not _number(value) or not 0 < value <= 1:
            raise RowError(f"propensity: found {_shown(value)}, expected a probability over 0 and at most 1")
    elif name == "policy_version":
        if type(value) is not int or not 0 <= value < 2**63:
            raise RowError(f"policy_version: found {_shown(value)}, expected a whole number, 0 or more")
    else:
        _check_text(name, value)


def _check_text(name: str, value: object) -> None:
    limit = MAX_COMMENT if name == "comment" else MAX_TEXT
    if type(value) is not str:
        raise RowError(f"{name}: found {_shown(value)}, expected text")
    if len(value) > limit:
        raise RowError(f"{name}: {len(value)} characters, expected {limit} at most")
    if not _encodable(value):
        raise RowError(f"{name}: found text that is not Unicode (a lone surrogate or a NUL)")
    pattern = {"trace_id": _TRACE_ID, "span_id": _SPAN_ID}.get(name)
    if value and pattern and not pattern.fullmatch(value):
        raise RowError(
            f"{name}: found {value[:40]!r}, expected {32 if name == 'trace_id' else 16} hex digits in lower case"
        )
    if name in ("tenant", "workspace"):
        _filled(value, name)


def _check_feedback(row: Feedback) -> None:
    signals = (*EXPLICIT, *IMPLICIT)
    if row.signal not in signals:
        raise RowError(
            f"signal: found {row.signal!r}, expected one of {', '.join(signals)}.{did_you_mean(row.signal, signals)}"
        )
    kind = "explicit" if row.signal in EXPLICIT else "implicit"
    if row.kind != kind:
        raise RowError(f"kind: found {row.kind!r}, but {row.signal!r} is {kind}")
    if row.source not in SOURCES:
        raise RowError(
            f"source: found {row.source!r}, expected one of {', '.join(SOURCES)}.{did_you_mean(row.source, SOURCES)}"
        )
    if row.sentiment not in SENTIMENTS:
        raise RowError(f"sentiment: found {row.sentiment!r}, expected positive, neutral, negative or nothing")
    _check_amounts(row)
    for name in ("comment", "label"):
        if row.signal == name:
            _filled(getattr(row, name), name)
    if not row.trace_id and not row.prediction_id and not row.decision_id:
        raise RowError("whose answer is it about? give a trace id, a span, or a prediction_id")


def _check_amounts(row: Feedback) -> None:
    if row.signal == "rating" and (row.value is None or not RATINGS[0] <= row.value <= RATINGS[1]):
        raise RowError(f"rating: found {_shown(row.value)}, expected 1 to 5")
    if row.signal == "thumbs" and row.value not in (0, 1):
        raise RowError(f"thumbs: found {_shown(row.value)}, expected 1 (up) or 0 (down)")
    if row.signal == "score" and (row.value is None or not 0 <= row.value <= 1):
        raise RowError(f"score: found {_shown(row.value)}, expected 0 to 1")
    if row.reward is not None and not 0 <= row.reward <= 1:
        raise RowError(f"reward: found {_shown(row.reward)}, expected 0 to 1")


def _check_decision(row: Decision) -> None:
    for name in ("arm", "router"):
        _filled(getattr(row, name), name)
    if len(_listed("eligible", row.eligible)) > MAX_ARMS:
        raise RowError(f"eligible: {len(row.eligible)} arms, expected {MAX_ARMS} at most")
    for arm in row.eligible:
        _check_text("eligible", arm)
    if row.eligible and row.arm not in row.eligible:
        raise RowError(f"arm: found {row.arm!r}, which is not among the eligible ones")
    if len(_listed("context", row.context)) > MAX_CONTEXT:
        raise RowError(f"context: {len(row.context)} numbers, expected {MAX_CONTEXT} at most")
    if not all(_number(part) for part in row.context):
        raise RowError("context: expected finite numbers alone")


def _listed(name: str, value: object) -> tuple[object, ...]:
    if not isinstance(value, tuple):
        raise RowError(f"{name}: found {named(value)}, expected a list")
    return value


def _check_features(features: Mapping[str, object]) -> None:
    if not isinstance(features, dict):
        raise RowError(f"features: found {named(features)}, expected an object of names and values")
    if len(features) > MAX_FEATURES:
        raise RowError(f"features: {len(features)} of them, expected {MAX_FEATURES} at most")
    for name, value in features.items():
        _check_value(f"features[{str(name)[:40]!r}]", {name: value}, MAX_DEPTH + 1)
    if len(json.dumps(features)) > MAX_FEATURES_BYTES:
        raise RowError(f"features: over {MAX_FEATURES_BYTES} bytes as JSON")


def _check_value(where: str, value: object, depth: int) -> None:
    """Refuse what JSON, or a database, cannot hold; `depth` is what is left."""
    if depth < 0:
        raise RowError(f"{where}: nested deeper than {MAX_DEPTH}")
    if type(value) is dict:
        for name, inner in value.items():
            if type(name) is not str:
                raise RowError(f"{where}: found a name that is {named(name)}, expected text")
            _check_value(where, name, depth)
            _check_value(where, inner, depth - 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_value(where, inner, depth - 1)
    elif type(value) is str:
        if not _encodable(value):
            raise RowError(f"{where}: found text that is not Unicode (a lone surrogate or a NUL)")
    elif value is not None and type(value) is not bool and not _number(value):
        raise RowError(f"{where}: found {named(value)}, expected numbers, text, true, false, lists or objects")


def _number(value: object) -> TypeGuard[float]:
    if type(value) is int:
        return abs(value) < 2**63
    return type(value) is float and math.isfinite(value)


def _encodable(text: str) -> bool:
    # NUL: PostgreSQL keeps none in text.
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _filled(value: str, name: str) -> None:
    if not value.strip():
        raise RowError(f"{name} is empty")


def _shown(value: object) -> str:
    """A value in a sentence: its text where that is safe to take, else its type."""
    return repr(value)[:40] if type(value) in (str, int, float, bool, type(None)) else named(value)


def named(value: object) -> str:
    """What `value` is, without looking into it."""
    return f"a {type(value).__name__}"
