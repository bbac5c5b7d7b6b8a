"""Numbers that a metric can take; anything else is an error of ours to report, never the program's to catch."""

from __future__ import annotations

import math


def finite(value: object) -> float:
    """Return `value` as a plain finite number.

    Raises:
        ValueError: It is infinite or NaN; one such value would spoil a sum for ever.
        TypeError: It is no number at all.

    >>> finite(2), finite(True)
    (2, 1)
    """
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return int(value)
    number = float(value)  # type: ignore[arg-type]  # whatever is no number raises here, which is the point
    if not math.isfinite(number):
        raise ValueError(f"a metric takes finite numbers; found {number}")
    return number


def increment(value: object) -> float:
    """Return `value` as a plain finite number that a counter can add.

    Raises:
        ValueError: It is negative, infinite or NaN.
        TypeError: It is no number at all.
    """
    number = finite(value)
    if number < 0:
        raise ValueError(f"a counter only goes up; found {number}")
    return number
