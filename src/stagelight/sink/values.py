"""What callers hand over, as the plain values that a row holds.

Numbers and texts come from numpy, enums, databases; what can be understood is taken, the rest is refused with a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from stagelight import _clock
from stagelight.errors import RowError

MAX_DEPTH = 16  #: Lists and objects inside a feature, before a recursion is assumed.


def text(name: str, value: object) -> str:
    """Return `value` as plain text; whole numbers and UUIDs count as ids.

    Raises:
        RowError: It is something else.

    >>> text("entity", 42)
    '42'
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return str.__str__(value)  # of an enum's member its value, not its name
    if isinstance(value, UUID) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**100):
        return str(value)
    raise RowError(f"{name}: found a {type(value).__name__}, expected text")


def number(name: str, value: object) -> float | None:
    """Return `value` as a float; true and false count as 1 and 0, None stays None.

    Raises:
        RowError: It is no finite number.

    >>> number("value", True)
    1.0
    """
    value = _plain(value)
    if value is None:
        return None
    if not isinstance(value, int | float | Decimal):
        raise RowError(f"{name}: found a {type(value).__name__}, expected a number")
    try:
        found = float(value)
    except (OverflowError, ValueError):
        found = math.inf
    if not math.isfinite(found):
        raise RowError(f"{name}: found a number that is not finite, or too large")
    return found


def moment(value: object) -> float:
    """Return `value`, seconds since 1970 or an aware datetime, as seconds since 1970; None is now.

    Raises:
        RowError: It is something else, or a datetime that does not say its time zone.
    """
    if value is None:
        return _clock.wall_ns() / 1e9
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise RowError("observed_at: found a datetime without a time zone; say which, as in datetime.now(UTC)")
        return value.timestamp()
    found = number("observed_at", value)
    return 0.0 if found is None else found


def features(value: object) -> dict[str, Any]:
    """Return a mapping of features as plain JSON values; what is not a number (NaN) becomes None, which is how it is meant.

    Raises:
        RowError: It is no mapping, or its names are no text.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RowError(f"features: found a {type(value).__name__}, expected names and values")
    return {text("features", name): _json(inner, MAX_DEPTH) for name, inner in value.items()}


def _json(value: object, depth: int) -> Any:
    value = _plain(value)
    if depth == 0:
        raise RowError(f"features: nested deeper than {MAX_DEPTH}, or holding itself")
    if isinstance(value, Mapping):
        return {text("features", name): _json(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner, depth - 1) for inner in value]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _plain(value: object) -> object:
    """A numpy scalar or array as Python's own number or list, without importing numpy."""
    if type(value).__module__.partition(".")[0] == "numpy":
        return value.tolist()  # type: ignore[attr-defined]  # every scalar and array of numpy has it
    return value
