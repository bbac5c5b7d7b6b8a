"""Where a reference puts the edges of a number's bins: robust against outliers, exact at values that come again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stagelight.drift.bins import FINE, GROUPS
from stagelight.drift.cuts import equal_mass
from stagelight.drift.grid import BESIDE, CELLS, CHUNK, Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

SAMPLE = 2048  #: Values that limits are guessed from.
TAIL = 0.01  #: Share of the reference beyond either limit.
FEW = 250  #: Distinct values, up to which each has a bin of its own.
OFTEN = 0.01  #: Share of the sample from which a value is an atom among others.
LARGEST = 8e307  #: Edges stay within it, so that no difference of two overflows.
INSIDE = 0.37  #: Of a cell that the grid goes beyond the rows that limit it: none lies on its very edge.
COARSE = 8  #: Cells between two quantiles, below which the grid is too coarse and values are sorted instead.

# Low-discrepancy: spread evenly over the rows without their rhythm, and nearly the same for a row more.
SPREAD = np.modf(np.arange(1, SAMPLE + 1) * (np.sqrt(5) - 1) / 2)[0]


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """Edges, the even grid they lie on where there is one, and how the finite values of the reference fill the bins."""

    edges: Values
    grid: Grid | None
    counts: NDArray[np.int64]  #: Under the first edge, between the edges, over the last.


def lay(finite: Values) -> Layout:
    """Return edges fit for `finite`."""
    if not finite.size:
        return _counted(np.array([0.0, 1.0]), finite)
    seen = np.clip(np.sort(sampled(finite)), -LARGEST, LARGEST)
    again = seen[1:] == seen[:-1]
    distinct = seen.size - int(np.count_nonzero(again))
    if distinct <= FEW and distinct * 4 <= max(seen.size, 8):
        return _counted(around(np.unique(seen)), finite)
    low, high = limits(seen)
    laid = even(finite, seen, low, high)
    if laid is not None:
        return laid
    values, times = np.unique(seen, return_counts=True)
    return _counted(sorted_out(finite, low, high, values[times > OFTEN * seen.size]), finite)


def sampled(finite: Values) -> Values:
    """Return a few thousand values from all over, always the same ones."""
    if finite.size <= SAMPLE:
        return finite
    found: Values = finite[(SPREAD * (finite.size // SAMPLE * SAMPLE)).astype(np.intp)]
    return found


def _counted(edges: Values, finite: Values) -> Layout:
    return Layout(edges, None, np.bincount(np.searchsorted(edges, finite, side="right"), minlength=edges.size + 1))


def around(atoms: Values) -> Values:
    """Return edges that give each of `atoms` a bin of its own, as narrow as numbers are.

    >>> around(np.array([0.0, 1.0])).size
    4
    """
    return np.unique(np.concatenate((atoms, np.nextafter(atoms, np.inf))))


def limits(seen: Values) -> tuple[float, float]:
    """Return what lies between both far ends of a sorted sample; an outlier does not move it."""
    behind = int(seen.size * TAIL)
    return float(seen[behind]), float(np.nextafter(seen[-1 - behind], np.inf))


def even(finite: Values, seen: Values, low: float, high: float) -> Layout | None:
    """Return bins on an even grid, about equally full; None where values lie too densely in too small a part of it."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        per_unit = (CELLS - 1) / (high - low)
        steps = np.diff(seen[:: max(1, seen.size // (3 * GROUPS))]) * per_unit
    if not (np.isfinite(per_unit) and per_unit > 0 and low + 1 / per_unit > low):
        return None
    if np.any((steps > 0) & (steps < COARSE)):
        return None
    low -= INSIDE / per_unit
    even_cells = Grid(low, per_unit, np.array([0, CELLS]))
    cells = even_cells.none()
    for at in range(0, finite.size, CHUNK):
        cells += even_cells.count(finite[at : at + CHUNK])
    inner = cells[BESIDE:-BESIDE]
    if not inner.any():
        return None
    grid = Grid(low, per_unit, np.append(equal_mass(inner, FINE, alone=2.0), CELLS))
    return Layout(grid.edges, grid, grid.joined(cells))


def sorted_out(finite: Values, low: float, high: float, atoms: Values) -> Values:
    """Return edges at quantiles of all values, and around `atoms`."""
    inner = np.sort(finite[(finite >= low) & (finite < high)])
    at = np.linspace(0, inner.size - 1, FINE - 2 * atoms.size).astype(np.intp)
    return np.unique(np.concatenate((inner[at], around(atoms), [low, high])))
