"""Callers' values as the plain ones that rows hold."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import numpy as np
import pytest

from stagelight import _clock
from stagelight.errors import RowError
from stagelight.sink import values
from stagelight.testing import SteppingClock


class Plan(StrEnum):
    GOLD = "gold"


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (Plan.GOLD, "gold"), (np.str_("n"), "n"), (7, "7"), (UUID(int=5), str(UUID(int=5))), (None, "")],
)
def test_ids_of_many_kinds_are_text(value, text):
    """Enums, whole numbers and UUIDs are taken as ids, as plain text."""
    found = values.text("entity", value)

    assert (found, type(found)) == (text, str)


@pytest.mark.parametrize("value", [True, 1.5, b"x", object(), 10**200])
def test_other_things_are_no_text(value):
    """What is no id is refused by the name of its type."""
    with pytest.raises(RowError, match=f"entity: found a {type(value).__name__}"):
        values.text("entity", value)


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (True, 1.0), (np.float32(0.5), 0.5), (np.bool_(False), 0.0), (Decimal("2.5"), 2.5), (None, None)],
)
def test_numbers_of_many_kinds_are_floats(value, number):
    """Numpy's numbers and decimals are taken as floats."""
    found = values.number("score", value)

    assert found == number
    assert found is None or type(found) is float


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, Decimal("NaN"), Decimal("sNaN"), "1", [1], np.zeros(2)])
def test_other_things_are_no_numbers(value):
    """Text, lists and what is not finite are refused."""
    with pytest.raises(RowError, match="score: found"):
        values.number("score", value)


def test_moments():
    """Seconds and aware datetimes are moments, None is now, a datetime without a time zone is refused."""
    with _clock.replaced(clock=SteppingClock(start_s=50.0)):
        assert values.moment(None) == 50.0
    assert values.moment(12) == 12.0
    assert values.moment(datetime(1970, 1, 1, 0, 1, tzinfo=UTC)) == 60.0
    with pytest.raises(RowError, match="time zone"):
        values.moment(datetime(2026, 1, 1))  # noqa: DTZ001  the naive one is the point


def test_features_are_plain_json():
    """Arrays become lists, NaN becomes None, nested mappings stay."""
    found = values.features(
        {"a": np.array([1.0, math.nan]), "b": {"c": (1, np.int64(2))}, "d": Decimal("1.5"), "e": Plan.GOLD}
    )

    assert found == {"a": [1.0, None], "b": {"c": [1, 2]}, "d": 1.5, "e": "gold"}
    assert type(found["e"]) is str
    assert values.features(None) == {}


def test_features_that_hold_themselves_are_refused():
    """A recursion ends in a sentence, not in a stack overflow."""
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(RowError, match="holding itself"):
        values.features({"loop": loop})


@pytest.mark.parametrize("value", [[1], "text", {1.5: 2}])
def test_features_need_names(value):
    """Features are a mapping with names."""
    with pytest.raises(RowError, match="features: found a"):
        values.features(value)
