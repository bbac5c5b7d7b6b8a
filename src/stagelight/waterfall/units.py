"""Quantities as people read them: three significant digits and a unit."""

from __future__ import annotations

_STEPS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))
_MINUTE_NS = 60_000_000_000
_HOUR_NS = 60 * _MINUTE_NS


def duration(nanoseconds: float) -> str:
    """Return a time as a person would say it.

    >>> [duration(n) for n in (0, 850, 12_345, 4_567_890, 1_234_000_000, 125_000_000_000, 3_725_000_000_000)]
    ['0 ns', '850 ns', '12.3 µs', '4.57 ms', '1.23 s', '2 min 5 s', '1 h 2 min']
    """
    if nanoseconds >= _HOUR_NS:
        return f"{int(nanoseconds // _HOUR_NS)} h {int(nanoseconds % _HOUR_NS // _MINUTE_NS)} min"
    if nanoseconds >= _MINUTE_NS:
        return f"{int(nanoseconds // _MINUTE_NS)} min {int(nanoseconds % _MINUTE_NS // 1_000_000_000)} s"
    for size, unit in _STEPS:
        # 0.9995 of a unit already rounds up to 1.00 of it.
        if nanoseconds >= 0.9995 * size:
            return f"{digits(nanoseconds / size)} {unit}"
    return f"{nanoseconds:.0f} ns"


def digits(value: float) -> str:
    """Return a number with three significant digits, without an exponent.

    >>> [digits(v) for v in (0, 0.01234, 1.5, 12.34, 123.4, 12345)]
    ['0', '0.0123', '1.50', '12.3', '123', '12,345']
    """
    size = abs(value)
    if size == 0:
        return "0"
    for limit, places in ((0.09995, 4), (0.9995, 3), (9.995, 2), (99.95, 1)):
        if size < limit:
            return f"{value:.{places}f}"
    return f"{value:,.0f}"
