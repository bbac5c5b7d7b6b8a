"""Three weeks in seconds: letters are read, clerks answer days later, and every night the scheduled tasks run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stagelight import log_truth
from stagelight.drift import Monitor
from stagelight.loops import check_drift, run_full_feedback_loop
from stagelight.loops.holding import working_store
from stagelight.testing import SteppingClock, time_of
from stagelight.truth import estimate, judged, performance

from . import world
from .reader import TYPE, VERSION, columns, train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .reader import Reader
    from .world import Digits

DAY = 86_400.0
OPENS, CLOSES = 8, 16  #: Hours between which letters are read.


@dataclass(slots=True)
class Day:
    """What is known on the evening of a day."""

    number: int
    start: float  #: Seconds since 1970.
    predictions: int = 0
    labels: int = 0  #: That came on this day, for predictions of any day.
    psi: float | None = None  #: Of the day's scores against training's.
    estimated: float | None = None  #: Accuracy of the day's predictions, as their scores promise.
    measured: float | None = None  #: The same by labels, when the last of them has come.
    labelled: int = 0  #: Of the day's predictions, in the end.
    drift: dict[str, Any] = field(default_factory=dict)  #: What the check for drift did.
    truth: dict[str, Any] = field(default_factory=dict)  #: What the feedback loop did.

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """What people were told this evening: findings, each with its sentence and what to do."""
        return [alert for task in (self.drift, self.truth.get("analysis", {})) for alert in _sent(task)]


@dataclass(slots=True)
class Office:
    """The reader at work, and what clerks still have to say."""

    reader: Reader
    asked: Digits
    clock: SteppingClock
    letters: int  #: A day.
    seed: int
    due: defaultdict[int, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))

    def work(self, day: Day) -> None:
        """Read the day's letters; then clerks say what they saw on those of the days before."""
        for letter in world.letters(self.asked, day.number, self.letters, seed=self.seed):
            for digit, prediction in zip(letter, self.reader.read(letter), strict=True):
                for check in digit.checks:
                    self.due[check.day].append((prediction, check.label))
            day.predictions += len(letter)
            self.clock.advance(hours=(CLOSES - OPENS) / self.letters)
        for prediction, label in self.due.pop(day.number, ()):
            day.labels += log_truth("checked", prediction_id=prediction, label=str(label)).accepted


def replay(
    clock: SteppingClock, *, letters: int = world.LETTERS, seed: int = 0, seen: Callable[[Day], object] = lambda _: None
) -> list[Day]:
    """Live through all days on `clock`, calling `seen` on each evening, and return them."""
    known, asked = world.load()
    office = Office(train(known), asked, clock, letters, seed)
    days: list[Day] = []
    with time_of(clock):
        # What training data looked like is the reference: drift can be told from the first day on.
        Monitor(TYPE).train(columns(office.reader, asked), model_version=VERSION)
        for number in range(1, world.LAST_DAY + 1):
            days.append(day := Day(number, clock.now))
            clock.advance(hours=OPENS)
            office.work(day)
            clock.advance(seconds=day.start + DAY - 1 - clock.now)
            day.drift, day.truth = check_drift(), run_full_feedback_loop()
            day.psi = _psi(day)
            day.estimated = _estimated(day, days[0].start)
            seen(day)
            clock.advance(seconds=1)
        for day in days:
            day.measured, day.labelled = _measured(day)
    return days


def _psi(day: Day) -> float | None:
    """How far the day's scores are from those of training."""
    found = [
        one for one in Monitor(TYPE).measurements() if one.feature == "score" and one.measured_ns / 1e9 >= day.start
    ]
    return found[-1].psi if found else None


def _estimated(day: Day, first: float) -> float | None:
    """How right the day's answers should be, going by their scores and by all labels that have come for earlier days."""
    with working_store() as store:
        before = judged(store, TYPE, VERSION, first, day.start, mature=False)
        found = estimate(before, judged(store, TYPE, VERSION, day.start, day.start + DAY, mature=False))
    return found.accuracy.value if found else None


def _measured(day: Day) -> tuple[float | None, int]:
    with working_store() as store:
        found = performance(judged(store, TYPE, VERSION, day.start, day.start + DAY, mature=False))
    return (found.accuracy.value if found.accuracy else None), found.labelled


def _sent(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    routed = task.get("routed", {})
    for said, alert in zip(routed.get("actions", ()), routed.get("alerts", ()), strict=True):
        yield alert | said
