"""A log of decisions as arrays: what estimates and exports are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stagelight.errors import LogError
from stagelight.routing.policies.rule import is_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from stagelight.routing.policies.rule import BoolArray, FloatArray
    from stagelight.sink.rows import Decision


@dataclass(frozen=True, slots=True)
class Log:
    """Decisions whose reward is known, in the order they were made."""

    arms: tuple[str, ...]  #: Every arm that was eligible at least once, sorted.
    chosen: NDArray[np.intp]  #: Place of the chosen arm in `arms`. Shape (decisions,).
    reward: FloatArray  #: 0 to 1. Shape (decisions,).
    propensity: FloatArray  #: Probability with which the arm was chosen. Shape (decisions,).
    eligible: BoolArray  #: Which arms there were to choose from. Shape (decisions, arms).
    context: FloatArray  #: What the policy saw. Shape (decisions, dimension).

    def __len__(self) -> int:
        return len(self.chosen)

    def whole(self) -> Log:
        """Return the decisions alone in which every arm was eligible, for readers that know no others.

        Raises:
            LogError: There is none.
        """
        kept = self.eligible.all(axis=1)
        if not kept.any():
            raise LogError(f"in no decision were all of {list(self.arms)} eligible")
        return Log(
            self.arms,
            self.chosen[kept],
            self.reward[kept],
            self.propensity[kept],
            self.eligible[kept],
            self.context[kept],
        )


def log_of(rows: Iterable[tuple[Decision, float | None]]) -> Log:
    """Return the decisions as arrays, oldest first.

    Args:
        rows: Each decision with the mean of the rewards it got. None is a reward that never came; such decisions are
            left out, which is right as long as rewards go missing for reasons that have nothing to do with them.

    Raises:
        LogError: No decision has a reward; a propensity is not over 0 and at most 1; a reward is not from 0 to 1; an
            arm was not eligible; or contexts differ in length.
    """
    told = sorted(((row, reward) for row, reward in rows if reward is not None), key=lambda pair: pair[0].observed_at)
    if not told:
        raise LogError("no decision has a reward yet: there is nothing to estimate from")
    decisions = [row for row, _ in told]
    for row, reward in told:
        _check(row, reward, width=len(decisions[0].context))
    arms = tuple(sorted({arm for row in decisions for arm in _choices(row)}))
    places = {arm: place for place, arm in enumerate(arms)}
    eligible = np.zeros((len(told), len(arms)), dtype=np.bool_)
    for line, row in enumerate(decisions):
        eligible[line, [places[arm] for arm in _choices(row)]] = True
    return Log(
        arms=arms,
        chosen=np.array([places[row.arm] for row in decisions], dtype=np.intp),
        reward=np.array([reward for _, reward in told], dtype=np.float64),
        propensity=np.array([row.propensity for row in decisions], dtype=np.float64),
        eligible=eligible,
        context=np.array([row.context for row in decisions], dtype=np.float64).reshape(len(told), -1),
    )


def _choices(row: Decision) -> Sequence[str]:
    return row.eligible or (row.arm,)


def _check(row: Decision, reward: float, *, width: int) -> None:
    where = f"decision {row.decision_id!r}"
    if not is_number(row.propensity, 0, 1) or row.propensity == 0:
        raise LogError(f"{where}: propensity {row.propensity!r}, expected over 0 and at most 1")
    if not is_number(reward, 0, 1):
        raise LogError(f"{where}: reward {reward!r}, expected a number from 0 to 1")
    if row.arm not in _choices(row):
        raise LogError(f"{where}: arm {row.arm!r} was not eligible, only {list(row.eligible)}")
    if len(row.context) != width:
        raise LogError(
            f"{where}: a context of {len(row.context)} numbers, the first decision has {width}: take one router, and one policy"
        )
