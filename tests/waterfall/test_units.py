"""Quantities as people read them."""

from __future__ import annotations

import pytest

from stagelight.waterfall import units


@pytest.mark.parametrize(
    ("nanoseconds", "words"),
    [
        (999_400, "999 µs"),
        (999_999, "1.00 ms"),
        (9_996_000, "10.0 ms"),
        (59_999_999_999, "60.0 s"),
        (60 * 10**9, "1 min 0 s"),
    ],
)
def test_rounding_up_moves_to_the_next_unit(nanoseconds, words):
    """No `1,000 µs`: what rounds to one of the next unit is written in it."""
    assert units.duration(nanoseconds) == words


def test_a_count_may_be_negative():
    """Differences keep their sign."""
    assert units.digits(-12.34) == "-12.3"
