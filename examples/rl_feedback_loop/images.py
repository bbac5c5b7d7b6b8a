"""What people send: handwritten digits, scanned on a flat bed at first, photographed with telephones from the middle on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Pages: TypeAlias = NDArray[np.float64]  #: Ink from 0 to 1; shape (images, 8, 8).
Source = Literal["scan", "photograph"]

PEOPLE = 40
INK = 0.6  #: Of a photograph, against 1 of a scan.
GRAIN = 0.15  #: The brightest speck that a telephone's sensor adds in the evening.


@dataclass(frozen=True, slots=True)
class Digits:
    """Images with what is written on them."""

    pages: Pages
    labels: NDArray[np.int64]  #: 0 to 9; shape (images,).

    @property
    def rows(self) -> NDArray[np.float64]:
        """The images as classifiers want them; shape (images, 64)."""
        return self.pages.reshape(len(self.pages), -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One request."""

    number: int
    user: str
    page: Pages  #: Shape (8, 8).
    label: int  #: What was really written: the writer knows, the service never looks.
    source: Source

    @property
    def id(self) -> str:
        """For people and logs."""
        return f"upload-{self.number}"


def load() -> tuple[Digits, Digits]:
    """Return scikit-learn's bundled handwritten digits in two halves: to train with, and to be asked."""
    from sklearn.datasets import load_digits

    bundle = load_digits()
    order = np.random.default_rng(0).permutation(len(bundle.target))
    pages, labels = bundle.images[order] / 16, bundle.target[order]
    half = len(labels) // 2
    return Digits(pages[:half], labels[:half]), Digits(pages[half:], labels[half:])


def photographed(pages: Pages, rng: np.random.Generator) -> Pages:
    """Return `pages` as a telephone sees them by lamplight: unsharp, fainter, grainy."""
    wide = np.pad(pages, ((0, 0), (1, 1), (1, 1)))
    unsharp = sum(wide[:, row : row + 8, column : column + 8] for row in range(3) for column in range(3)) / 9
    return INK * unsharp + GRAIN * rng.random(pages.shape)


def stream(digits: Digits, count: int, *, seed: int = 0) -> Iterator[Upload]:
    """Yield `count` uploads drawn from `digits`, the second half of them photographs; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        row = int(rng.integers(len(digits.labels)))
        source: Source = "scan" if 2 * number < count else "photograph"
        page = digits.pages[row : row + 1]
        yield Upload(
            number=number,
            user=f"user-{rng.integers(PEOPLE):02}",
            page=(photographed(page, rng) if source == "photograph" else page)[0],
            label=int(digits.labels[row]),
            source=source,
        )


def look(page: Pages) -> tuple[float, float, float]:
    """Return what a contextual policy may know of a page: 1, how sharp its edges are, how clean its paper is.

    >>> look(np.eye(8))[0]
    1.0
    """
    edges = float(np.abs(np.diff(page, axis=1)).mean())
    return 1.0, edges, float(np.mean(page < GRAIN / 3))
