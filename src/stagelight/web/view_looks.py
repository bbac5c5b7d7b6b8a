"""What one comparison of a version with its own past came to, as the page Models shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.store.outcome_model import KeptVerdict

    State = Literal["ALERT", "WARN", "OK", "LITTLE", ""]

UNLIKE: Final = 3.0  #: Times what chance makes of it, from which a distance between scores is told.


@dataclass(frozen=True, slots=True)
class Look:
    """One comparison of a version with its own past."""

    verdict: KeptVerdict
    figures: Mapping[str, Any]  #: As the comparison wrote them.

    @classmethod
    def at(cls, verdict: KeptVerdict) -> Look:
        """Read what was kept."""
        return cls(verdict, _object(verdict.figures))

    @property
    def accuracy(self) -> State:
        """What it said of accuracy; LITTLE where there was too little truth to say anything."""
        return _state(self.verdict.accuracy_status, self.verdict.accuracy_p)

    @property
    def calibration(self) -> State:
        """What it said of calibration."""
        return _state(self.verdict.calibration_status, self.verdict.calibration_p)

    @property
    def expected(self) -> Mapping[str, float] | None:
        """Accuracy that scores promise for what was not mature then: `value`, `low`, `high`."""
        found = self.figures.get("expected")
        return found if isinstance(found, dict) and isinstance(found.get("value"), float) else None

    @property
    def bias(self) -> str:
        """Whether the predictions with truth are like the others, in a sentence; empty where nothing is known."""
        found = self.figures.get("bias")
        distance, noise = (found.get("distance"), found.get("noise")) if isinstance(found, dict) else (None, None)
        if not isinstance(distance, float) or not isinstance(noise, float):
            return ""
        figures = f"(distance of their scores {distance:.3f}, by chance about {noise:.3f})"
        if distance > UNLIKE * noise:
            return f"Predictions with truth are not like those without {figures}: accuracy speaks for the former alone."
        return f"Predictions with truth are like those without {figures}."

    @property
    def curve(self) -> tuple[Reliability, ...]:
        """The reliability curve of the window."""
        found = self.figures.get("curve")
        return tuple(map(_reliability, found)) if isinstance(found, list) else ()


@dataclass(frozen=True, slots=True)
class Reliability:
    """One point of the reliability curve; in percent of the picture."""

    x: float
    y: float
    low: float
    high: float
    size: int
    score: float
    share: float


def _state(status: str, p_value: float | None) -> State:
    if p_value is None:  # nothing was tested
        return "LITTLE"
    return "ALERT" if status == "ALERT" else "WARN" if status == "WARN" else "OK"


def _reliability(point: Mapping[str, Any]) -> Reliability:
    share, score = point["share"], point["mean_score"]
    x, y, low, high = (100 * value for value in (score, 1 - share["value"], 1 - share["low"], 1 - share["high"]))
    return Reliability(x, y, low, high, point["size"], score, share["value"])


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
