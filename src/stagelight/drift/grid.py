"""An even grid that a number's bins lie on: a value's cell is one multiplication away, and no edge is searched for.

Cells are counted beside the grid as well, three for four of its own on either side: of a bell's values that is beyond five
standard deviations. Hardly a value lies there, and where none does, none has to be cut off.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from stagelight.drift.cuts import part_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Counts = NDArray[np.int64]
    Places = NDArray[np.intp]

CELLS = 1 << 12  #: Of the grid that a reference lays.
BESIDE = 3 * CELLS // 4  #: Cells on either side of a grid.
NEAR = 2.0**31  #: Cells from the first, within which a cell is a number of 32 bits.
CHUNK = 1 << 17  #: Values counted at once: they stay in the processor's cache from one step to the next.


@dataclass(frozen=True, eq=False)
class Grid:
    """Even cells from `low` on, and where among them fine bins begin; for finite numbers alone."""

    low: float
    per_unit: float  #: Cells for each unit of the value.
    starts: Places  #: Cells with which bins begin, and the number of cells; the first is 0.

    @property
    def edges(self) -> Values:
        """The same as values."""
        return self.low + self.starts / self.per_unit

    def none(self) -> Counts:
        """Return the cells of no values."""
        return np.zeros(self._size, np.int64)

    def count(self, numbers: Values) -> Counts:
        """Return how many lie in each cell, those beside the grid included; of at most `CHUNK`, all finite."""
        near = self.count_near(numbers)
        return np.bincount(self._cell(numbers), minlength=self._size) if near is None else near

    def count_near(self, numbers: Values) -> Counts | None:
        """Return the same; None where one of them is not `near`."""
        counted = self.counted_near(numbers, 0)
        return None if counted is None else counted[0]

    def counted_near(self, numbers: Values, first: int) -> tuple[Counts, Places] | None:
        """Return the same, and the places of the `first` of them; None where one of them is not `near`."""
        desk = Desk.free()
        narrow = self._cell_near(numbers, desk)
        found = None
        if narrow is not None:
            cells = desk.cells[: numbers.size]
            cells[:] = narrow
            found = np.bincount(cells, minlength=self._size), self._bin_of.take(cells[:first])
        desk.leave()
        return found

    def joined(self, cells: Counts) -> Counts:
        """Return what `cells` hold by bins, between what lies under the grid and what lies over it."""
        return np.add.reduceat(cells, self._behind)

    def place(self, numbers: Values) -> Places:
        """Return 0 for what lies under the grid, 1 and more for the bins, the last for what lies over it."""
        return self._bin_of.take(self._cell(numbers))

    def place_near(self, numbers: Values) -> Places | None:
        """Return the same; None where one of them is not `near`, or where they are more than `CHUNK`."""
        if numbers.size > CHUNK:
            return None
        desk = Desk.free()
        narrow = self._cell_near(numbers, desk)
        found = None if narrow is None else self._bin_of.take(narrow)
        desk.leave()
        return found

    def near(self, numbers: Values) -> NDArray[np.bool_]:
        """Say of each whether it is finite, and not billions of cells away."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.abs(self._scaled(numbers)) < NEAR

    @cached_property
    def _behind(self) -> Places:
        """Where bins begin among all cells, those beside the grid included."""
        return np.concatenate(([0], self.starts + BESIDE))

    @cached_property
    def _bin_of(self) -> Places:
        return part_of(self._behind, self._size)

    @cached_property
    def _first(self) -> float:
        """Where the grid begins among all cells, for a value of 0."""
        return BESIDE - self.low * self.per_unit

    @cached_property
    def _size(self) -> int:
        """How many cells there are, those beside the grid included."""
        return int(self.starts[-1]) + 2 * BESIDE

    @cached_property
    def _size_in_bits(self) -> np.uint64:
        return np.float64(self._size).view(np.uint64)

    def _scaled(self, numbers: Values, out: Values | None = None) -> Values:
        found = np.multiply(numbers, self.per_unit, out=out)
        found += self._first
        return found

    def _cell(self, numbers: Values) -> NDArray[np.int32]:
        """Return the cell of each of finite numbers."""
        with np.errstate(over="ignore"):
            scaled = self._scaled(numbers)
        scaled.clip(0, self._size - 1, out=scaled)
        return scaled.astype(np.int32)

    def _cell_near(self, numbers: Values, desk: Desk) -> NDArray[np.int32] | None:
        """Return the same, on `desk`; None where one of them is not `near`.

        Each step is a pass over memory that is used again and again: fresh memory may cost half as much again. Numbers
        go by way of 32 bits: straight to 64 takes twice as long. That they fit is seen to before: what becomes of one
        that does not is another matter on each kind of processor.
        """
        scaled, narrow = desk.scaled[: numbers.size], desk.narrow[: numbers.size]
        with np.errstate(over="ignore", invalid="ignore"):
            self._scaled(numbers, out=scaled)
        # As whole numbers, bits of floats are in the floats' order from 0 on; those of NaN and below 0 are behind them all.
        inside = scaled.view(np.uint64).max(initial=0) < self._size_in_bits
        if not inside and not (scaled.min() > -NEAR and scaled.max() < NEAR):  # NaN is neither
            return None
        narrow[:] = scaled
        if not inside:
            narrow.clip(0, self._size - 1, out=narrow)
        return narrow


class Desk:
    """Room for what becomes of a chunk of values on the way to their cells."""

    _spare: ClassVar[deque[Desk]] = deque(maxlen=2)  # threads that come at once have one each; two are kept

    def __init__(self) -> None:
        self.scaled = np.empty(CHUNK, np.float64)
        self.narrow = np.empty(CHUNK, np.int32)
        self.cells = self.scaled.view(np.intp)  # in the same place: less that the processor's cache must hold

    @classmethod
    def free(cls) -> Desk:
        """Return one that nobody else works at."""
        try:
            return cls._spare.pop()
        except IndexError:
            return cls()

    def leave(self) -> None:
        """Let others work at it."""
        self._spare.append(self)
