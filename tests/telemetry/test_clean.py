"""Values made fit for export."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stagelight.telemetry import clean


@given(st.text(st.characters(codec=None)), st.integers(1, 20))
def test_text_is_encodable_and_bounded(text, limit):
    """Text never holds a lone surrogate and never exceeds its bound."""
    found = clean.text(text, limit=limit)
    found.encode()
    assert len(found) <= limit


@given(st.text())
def test_good_text_is_left_alone(text):
    """What was fit already stays letter for letter."""
    assert clean.text(text) == text[: clean.MAX_TEXT]
