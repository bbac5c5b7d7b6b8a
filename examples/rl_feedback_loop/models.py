"""Three models of different strength and price, trained here and now."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .images import Digits, photographed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .images import Pages

SMALL, FOREST, PHOTO = "small-1", "forest-2", "photo-3"


class Classifier(Protocol):
    """What we use of a classifier of scikit-learn."""

    def fit(self, x: NDArray[np.float64], y: NDArray[np.int64]) -> object:
        """Learn from rows `x` with labels `y`."""

    def predict(self, x: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return a class per row."""


@dataclass(frozen=True, slots=True)
class Model:
    """A trained classifier, its name, and what it costs to ask it."""

    name: str
    classifier: Classifier
    milliseconds: float  #: To read one image, measured after training.

    def read(self, page: Pages) -> int:
        """Return the digit on `page`, which has 8 by 8 pixels."""
        return int(self.classifier.predict(page.reshape(1, -1))[0])

    def right(self, rows: NDArray[np.float64], labels: NDArray[np.int64]) -> int:
        """Return how many of `rows`, shape (images, 64), it reads as their labels say."""
        return int(np.sum(self.classifier.predict(rows) == labels)) if len(rows) else 0


def train(scans: Digits) -> Mapping[str, Model]:
    """Return three models by name.

    `small-1` and `forest-2` know scans alone, as both were made when there was nothing else; `photo-3` was made for a
    telephone's images, and finds the sharp edges of a scan strange.
    """
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier

    photographs = Digits(photographed(scans.pages, np.random.default_rng(1)), scans.labels)
    return {
        SMALL: _trained(SMALL, GaussianNB(), scans),
        FOREST: _trained(FOREST, ExtraTreesClassifier(n_estimators=25, random_state=0), scans),
        PHOTO: _trained(PHOTO, KNeighborsClassifier(3, algorithm="ball_tree"), photographs),
    }


def _trained(name: str, classifier: Classifier, digits: Digits) -> Model:
    classifier.fit(digits.rows, digits.labels)
    return Model(name, classifier, _price(classifier, digits.rows[:1]))


def _price(classifier: Classifier, row: NDArray[np.float64]) -> float:
    """Return the milliseconds that one image takes: the shortest of a few, as other programs' load is not the model's."""
    times = []
    for _ in range(5):
        begin = perf_counter()
        classifier.predict(row)
        times.append(perf_counter() - begin)
    return 1000 * min(times)
