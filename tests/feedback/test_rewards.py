"""What feedback is worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight import setup
from stagelight.errors import ConfigurationError
from stagelight.feedback.rewards import SIGNALS, Rewards, table
from stagelight.sink.checks import EXPLICIT, IMPLICIT


@pytest.mark.parametrize(
    ("signal", "value", "reward"),
    [
        ("rating", 1, 0.0),
        ("rating", 3, 0.5),
        ("rating", 5, 1.0),
        ("thumbs", 1, 1.0),
        ("thumbs", 0, 0.0),
        ("score", 0.3, 0.3),
        ("comment", None, None),
        ("label", None, None),
        ("requery", 12.0, 0.25),
        ("skip", None, 0.25),
        ("click", 3, 0.75),
        ("accept", None, 1.0),
        ("share", None, 1.0),
    ],
)
def test_the_table(signal, value, reward):
    """Each signal has its reward; a comment or a label alone teaches nothing, which is not 0."""
    assert Rewards().of(signal, value) == reward


def test_every_signal_stands_in_the_table():
    """None of the signals was forgotten."""
    assert set(Rewards().rules) == {*EXPLICIT, *IMPLICIT}


@given(st.sampled_from(SIGNALS), st.none() | st.floats(0, 5), st.sampled_from(["", "positive", "neutral", "negative"]))
def test_a_reward_is_within_bounds_or_none(signal, value, sentiment):
    """Whatever is said, a reward that there is lies within 0 and 1 for values that the signal may have."""
    value = {"rating": lambda v: max(1.0, v), "thumbs": round, "score": lambda v: v / 5}.get(signal, lambda v: v)(
        value or 0
    )
    reward = table(("comment=sentiment",)).of(signal, min(1, value) if signal == "thumbs" else value, sentiment)
    assert reward is None or 0 <= reward <= 1


def test_a_deployment_changes_what_it_wants():
    """One signal, one value of it, comments by their sentiment; all else stays."""
    told = table(("requery=0.1", "rating:3=none", "rating:1 = 0.05", "share=none", "comment=sentiment"))

    assert (told.of("requery", None), told.of("rating", 3.0), told.of("rating", 1.0), told.of("rating", 2.0)) == (
        0.1,
        None,
        0.05,
        0.25,
    )
    assert told.of("share", None) is None
    assert [told.of("comment", None, mind) for mind in ("positive", "neutral", "negative", "")] == [1.0, 0.5, 0.0, None]
    assert told.of("thumbs", 1.0) == 1.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("requery", "expected signal=reward"),
        ("requry=1", "no signal 'requry'. Did you mean 'requery'?"),
        ("rating=2", "a reward is 0 to 1"),
        ("rating=much", "a reward is 0 to 1"),
        ("rating=nan", "a reward is 0 to 1"),
        ("rating:x=1", "the value is a number"),
        ("rating=sentiment", "for comments sentiment"),
        ("comment:1=sentiment", "for comments sentiment"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_where_it_is_set(text, says):
    """`configure()` says what was found and how it is written, before the first feedback."""
    with pytest.raises(ConfigurationError, match="STAGELIGHT_REWARDS: found") as caught:
        setup.configure(rewards=(text,), traces_exporter="none", metrics_exporter="none")
    assert says in str(caught.value)
