"""A policy: the arms there are, a rule that weighs them, and a state that survives as JSON."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stagelight.errors import ContextError, PolicyError, UnknownArmError, did_you_mean
from stagelight.routing.policies.memory import FORMAT, Former
from stagelight.routing.policies.rule import floored, is_name, is_number, some, within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagelight.routing.policies.memory import Memory
    from stagelight.routing.policies.rule import BoolArray, FloatArray, Numbers, Rule

NOTHING = np.zeros(0)
LARGEST = 1e4  # of a context's numbers: the squares of larger ones, added up, would drown the ridge in rounding
FLOOR = 0.05


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one decision was worth."""

    arm: str
    reward: float | None  #: 0 to 1. None is a reward that never came: it teaches nothing, which is not 0.
    context: tuple[float, ...] = ()  #: What the policy saw when it decided.


@dataclass(frozen=True, slots=True)
class Choice:
    """Which arm was chosen, and how likely that was."""

    arm: str
    propensity: float  #: Probability with which the arm was chosen.
    shares: dict[str, float]  #: The probability of every eligible arm; they sum to 1.


class Policy:
    """Chooses among arms and learns from rewards; keeps what it knows of an arm that is renamed or retired.

    Not locked: `learn` puts new numbers in the place of the old in one step, so that threads may go on choosing, but
    only one at a time may change it.
    """

    def __init__(self, rule: Rule, arms: Iterable[str] = (), *, floor: float = FLOOR) -> None:
        """Start with `arms` and nothing known.

        Args:
            rule: How arms are weighed; see `make_policy`.
            arms: Names of the arms.
            floor: Over the number of eligible arms, the least share of each, whatever the rule says.

        Raises:
            PolicyError: The floor is no number from 0 to 1, or an arm is named twice.
        """
        within("floor", floor, 0, 1)
        self._rule = rule
        self._floor = float(floor)
        self._places: dict[str, int] = {}
        self._retired: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._formerly: list[Former] = []
        self._numbers: Numbers = rule.blank(0)
        self._lessons = 0
        for arm in arms:
            self.add_arm(arm)

    @property
    def kind(self) -> str:
        """Name of the rule, as `discounted_thompson`."""
        return self._rule.kind

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that can be chosen, in the order they were added."""
        return tuple(arm for arm in self._places if arm not in self._retired)

    @property
    def retired(self) -> tuple[str, ...]:
        """The arms that are no longer chosen, whose history is kept."""
        return tuple(arm for arm in self._places if arm in self._retired)

    @property
    def lessons(self) -> int:
        """How many rewards it has learned from."""
        return self._lessons

    @property
    def width(self) -> int | None:
        """How many numbers of context it wants; None ignores the context."""
        return self._rule.width

    def name_of(self, arm: str) -> str:
        """Return the name that an arm has now, by one that it had before; a name that no arm had stays as it is."""
        return self._renamed.get(arm, arm)

    def shares(
        self, eligible: Sequence[str] = (), context: Sequence[float] = (), *, rng: np.random.Generator
    ) -> FloatArray:
        """Return how likely each eligible arm would be chosen now, in the order of `eligible`; they sum to 1.

        Args:
            eligible: Arms to choose from, under any name they had; all that are not retired if empty.
            context: What is known of the request.
            rng: Where policies that draw take their draws from.

        Raises:
            UnknownArmError: An arm was never added, or is retired.
            ContextError: The context has the wrong length, or a number that is not finite.
            PolicyError: There is no arm to choose from, or one is named twice.
        """
        return self._shares(tuple(eligible) or self.arms, context, rng)

    def choose(
        self, eligible: Sequence[str] = (), context: Sequence[float] = (), *, rng: np.random.Generator
    ) -> Choice:
        """Choose one arm, and say with which probability, by its name of now; arguments and errors as `shares`."""
        names = tuple(map(self.name_of, eligible)) or self.arms
        shares = self._shares(names, context, rng)
        place = int(np.searchsorted(shares.cumsum(), rng.random(), side="right"))
        place = min(place, len(names) - 1)  # rounding may leave the sum a hair below 1
        values = shares.tolist()
        return Choice(names[place], values[place], dict(zip(names, values, strict=True)))

    def learn(self, lessons: Iterable[Lesson]) -> None:
        """Learn from all `lessons` in their order, or, where one cannot be used, from none.

        How the same lessons are cut into batches makes no difference. Rewards for retired arms, and for arms under
        the name they had before, count as well.

        Raises:
            UnknownArmError: A lesson names an arm that was never added.
            ContextError: A context has the wrong length, or a number that is not finite.
            PolicyError: A reward is no number from 0 to 1.
        """
        told = [lesson for lesson in lessons if lesson.reward is not None]
        checked = [self._checked(lesson, number) for number, lesson in enumerate(told, self._lessons)]
        numbers = self._numbers
        for hot, reward, context in checked:
            numbers = self._rule.learned(numbers, hot, reward, context)
        self._numbers = numbers
        self._lessons += len(checked)

    def add_arm(self, arm: str) -> None:
        """Let `arm` be chosen from now on; one that was retired comes back with its history.

        Raises:
            PolicyError: The arm is there already, or its name is no text.
        """
        if not is_name(arm):
            raise PolicyError(f"arm {arm!r}: expected a name")
        if arm in self._retired:
            self._retired.discard(arm)
            return
        if arm in self._places:
            raise PolicyError(f"arm {arm!r} is there already")
        blank = self._rule.blank(1)
        self._numbers = {name: np.concatenate([array, blank[name]]) for name, array in self._numbers.items()}
        self._places[arm] = len(self._places)
        self._taken_over(arm)

    def retire_arm(self, arm: str) -> None:
        """Choose `arm` no longer; its history is kept, and rewards that are still on their way count.

        Raises:
            UnknownArmError: The arm was never added.
        """
        if arm not in self._places:
            raise self._unknown(arm)
        self._retired.add(arm)

    def rename_arm(self, old: str, new: str) -> None:
        """Call an arm by another name; its history goes with it, and rewards under the old name still reach it.

        Raises:
            UnknownArmError: There is no arm `old`.
            PolicyError: There is an arm `new` already, or it is no text.
        """
        if old not in self._places:
            raise self._unknown(old)
        if not is_name(new) or new in self._places:
            raise PolicyError(
                f"cannot rename {old!r} to {new!r}: expected a name that no arm has; there are {sorted(self._places)}"
            )
        self._places = {new if arm == old else arm: place for arm, place in self._places.items()}
        if old in self._retired:
            self._retired = (self._retired - {old}) | {new}
        if self.name_of(new) != old:  # the arm may as well get back a name that it had
            self._taken_over(new)
        self._formerly = [dataclasses.replace(one, arm=new) if one.arm == old else one for one in self._formerly]
        renamed = {before: new if now == old else now for before, now in self._renamed.items() if before != new}
        self._renamed = {**renamed, old: new}

    def state(self) -> dict[str, Any]:
        """Return all that is known as JSON types; `policy_of` makes the same policy of it again, bit for bit."""
        return {
            "kind": self.kind,
            "format": FORMAT,
            "parameters": {**dataclasses.asdict(self._rule), "floor": self._floor},
            "arms": list(self._places),
            "retired": list(self.retired),
            "renamed": dict(self._renamed),
            "formerly": [list(dataclasses.astuple(one)) for one in self._formerly],
            "lessons": self._lessons,
            "numbers": {name: array.tolist() for name, array in self._numbers.items()},
        }

    @classmethod
    def restored(cls, rule: Rule, memory: Memory, *, floor: float) -> Policy:
        """Return the policy that had this memory; `policy_of` reads it out of a state."""
        made = cls(rule, floor=floor)
        made._places = {arm: place for place, arm in enumerate(memory.arms)}
        made._retired = set(memory.retired)
        made._renamed = dict(memory.renamed)
        made._formerly = list(memory.formerly)
        made._numbers = dict(memory.numbers)
        made._lessons = memory.lessons
        return made

    def _shares(self, names: Sequence[str], context: Sequence[float], rng: np.random.Generator) -> FloatArray:
        places = [self._eligible(arm) for arm in names]
        if not places:
            raise PolicyError("no arm to choose from: add one, or bring a retired one back, with `add_arm`")
        if len(set(places)) < len(places):
            raise PolicyError(f"an arm is eligible twice: {list(names)}")
        numbers = some(self._numbers, np.array(places))
        return floored(self._rule.shares(numbers, self._seen(context), rng), self._floor)

    def _taken_over(self, name: str) -> None:
        """From now on `name` means another arm; a replay of what was learned before still finds the one it meant."""
        before = self._renamed.pop(name, None)
        if before is not None:
            self._formerly.append(Former(name, before, self._lessons))

    def _checked(self, lesson: Lesson, number: int) -> tuple[BoolArray, FloatArray, FloatArray]:
        reward = lesson.reward
        if reward is None or not is_number(reward, 0, 1):
            raise PolicyError(f"reward {reward!r} for arm {lesson.arm!r}: expected a number from 0 to 1")
        hot = np.arange(len(self._places)) == self._place(lesson.arm, number)
        return hot, np.float64(reward), self._seen(lesson.context)  # type: ignore[return-value]  # an array without axes

    def _seen(self, context: Sequence[float]) -> FloatArray:
        if self.width is None:
            return NOTHING
        if len(context) != self.width:
            raise ContextError(f"a context of {len(context)} numbers; this router was made for dimension={self.width}")
        for place, value in enumerate(context):
            if not is_number(value, -LARGEST, LARGEST):
                raise ContextError(
                    f"context[{place}] is {value!r}: expected a number from -10,000 to 10,000; best scale to about 1"
                )
        return np.array(context, dtype=np.float64)

    def _eligible(self, given: str) -> int:
        arm = self.name_of(given)
        if arm in self._retired:
            raise UnknownArmError(f"arm {arm!r} is retired; `add_arm` brings it back with its history")
        if arm not in self._places:
            raise self._unknown(arm)
        return self._places[arm]

    def _place(self, arm: str, number: int) -> int:
        """The place of the arm that a name meant when lesson `number` was learned."""
        meant = next((one.arm for one in self._formerly if one.name == arm and number < one.lessons), self.name_of(arm))
        place = self._places.get(meant)
        if place is None:
            raise self._unknown(arm)
        return place

    def _unknown(self, arm: str) -> UnknownArmError:
        return UnknownArmError(
            f"no arm {arm!r}; this router has {sorted(self._places)}.{did_you_mean(str(arm), self._places)} "
            "Was the model renamed? `rename_arm` keeps its history."
        )
