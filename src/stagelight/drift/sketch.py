"""`Sketch`: counts of one feature's values, small, and the same whatever order the parts are added in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from stagelight.drift.dependence import LOOKED_AT, Links

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stagelight.drift.bins import Bins


@dataclass(frozen=True, eq=False, slots=True)
class Sketch:
    """How many values lay in each bin, and how alike neighbours were. Whole numbers alone: adding up is exact."""

    counts: NDArray[np.int64]
    links: Links

    @classmethod
    def empty(cls, bins: Bins) -> Self:
        """Return the sketch of no values."""
        return cls(np.zeros(bins.size, np.int64), Links.none())

    @classmethod
    def of(cls, bins: Bins, values: Any, *, looked_at: int = LOOKED_AT) -> Self:
        """Return the sketch of `values`, in the order they came; the neighbours of the first `looked_at` are compared."""
        counts, places = bins.counted(values, looked_at)
        return cls(counts, Links.among(bins, places))

    @property
    def rows(self) -> int:
        """How many values it holds."""
        return int(self.counts.sum())

    @property
    def nbytes(self) -> int:
        """Bytes of its figures."""
        return self.counts.nbytes + self.links.sums.nbytes

    def __add__(self, other: Sketch) -> Sketch:
        """Return both together; in any order and grouping the same."""
        return Sketch(self.counts + other.counts, self.links + other.links)
