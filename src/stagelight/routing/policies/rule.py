"""What all policies are made of: a rule is pure arithmetic on the numbers it keeps about each arm.

The arrays may have any leading axes before the arms: none in a router, one run each in a simulation. So the code
whose regret is measured over many runs at once is, line for line, the code that routers run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stagelight.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = "dict[str, FloatArray]"

TINY = np.finfo(np.float64).tiny


class Rule(Protocol):
    """How a policy weighs its arms and what a reward changes; its fields are its parameters."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    kind: ClassVar[str]  #: Name by which `make_policy` knows it.

    @property
    def width(self) -> int | None:
        """How many numbers of context it wants; None ignores the context."""
        ...

    def blank(self, arms: int, runs: tuple[int, ...] = ()) -> Numbers:
        """Return what is known of `arms` arms before the first reward: arrays of shape (*runs, arms, …)."""
        ...

    def learned(self, numbers: Numbers, hot: BoolArray, reward: FloatArray, context: FloatArray) -> Numbers:
        """Return the numbers after one reward per run.

        Args:
            numbers: As `blank` made them; left as they are.
            hot: Which arm the reward is for. Shape (*runs, arms), one True per run.
            reward: 0 to 1. Shape (*runs,).
            context: What the policy saw. Shape (*runs, width).
        """
        ...

    def shares(self, numbers: Numbers, context: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return how likely the rule itself would choose each arm. Shape (*runs, arms), sums to 1."""
        ...


def of_the_best(scores: FloatArray) -> FloatArray:
    """Give the whole share to the highest score; arms that tie divide it evenly.

    >>> of_the_best(np.array([1.0, 3.0, 3.0])).tolist()
    [0.0, 0.5, 0.5]
    """
    best = scores == scores.max(axis=-1, keepdims=True)
    shares: FloatArray = best / best.sum(axis=-1, keepdims=True)
    return shares


def floored(shares: FloatArray, floor: float) -> FloatArray:
    """Lift every share to `floor` over the number of arms, so that no share, hence no logged propensity, is near 0.

    What that takes comes off the shares above, by how far they lie above. Shares that are high enough stay as they are:
    an arm that is tried anyway is not tried more.

    >>> floored(np.array([1.0, 0.0]), 0.05).tolist()
    [0.975, 0.025]
    >>> floored(np.array([0.75, 0.25]), 0.05).tolist()
    [0.75, 0.25]
    """
    least = floor / shares.shape[-1]
    above = np.maximum(shares - least, 0.0)
    # Nothing lies above where the floor is 1.
    lifted: FloatArray = least + (1.0 - floor) * above / np.maximum(above.sum(axis=-1, keepdims=True), TINY)
    return lifted


def some(numbers: Mapping[str, FloatArray], arms: NDArray[np.intp]) -> Numbers:
    """Return the numbers of these arms alone, in this order; for arrays without leading axes."""
    return {name: array[arms] for name, array in numbers.items()}


def is_number(value: object, low: float, high: float) -> bool:
    """Whether it is a number, finite, and from `low` to `high`; True and False are not numbers.

    >>> is_number(0.5, 0, 1), is_number(float("nan"), 0, 1), is_number(True, 0, 1)
    (True, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(low <= value <= high)


def is_name(value: object) -> bool:
    """Whether it can name an arm: text, and not empty."""
    return isinstance(value, str) and bool(value)


def within(name: str, value: object, low: float, high: float) -> None:
    """Refuse a parameter that is no number from `low` to `high`.

    Raises:
        PolicyError: It is not; the message says what was found and what was expected.
    """
    if not is_number(value, low, high):
        raise PolicyError(f"{name}={value!r}: expected a number from {low:g} to {high:g}")


def whole(name: str, value: object, low: int, high: int) -> None:
    """Refuse a parameter that is no whole number from `low` to `high`.

    Raises:
        PolicyError: It is not; the message says what was found and what was expected.
    """
    if not (isinstance(value, int) and is_number(value, low, high)):
        raise PolicyError(f"{name}={value!r}: expected a whole number from {low} to {high}")
