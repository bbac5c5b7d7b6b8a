"""Exponential histograms on fixed bounds, so that points of one series can be subtracted and added.

An exponential histogram moves its bounds as values come in: two points of one series seldom have the same. The grid here
never moves: 0, then four bounds for each doubling from 2^-20 to 2^32 (in seconds: a microsecond to a century). Bounds are
19 % apart, and a quantile read from it is off by no more, where the sender's own resolution was at least as fine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Bounds are 2^(i / 4); in the terms of OpenTelemetry: scale 2.
GRID_SCALE: Final = 2
_LOWEST: Final = -20 * 2**GRID_SCALE
_HIGHEST: Final = 32 * 2**GRID_SCALE

BOUNDS: Final = (0.0, *(2.0 ** (step / 2**GRID_SCALE) for step in range(_LOWEST, _HIGHEST + 1)))


def on_grid(
    scale: int, offset: int, counts: Sequence[int], *, below: int = 0
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Bounds of the grid and the counts in its buckets, one more than bounds.

    Args:
        scale: Of the exponential histogram: its bounds are 2^(i / 2^scale).
        offset: Index of its first positive bucket.
        counts: Its positive buckets. A bucket coarser than the grid goes where its upper bound lies.
        below: What is zero or negative; counted at or under 0.

    >>> bounds, buckets = on_grid(0, 0, [3, 1], below=2)  # three in (1, 2], one in (2, 4]
    >>> [(bound, count) for bound, count in zip(bounds, buckets) if count]
    [(0.0, 2), (2.0, 3), (4.0, 1)]
    """
    buckets = [0] * (len(BOUNDS) + 1)
    buckets[0] = below
    for index, count in enumerate(counts, start=offset):
        if count:
            buckets[_place(index + 1, scale)] += count
    return BOUNDS, tuple(buckets)


def _place(upper: int, scale: int) -> int:
    """Position in the grid's buckets of the bucket whose upper bound is 2^(upper / 2^scale)."""
    # Shifts are held within 64, more than an int32 has bits: a scale as low as a hostile sender likes must not make a
    # number of a billion digits.
    shift = max(-64, min(scale - GRID_SCALE, 64))
    step = -(-upper >> shift) if shift >= 0 else upper << -shift  # rounded up
    return 1 + min(max(step - _LOWEST, 0), _HIGHEST - _LOWEST + 1)
