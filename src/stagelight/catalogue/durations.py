"""Prometheus' way of writing a length of time, and back."""

from __future__ import annotations

import re

UNITS = {
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}  #: Milliseconds, longest first.
DURATION = re.compile("".join(rf"(?:(\d+){unit})?" for unit in UNITS))


def seconds(duration: str) -> float:
    """Return how many seconds `duration` lasts.

    Raises:
        ValueError: It is not written as Prometheus reads it: whole numbers, longest unit first.

    >>> seconds("1h30m"), seconds("250ms"), seconds("0s")
    (5400.0, 0.25, 0.0)
    """
    match = DURATION.fullmatch(duration)
    if not match or not duration:
        raise ValueError(f"{duration!r} is no length of time; expected one like 30s, 5m, 1h30m or 3d")
    return sum(int(count or 0) * size for count, size in zip(match.groups(), UNITS.values(), strict=True)) / 1000


def text(length: float) -> str:
    """Return `length` in seconds as Prometheus writes it.

    >>> text(5400), text(0.25), text(0)
    ('1h30m', '250ms', '0s')
    """
    rest, parts = round(length * 1000), []
    for unit, size in UNITS.items():
        count, rest = divmod(rest, size) if unit != "w" else (0, rest)  # people count days
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
