"""Three models that read a digit, trained here and now: the older, the cheaper; the newer, the better and the slower."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .image import Page

ENOUGH_INK = 0.25  #: Of a part on average; about what a digit has. A blot has more, which makes it no digit.
BAYES, LINEAR, FOREST = "bayes-1", "linear-2", "forest-3"


class Classifier(Protocol):
    """What we use of a classifier of scikit-learn."""

    def fit(self, x: NDArray[np.float64], y: NDArray[np.int64]) -> object:
        """Learn from rows `x` with labels `y`."""

    def predict_proba(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a probability per row and class."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Images with what is written on them."""

    pages: NDArray[np.float64]  #: Ink from 0 to 1; shape (images, 8, 8).
    labels: NDArray[np.int64]  #: 0 to 9; shape (images,).


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model read."""

    digit: int
    confidence: float  #: The model's own, 0 to 1.
    version: str
    part: Page = field(compare=False, repr=False)  #: What it looked at; 64 pixels.

    @property
    def ink(self) -> float:
        """How dark that part is, 0 to 1."""
        return float(self.part.mean())

    @property
    def weight(self) -> float:
        """For comparing answers about different parts of a page: with little ink, sureness means little."""
        return self.confidence * min(self.ink, ENOUGH_INK)


@dataclass(frozen=True, slots=True)
class Model:
    """A trained classifier and its version."""

    version: str
    classifier: Classifier

    def read(self, page: Page) -> Answer:
        """Return the digit on `page`, which has 8 by 8 pixels."""
        return self.best(page.reshape(1, -1))

    def best(self, parts: NDArray[np.float64]) -> Answer:
        """Return the answer for the best of `parts`, shape (parts, 64): much ink, and the model sure of it."""
        sure = self.classifier.predict_proba(parts)
        weight = sure * np.minimum(parts.mean(1, keepdims=True), ENOUGH_INK)
        part, digit = np.unravel_index(weight.argmax(), sure.shape)
        return Answer(int(digit), float(sure[part, digit]), self.version, parts[part])


def load() -> tuple[Digits, Digits]:
    """Return scikit-learn's bundled handwritten digits in two halves: to train with, and to be asked."""
    from sklearn.datasets import load_digits

    bundle = load_digits()
    order = np.random.default_rng(0).permutation(len(bundle.target))
    pages, labels = bundle.images[order] / 16, bundle.target[order]
    half = len(labels) // 2
    return Digits(pages[:half], labels[:half]), Digits(pages[half:], labels[half:])


def train(digits: Digits) -> Mapping[str, Model]:
    """Return the three models, trained on `digits`, by version; takes a fraction of a second."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB

    classifiers: dict[str, Classifier] = {
        BAYES: GaussianNB(var_smoothing=1e-3),
        LINEAR: LogisticRegression(max_iter=300),
        FOREST: ExtraTreesClassifier(n_estimators=25, random_state=0),
    }
    for classifier in classifiers.values():
        classifier.fit(digits.pages.reshape(len(digits.labels), -1), digits.labels)
    return {version: Model(version, classifier) for version, classifier in classifiers.items()}
