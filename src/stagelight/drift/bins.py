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

from stagelight.drift.cuts import equal_mass, part_of, without_slivers
from stagelight.drift.grid import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from stagelight.drift.grid import Grid

    Values = NDArray[np.float64]
    Counts = NDArray[np.int64]
    Places = NDArray[np.intp]

Kind = Literal["number", "category"]

FINE = 1000  #: Inner bins of a number, at most.
GROUPS = 18  #: Inner groups; with both far ends twenty.
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

    def counted(self, values: Any, first: int) -> tuple[Counts, Places]:
        """Return how many of `values` lie in each fine bin, and the bins of the `first` of them in their order."""
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
        parts = [self._counted(numbers[at : at + CHUNK]) for at in range(0, numbers.size, CHUNK)]
        return sum(parts, np.zeros(self.size, np.int64))

    def place(self, values: Any) -> Places:
        """Return the bin of each of `values`, in their order."""
        numbers = as_numbers(values)
        near = None if self.grid is None else self.grid.place_near(numbers)
        return self._placed(numbers) if near is None else near + UNDER

    def counted(self, values: Any, first: int) -> tuple[Counts, Places]:
        """Return how many of `values` lie in each bin, and the bins of the `first` of them; at most `CHUNK`."""
        numbers = as_numbers(values)
        near = None if self.grid is None else self.grid.counted_near(numbers[:CHUNK], first)
        if self.grid is None or near is None:
            return self.count(numbers), self.place(numbers[:first])
        found = self._joined(self.grid, near[0])
        if numbers.size > CHUNK:
            found += self.count(numbers[CHUNK:])
        return found, near[1] + UNDER

    @cached_property
    def group_of(self) -> Places:
        """The group of each bin."""
        return part_of(self.groups, self.size)

    def _counted(self, numbers: Values) -> Counts:
        if self.grid is None:
            return np.bincount(self._placed(numbers), minlength=self.size)
        cells = self.grid.count_near(numbers)
        if cells is None:  # for a few that are no number, say; they do not make all the others slow
            near = self.grid.near(numbers)
            return self._counted(numbers[near]) + np.bincount(self._placed(numbers[~near]), minlength=self.size)
        return self._joined(self.grid, cells)

    def _joined(self, grid: Grid, cells: Counts) -> Counts:
        found = np.zeros(self.size, np.int64)
        found[UNDER : self.edges.size + INNER] = grid.joined(cells)
        return found

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
        return part_of(self.groups, self.size)

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

    def counted(self, values: Any, first: int) -> tuple[Counts, Places]:
        """Return how many of `values` lie in each bin, and the bins of the `first` of them."""
        return self.count(values), self.place(values[:first])

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


def inner_groups(counts: Counts) -> Places:
    """Return where groups of inner bins begin, given how the reference fills these bins."""
    if not counts.sum():
        return np.array([0], dtype=np.intp)
    return without_slivers(equal_mass(counts, GROUPS), counts, counts.sum() / GROUPS / 3)
