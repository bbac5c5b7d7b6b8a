"""What a comment says of its writer's mind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from programs import python
from stagelight.feedback import sentiment

pytestmark = pytest.mark.usefixtures("lexicon")


@pytest.mark.parametrize(
    ("comment", "heard"),
    [
        ("I love it", "positive"),
        ("Excellent, thanks!", "positive"),
        ("it was not bad", "positive"),
        ("👍", "positive"),
        ("wrong answer", "negative"),
        ("not good at all", "negative"),
        ("useless", "negative"),
        ("👎", "negative"),
        ("The parcel arrived on Tuesday", "neutral"),
        ("This is what I asked for", "neutral"),
    ],
)
def test_english_comments(comment, heard):
    """Plain English is understood."""
    assert sentiment.of(comment) == heard


@pytest.mark.parametrize("comment", ["", "   ", "Sehr schlecht", "c'est mauvais", "очень плохо", "很差", "12345", "hm"])
def test_what_cannot_be_told_is_unknown_and_not_neutral(comment):
    """No word of English, no sentiment."""
    assert sentiment.of(comment) == ""


@given(st.text(max_size=200))
def test_any_text_has_an_answer(comment):
    """Nothing that people write breaks it."""
    assert sentiment.of(comment) in ("positive", "neutral", "negative", "")


def test_a_long_comment_is_judged_by_its_beginning():
    """Ten thousand characters take no longer than two thousand."""
    assert sentiment.of("good " + "x " * 5_000 + "terrible " * 1_000) == "positive"


def test_without_the_extra_every_comment_is_unknown(tmp_path):
    """Where TextBlob is not installed nothing fails, and nothing is guessed."""
    done = python(
        "import sys; sys.modules['textblob'] = None\n"
        "from stagelight.feedback import sentiment\n"
        "print(sentiment.available(), repr(sentiment.of('I love it')))",
        folder=tmp_path,
    )
    assert done.out.split() == ["False", "''"]
