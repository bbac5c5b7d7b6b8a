"""Lengths of time as Prometheus writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight.catalogue import durations


@given(st.integers(0, 10**12))
def test_a_length_is_read_back_as_it_was(milliseconds):
    """Writing and reading again loses no millisecond."""
    assert round(durations.seconds(durations.text(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("1w", 604_800), ("3d", 259_200), ("1h30m", 5400), ("5m", 300), ("1s500ms", 1.5)]
)
def test_prometheus_units(text, seconds):
    """Its documentation: a day has 24 h, a week 7 days."""
    assert durations.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "5m ", "1.5h", "30m1h", "-5m", "5M", "1y"])
def test_anything_else_is_refused(text):
    """Prometheus refuses them too, but only when it loads the rule; years, which it knows, nobody needs."""
    with pytest.raises(ValueError, match="is no length of time; expected one like 30s"):
        durations.seconds(text)
