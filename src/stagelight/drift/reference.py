"""`Reference`: what a feature looked like when all was well, and the bins in which everything later is counted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from stagelight.drift.bins import (
    INNER,
    LOWEST,
    NOT_A_NUMBER,
    CategoryBins,
    NumberBins,
    all_finite,
    as_numbers,
    inner_groups,
)
from stagelight.drift.categories import of_categories
from stagelight.drift.dependence import Links, effective_rows
from stagelight.drift.edges import lay
from stagelight.drift.sketch import Sketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stagelight.drift.bins import Bins, Kind


@dataclass(frozen=True, eq=False)
class Reference:
    """What a feature looked like, as counts in bins of its own; make one with `Reference.of(values)`."""

    bins: Bins
    sketch: Sketch

    @classmethod
    def of(cls, values: Any, *, kind: Kind | None = None) -> Self:
        """Return the reference that `values` make, in the order they came.

        Args:
            values: Numbers, booleans or categories; None and NaN are counted as missing.
            kind: `number` or `category`; judged by the first values if None.

        >>> Reference.of([0.1, 0.2, 0.4, 0.8]).kind, Reference.of(["red", "blue", "red"]).kind
        ('number', 'category')
        """
        chosen = kind or kind_of(values)
        if chosen == "category":
            return cls(*of_categories(values))
        return cls._numbers(as_numbers(values))

    @classmethod
    def _numbers(cls, numbers: NDArray[np.float64]) -> Self:
        plain = all_finite(numbers)
        laid = lay(numbers if plain else numbers[np.isfinite(numbers)])
        counts = np.concatenate(([0, 0], laid.counts, [0]))
        if not plain:
            counts[NOT_A_NUMBER] = np.count_nonzero(np.isnan(numbers))
            counts[LOWEST], counts[-1] = np.count_nonzero(numbers == -np.inf), np.count_nonzero(numbers == np.inf)
        inner = inner_groups(laid.counts[1:-1])
        groups = np.concatenate((np.arange(INNER), INNER + inner, [counts.size - 2, counts.size - 1]))
        bins = NumberBins(laid.edges, groups, laid.grid)
        return cls(bins, Sketch(counts, Links.of(bins, numbers)))

    @property
    def kind(self) -> Kind:
        """Whether the feature is a `number` or a `category`."""
        return self.bins.kind

    @property
    def rows(self) -> int:
        """How many values it was made of."""
        return self.sketch.rows

    @cached_property
    def effective_rows(self) -> float:
        """How many independent rows would be as noisy."""
        return effective_rows(self.sketch.counts, self.sketch.links, self.bins)

    def count(self, values: Any) -> Sketch:
        """Return `values`, in the order they came, as counts that can be compared with this reference."""
        return Sketch.of(self.bins, values)

    @cached_property
    def id(self) -> str:
        """Eight characters that tell it from any other."""
        return _digest(self.layout.encode(), self.sketch.counts.tobytes())

    @cached_property
    def layout(self) -> str:
        """Eight characters that tell its bins from any others: what is counted in the same bins adds up."""
        bins = self.bins
        edges = bins.edges.tobytes() if isinstance(bins, NumberBins) else b""
        labels = "\0".join(bins.labels).encode("utf-8", "replace") if isinstance(bins, CategoryBins) else b""
        return _digest(edges, labels, bins.groups.tobytes())

    def renewed(self, values: Any) -> Reference:
        """Return the reference that `values` make in the same bins."""
        return Reference(self.bins, self.count(values))


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:8]


def kind_of(values: Any) -> Kind:
    """Return what `values` seem to be: a category as soon as one of the first is a text that is no number."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return "number"
    for value in list(values[:1000] if hasattr(values, "__getitem__") else values):
        if isinstance(value, str):
            return "category"
    return "number"
