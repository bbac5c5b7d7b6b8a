"""Where to cut ordered counts, so that the parts hold about equally much and what is concentrated stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Positions = NDArray[np.intp]


def equal_mass(counts: Counts, parts: int, *, alone: float = 1.0) -> Positions:
    """Return where about `parts` parts begin, the first at 0; a position with more than `alone` shares is one by itself.

    With `alone` at 2 or more there are never more than `parts`, and one: such a position takes the place of two.

    >>> equal_mass(np.array([1, 1, 1, 1, 90, 1, 1, 1, 1, 2]), 5)
    array([0, 4, 5])
    """
    running = np.cumsum(counts)
    share = running[-1] / parts
    behind = np.searchsorted(running, share * np.arange(1, parts)) + 1
    heavy = np.flatnonzero(counts > alone * share)
    found = np.concatenate(([0], behind, heavy, heavy + 1))
    found = np.sort(found[found < counts.size])
    return found[np.concatenate(([True], found[1:] != found[:-1]))]


def without_slivers(starts: Positions, counts: Counts, least: float) -> Positions:
    """Join parts that hold less than `least` with a neighbour which is no single position.

    >>> counts = np.array([50, 1, 90, 40, 2])
    >>> without_slivers(np.array([0, 1, 2, 3, 4]), counts, 10)
    array([0, 2, 3])
    """
    running = np.concatenate(([0], np.cumsum(counts)))
    kept = [*starts.tolist(), counts.size]
    at = 0
    while at < len(kept) - 1:
        mass = running[kept[at + 1]] - running[kept[at]]
        if mass >= least or len(kept) == 2:  # noqa: PLR2004  the two ends of the one part that is left
            at += 1
        elif at > 0 and (at + 2 == len(kept) or _mass(running, kept, at - 1) <= _mass(running, kept, at + 1)):
            del kept[at]
            at -= 1
        else:
            del kept[at + 1 if at + 2 < len(kept) else at]
    return np.array(kept[:-1], dtype=np.intp)


def part_of(starts: Positions, size: int) -> Positions:
    """Return for each of `size` positions the number of the part it lies in.

    >>> part_of(np.array([0, 2, 3]), 5)
    array([0, 0, 1, 2, 2])
    """
    return np.repeat(np.arange(starts.size), np.diff(starts, append=size))


def _mass(running: Counts, starts: list[int], at: int) -> int:
    return int(running[starts[at + 1]] - running[starts[at]])
