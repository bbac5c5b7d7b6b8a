"""What a row may hold, and rows as JSON and back."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight.errors import RowError
from stagelight.sink import codec
from stagelight.sink.rows import Feedback, Prediction, Truth

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
FILLED = TEXT.filter(lambda text: text.strip())
TIMES = st.floats(0, 4e9)
NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40)
TRACES = st.just("") | st.from_regex("[0-9a-f]{32}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
OWNER = {"tenant": FILLED, "workspace": FILLED, "trace_id": TRACES, "observed_at": TIMES}
ROWS = st.one_of(
    st.builds(
        Prediction,
        prediction_id=FILLED,
        type=FILLED,
        score=NUMBERS,
        entity=TEXT,
        features=st.dictionaries(TEXT, JSON, max_size=4),
        **OWNER,
    ),
    st.builds(
        Feedback,
        feedback_id=FILLED,
        kind=st.just("explicit"),
        signal=st.just("rating"),
        value=st.integers(1, 5),
        comment=TEXT,
        prediction_id=FILLED,
        **OWNER,
    ),
    st.builds(Truth, truth_id=FILLED, event=FILLED, entity=FILLED, value=NUMBERS, label=TEXT, **OWNER),
)

GOOD = {
    "prediction": {"prediction_id": "p", "type": "churn", "observed_at": 1.0},
    "feedback": {
        "feedback_id": "f",
        "kind": "explicit",
        "signal": "rating",
        "value": 4,
        "prediction_id": "p",
        "observed_at": 1.0,
    },
    "truth": {"truth_id": "t", "event": "cancelled", "entity": "c", "observed_at": 1.0},
}


@given(ROWS)
def test_every_row_survives_json(row):
    """A row written as JSON text and read again is the same row."""
    text = json.dumps(codec.to_json(row), allow_nan=False)

    assert codec.from_json(codec.kind_of(row), json.loads(text), now=0.0, new_id="") == row


@given(
    st.sampled_from(["prediction", "feedback", "truth"]),
    JSON
    | st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("score", "value", "type", "features", "kind", "signal", "event", "observed_at", "trace_id"), JSON
        ),
    ),
)
def test_nothing_but_row_errors(kind, data):
    """Whatever JSON comes in, it is a row, or refused with a sentence."""
    with suppress(RowError):
        assert codec.checked(codec.from_json(kind, data, now=0.0, new_id="x"))


def test_what_is_missing_gets_an_id_and_the_time():
    """A row without id and moment gets those of the caller."""
    row = codec.from_json("truth", {"event": "cancelled", "entity": "c"}, now=7.5, new_id="fresh")

    assert (row.truth_id, row.observed_at) == ("fresh", 7.5)


def test_null_counts_as_not_given():
    """A null in JSON is a field left out."""
    row = codec.from_json("prediction", {**GOOD["prediction"], "decision": None}, now=0.0, new_id="")

    assert row.decision == ""


@pytest.mark.parametrize(
    ("kind", "change", "says"),
    [
        ("prediction", {"scor": 1}, r"no field 'scor'. Did you mean 'score'\?"),
        ("prediction", {"type": None}, "needs 'type'"),
        ("prediction", {"type": " "}, "type is empty"),
        ("prediction", {"type": 5}, "type: found 5, expected text"),
        ("prediction", {"type": "x" * 257}, "type: 257 characters, expected 256 at most"),
        ("prediction", {"type": "\ud800"}, "not Unicode"),
        ("prediction", {"type": "a\0b"}, "NUL"),
        ("prediction", {"prediction_id": ""}, "prediction_id is empty"),
        ("prediction", {"score": float("nan")}, "score: found nan, expected a finite number"),
        ("prediction", {"score": True}, "score: found True"),
        ("prediction", {"score": 2**70}, "finite number"),
        ("prediction", {"score": [1]}, "score: found a list"),
        ("prediction", {"observed_at": -1}, "observed_at: found -1"),
        ("prediction", {"observed_at": 1_700_000_000_000}, "seconds since 1970"),
        ("prediction", {"trace_id": "ABC"}, "trace_id: found 'ABC', expected 32 hex digits"),
        ("prediction", {"span_id": "0" * 15}, "expected 16 hex digits"),
        ("prediction", {"tenant": ""}, "tenant is empty"),
        ("prediction", {"features": [1]}, "features: found a list"),
        ("prediction", {"features": dict.fromkeys(map(str, range(1001)), 1)}, "1001 of them"),
        ("prediction", {"features": {"a": "x" * 70_000}}, "over 65536 bytes"),
        ("prediction", {"features": {"a": float("inf")}}, r"features\['a'\]: found a float"),
        ("prediction", {"features": {"a": {1: 2}}}, "found a name that is a int"),
        ("prediction", {"features": {"a": "\udfff"}}, "not Unicode"),
        ("prediction", {"features": {"a": [[[[[[[[[1]]]]]]]]]}}, "nested deeper than 8"),
        ("feedback", {"signal": "ratng"}, r"signal: found 'ratng'.*Did you mean 'rating'\?"),
        ("feedback", {"kind": "implicit"}, "'rating' is explicit"),
        ("feedback", {"source": "humn"}, "source: found 'humn'"),
        ("feedback", {"value": 6}, "rating: found 6, expected 1 to 5"),
        ("feedback", {"value": None}, "rating: found None"),
        ("feedback", {"signal": "thumbs", "value": 4}, "thumbs: found 4"),
        ("feedback", {"signal": "comment"}, "comment is empty"),
        ("feedback", {"signal": "label"}, "label is empty"),
        ("feedback", {"prediction_id": ""}, "whose answer is it about"),
        ("feedback", {"comment": "x" * 10_001}, "expected 10000 at most"),
        ("truth", {"event": ""}, "event is empty"),
        ("truth", {"entity": ""}, "prediction_id or the entity"),
    ],
)
def test_what_may_not_be_kept_is_refused(kind, change, says):
    """A field that holds what it must not is named, with what was found and what was expected."""
    with pytest.raises(RowError, match=says):
        codec.from_json(kind, {**GOOD[kind], **change}, now=0.0, new_id="x")


@pytest.mark.parametrize("data", [None, 3, "text", [GOOD["truth"]]])
def test_a_row_is_an_object(data):
    """Anything but an object is refused."""
    with pytest.raises(RowError, match="must be an object"):
        codec.from_json("truth", data, now=0.0, new_id="x")


def test_a_long_unicode_comment_is_kept():
    """A comment may be long, and in any script."""
    row = Feedback(
        feedback_id="f", kind="explicit", signal="comment", comment="好" * 10_000, observed_at=1.0, prediction_id="p"
    )

    assert codec.checked(row) is row
    with pytest.raises(RowError):
        codec.checked(replace(row, comment=row.comment + "!"))
