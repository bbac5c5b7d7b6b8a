"""What happens to the reader: pages every day, a scanner that fails, codes that change, clerks who check days later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Pages: TypeAlias = NDArray[np.float64]  #: Ink from 0 to 1; shape (images, 64).

DAYS = 14  #: On which pages are read.
LAST_DAY = 20  #: By which every label that ever comes has come.
LETTERS = 48  #: A day.
CODE = 5  #: Digits of a postal code.
FAILING = range(8, 11)  #: Days on which the scanner's lamp fails; it is mended on the evening of the last.
SWAPPED_FROM = 11  #: The day from which a new form means other things by four of the digits.
SWAP = {1: 7, 7: 1, 4: 9, 9: 4}
NEVER = 0.1  #: Share of answers that nobody checks.
MISTAKEN = 0.03  #: Share of checks that are corrected a day later.
LONGEST_LAG = 5  #: Days that a check takes; at least 1.


@dataclass(frozen=True, slots=True)
class Digits:
    """Images with what is written on them."""

    pages: Pages
    labels: NDArray[np.int64]  #: 0 to 9; shape (images,).


@dataclass(frozen=True, slots=True)
class Check:
    """What a clerk says of an answer, and when."""

    day: int
    label: int


@dataclass(frozen=True, slots=True)
class Digit:
    """One image on its day, and what clerks will say of it."""

    day: int
    ink: Pages  #: Shape (64,).
    checks: tuple[Check, ...]  #: None, one, or a wrong one and its correction.


def load() -> tuple[Digits, Digits]:
    """Return scikit-learn's bundled handwritten digits in two halves: to train with, and to be read."""
    from sklearn.datasets import load_digits

    bundle = load_digits()
    order = np.random.default_rng(0).permutation(len(bundle.target))
    pages, labels = bundle.data[order] / 16, bundle.target[order]
    half = len(labels) // 2
    return Digits(pages[:half], labels[:half]), Digits(pages[half:], labels[half:])


def dimmed(pages: Pages, rng: np.random.Generator) -> Pages:
    """Return `pages` as a failing lamp shows them: pale, with noise."""
    return np.clip(0.5 * pages + rng.normal(0.1, 0.2, pages.shape), 0, 1)


def meaning(label: int, day: int) -> int:
    """Return what a digit means on a day.

    >>> meaning(7, 10), meaning(7, 11), meaning(3, 11)
    (7, 1, 3)
    """
    return SWAP.get(label, label) if day >= SWAPPED_FROM else label


def letters(digits: Digits, day: int, count: int = LETTERS, *, seed: int = 0) -> Iterator[list[Digit]]:
    """Yield the codes on the `count` letters of a day, digit by digit; the same seed gives the same ones."""
    rng = np.random.default_rng((seed, day))
    for _ in range(count if day <= DAYS else 0):
        rows = rng.integers(len(digits.labels), size=CODE)
        seen = dimmed(digits.pages[rows], rng) if day in FAILING else digits.pages[rows]
        yield [
            Digit(day, ink, tuple(_checks(meaning(int(digits.labels[row]), day), day, rng)))
            for row, ink in zip(rows, seen, strict=True)
        ]


def _checks(label: int, day: int, rng: np.random.Generator) -> Iterator[Check]:
    if rng.random() < NEVER:
        return
    told = day + int(rng.integers(1, LONGEST_LAG + 1))
    if rng.random() < MISTAKEN:
        yield Check(told, (label + 1) % 10)
        told += 1
    yield Check(told, label)
