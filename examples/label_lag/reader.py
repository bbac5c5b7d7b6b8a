"""The model, and the service around it: every answer is recorded with its confidence, before anybody knows whether it is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from stagelight import log_prediction, trace_stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .world import Digit, Digits, Pages

TYPE, VERSION = "digit", "linear-2"


class Classifier(Protocol):
    """What we use of a classifier of scikit-learn."""

    def predict_proba(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a probability per row and class."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the postal codes on letters."""

    classifier: Classifier

    @trace_stage("read code", model_version=VERSION)
    def read(self, letter: Sequence[Digit]) -> list[str]:
        """Read the digits of one code and return the ids of the predictions, one each."""
        chances = self.predict(np.stack([digit.ink for digit in letter]))
        return [self.record(digit.ink, chance) for digit, chance in zip(letter, chances, strict=True)]

    @trace_stage("predict", model_version=VERSION)
    def predict(self, ink: Pages) -> Pages:
        """Return how likely each class is, for each digit; shape (digits, 10)."""
        return self.classifier.predict_proba(ink)

    def record(self, ink: Pages, chances: Pages) -> str:
        """Keep what was read and how sure that is, before anybody knows whether it is right; return its id."""
        score, decision = float(np.max(chances)), str(int(np.argmax(chances)))
        return log_prediction(TYPE, score=score, decision=decision, features=features(ink)).id


def features(ink: Pages) -> dict[str, float]:
    """Return what is watched of a page: how much ink there is, and how much of it stands out."""
    return {"ink": float(ink.mean()), "contrast": float(ink.std())}


def train(digits: Digits) -> Reader:
    """Return a reader that has learned from `digits`."""
    from sklearn.linear_model import LogisticRegression

    return Reader(LogisticRegression(C=1.0, max_iter=500).fit(digits.pages, digits.labels))


def columns(reader: Reader, digits: Digits) -> dict[str, NDArray[np.float64]]:
    """Return what the score and each feature looked like when all was well: the reference for drift."""
    watched = [features(page) for page in digits.pages]
    scores = reader.classifier.predict_proba(digits.pages).max(axis=1)
    return {"score": scores} | {name: np.array([row[name] for row in watched]) for name in watched[0]}
