"""Predictions beside what became of them, as columns to calculate with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Mask: TypeAlias = NDArray[np.bool_]


class Row(Protocol):
    """What is known of one prediction; None for what is not."""

    @property
    def observed_at(self) -> float:
        """When it was made, seconds since 1970."""
        ...

    @property
    def score(self) -> float | None:
        """How sure the model was."""
        ...

    @property
    def predicted(self) -> int | None:
        """Which side it took."""
        ...

    @property
    def actual(self) -> int | None:
        """What turned out to be true."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Judged:
    """Predictions of one window, a column each; NaN stands for what is not known.

    Where truth is a class, `predicted` is 1 throughout and `actual` says whether the class was the right one: the score
    is then the confidence in it.
    """

    observed_at: Floats  #: Seconds since 1970. Shape (predictions,), like all of these.
    score: Floats  #: Probability that `actual` is 1.
    predicted: Floats  #: 1, 0, or NaN where the prediction took no side.
    actual: Floats  #: 1, 0, or NaN where the truth is not known.

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """Return the columns of `rows`."""
        fields = (
            (
                row.observed_at,
                np.nan if row.score is None else row.score,
                np.nan if row.predicted is None else row.predicted,
                np.nan if row.actual is None else row.actual,
            )
            for row in rows
        )
        table = np.fromiter(fields, dtype=np.dtype((np.float64, 4)))
        return cls(*np.ascontiguousarray(table.T))

    @classmethod
    def made(cls, score: ArrayLike, actual: ArrayLike, predicted: ArrayLike | None = None, *, cut: float = 0.5) -> Self:
        """Return the columns of arrays that somebody has at hand; `predicted` is where the score reaches `cut` if None.

        >>> Judged.made([0.9, 0.2], [1, 1]).predicted
        array([1., 0.])
        """
        scores, truths = np.asarray(score, dtype=np.float64), np.asarray(actual, dtype=np.float64)
        sides = np.where(np.isnan(scores), np.nan, scores >= cut) if predicted is None else predicted
        return cls(np.zeros_like(scores), scores, np.asarray(sides, dtype=np.float64), truths)

    def __len__(self) -> int:
        return len(self.score)

    @property
    def labelled(self) -> Mask:
        """Those whose truth is known."""
        return ~np.isnan(self.actual)

    @property
    def decided(self) -> Mask:
        """Those which were right or wrong."""
        return self.labelled & ~np.isnan(self.predicted)

    @property
    def scored(self) -> Mask:
        """Those whose score can be held against the truth: a probability, and the truth is known."""
        return self.labelled & self.probable

    @property
    def probable(self) -> Mask:
        """Those whose score is a probability."""
        return (self.score >= 0.0) & (self.score <= 1.0)

    def where(self, chosen: Mask) -> Self:
        """Return some of them."""
        return type(self)(self.observed_at[chosen], self.score[chosen], self.predicted[chosen], self.actual[chosen])
