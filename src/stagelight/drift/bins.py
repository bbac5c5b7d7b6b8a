"""Where values are counted: bins that are fixed once, by the reference, so that counts of any two windows add up.

Numbers are counted finely, in up to a thousand bins which each held about as much of the reference; not a number, either
infinity and both far ends have bins of their own. For PSI and its kin the fine bins are joined to about twenty groups.
Categories have a bin each, and one each for what is missing and for what the reference never saw.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np

from stagelight.drift.cuts import equal_mass, without_slivers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Counts = NDArray[np.int64]
    Places = NDArray[np.intp]

Kind = Literal["number", "category"]

FINE = 1000  #: Inner bins of a number, at most.
GROUPS = 18  #: Inner groups; with both far ends twenty.
CELLS = 1 << 12  #: Of the even grid that fine bins are made of where a feature allows.
CHUNK = 1 << 15  #: Values placed at once: they stay in the processor's cache from one step to the next.
LABEL_LENGTH = 200  #: Characters of a category that are looked at.
NOT_A_NUMBER, LOWEST, UNDER, INNER = 0, 1, 2, 3  #: Positions of a number's bins; behind the inner ones: over, highest.
MISSING, UNSEEN, KNOWN = 0, 1, 2  #: Positions of a category's bins.


class Bins(Protocol):
    """Where values of one feature are counted."""

    kind: ClassVar[Kind]

    @property
    def size(self) -> int:
        """How many fine bins there are."""
        ...

    @property
    def groups(self) -> Places:
        """The fine bins with which groups begin, the first at 0."""
        ...

    @property
    def group_of(self) -> Places:
        """The group of each fine bin."""
        ...

    def count(self, values: Any) -> Counts:
        """Return how many of `values` lie in each fine bin."""
        ...

    def place(self, values: Any) -> Places:
        """Return the fine bin of each of `values`, in their order."""
        ...


@dataclass(frozen=True, eq=False)
class NumberBins:
    """Bins of a number: `edges[i] <= value < edges[i + 1]`, and beyond them the far ends."""

    kind: ClassVar[Kind] = "number"
    edges: Values  #: Ascending, at least two.
    groups: Places
    grid: Grid | None = None  #: Where the edges lie on an even grid, placing is much faster.

    @property
    def size(self) -> int:
        """How many fine bins there are."""
        return self.edges.size + INNER + 1

    @cached_property
    def positions(self) -> Values:
        """One value for each bin: its middle; the nearest edge for the far ends and infinities; 0 for no number."""
        low, high = self.edges[0], self.edges[-1]
        middles = self.edges[:-1] + np.diff(self.edges) / 2
        return np.concatenate(([0.0, low, low], middles, [high, high]))

    def count(self, values: Any) -> Counts:
        """Return how many of `values` lie in each bin."""
        numbers = as_numbers(values)
        total = np.zeros(self.size, np.int64)
        cells = np.zeros(0, np.int64) if self.grid is None else self.grid.none()
        for at in range(0, numbers.size, CHUNK):
            part = numbers[at : at + CHUNK]
            if self.grid is not None and all_finite(part):
                cells += self.grid.count(part)
            else:
                total += np.bincount(self._placed(part), minlength=self.size)
        if self.grid is not None:
            total[UNDER : self.edges.size + INNER] += self.grid.joined(cells)
        return total

    def place(self, values: Any) -> Places:
        """Return the bin of each of `values`, in their order."""
        return self._placed(as_numbers(values))

    @cached_property
    def group_of(self) -> Places:
        """The group of each bin."""
        return _spread(self.groups, self.size)

    def _placed(self, numbers: Values) -> Places:
        if all_finite(numbers):
            return self._finite(numbers) + UNDER
        found = self._finite(np.where(np.isfinite(numbers), numbers, self.edges[0])) + UNDER
        found[np.isnan(numbers)] = NOT_A_NUMBER
        found[numbers == -np.inf] = LOWEST
        found[numbers == np.inf] = self.size - 1
        return found

    def _finite(self, numbers: Values) -> Places:
        if self.grid is not None:
            return self.grid.place(numbers)
        return np.searchsorted(self.edges, numbers, side="right")


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
        return np.zeros(int(self.starts[-1]) + 2, np.int64)

    def count(self, numbers: Values) -> Counts:
        """Return how many lie under the grid, in each cell, and over it."""
        return np.bincount(self._cell(numbers), minlength=int(self.starts[-1]) + 2)

    def joined(self, cells: Counts) -> Counts:
        """Return what `cells` hold by bins."""
        return np.add.reduceat(cells, self._behind)

    def place(self, numbers: Values) -> Places:
        """Return 0 for what lies under the grid, 1 and more for the bins, the last for what lies over it."""
        return self._bin_of[self._cell(numbers)]

    @cached_property
    def _behind(self) -> Places:
        """Where bins begin among all cells, those under and over the grid included."""
        return np.concatenate(([0], self.starts + 1))

    @cached_property
    def _bin_of(self) -> Places:
        return _spread(self._behind, int(self.starts[-1]) + 2)

    def _cell(self, numbers: Values) -> NDArray[np.int32]:
        with np.errstate(over="ignore"):
            scaled = numbers * self.per_unit
            scaled += 1 - self.low * self.per_unit  # the first cell is what lies under the grid
        np.clip(scaled, 0, self.starts[-1] + 1, out=scaled)
        return scaled.astype(np.int32)


@dataclass(frozen=True, eq=False)
class CategoryBins:
    """Bins of categories: one each, in the order of their groups."""

    kind: ClassVar[Kind] = "category"
    labels: tuple[str, ...]
    groups: Places

    @property
    def size(self) -> int:
        """How many bins there are."""
        return len(self.labels) + KNOWN

    @cached_property
    def group_of(self) -> Places:
        """The group of each bin."""
        return _spread(self.groups, self.size)

    @cached_property
    def _bin_of(self) -> dict[str, int]:
        return {label: number for number, label in enumerate(self.labels, KNOWN)}

    def count(self, values: Any) -> Counts:
        """Return how many of `values` lie in each bin."""
        total = np.zeros(self.size, np.int64)
        for label, times in Counter(as_labels(values)).items():
            total[self._of(label)] += times
        return total

    def place(self, values: Any) -> Places:
        """Return the bin of each of `values`, in their order."""
        return np.array([self._of(label) for label in as_labels(values)], dtype=np.intp)

    def _of(self, label: str | None) -> int:
        return MISSING if label is None else self._bin_of.get(label, UNSEEN)


def as_numbers(values: Any) -> Values:
    """Return `values` as numbers in one row; what is none becomes NaN.

    >>> as_numbers([1, None, "2.5", "much", True])
    array([1. , nan, 2.5, nan, 1. ])
    """
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        found = np.array([_number(value) for value in values], dtype=np.float64)
    return found.reshape(-1)


def all_finite(numbers: Values) -> bool:
    """Say whether all are finite, by their sum: one pass and no copy; a sum that overflows costs a second look."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(numbers.sum()))


def as_labels(values: Iterable[Any]) -> list[str | None]:
    """Return `values` as short texts; None for what is missing.

    >>> as_labels(["red", None, float("nan"), True])
    ['red', None, None, 'True']
    """
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    return [_label(value) for value in listed]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def _label(value: Any) -> str | None:
    if type(value) is str:
        return value[:LABEL_LENGTH]
    if value is None or value != value:  # noqa: PLR0124  NaN alone is not itself
        return None
    return str(value)[:LABEL_LENGTH]


def _spread(starts: Places, size: int) -> Places:
    """Return for each position the number of the part it lies in."""
    return np.repeat(np.arange(starts.size), np.diff(starts, append=size))


def inner_groups(counts: Counts) -> Places:
    """Return where groups of inner bins begin, given how the reference fills these bins."""
    if not counts.sum():
        return np.array([0], dtype=np.intp)
    return without_slivers(equal_mass(counts, GROUPS), counts, counts.sum() / GROUPS / 3)
