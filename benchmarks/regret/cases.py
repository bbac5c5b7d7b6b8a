"""What is compared in which world, and how much less ours must miss: the goals, and what has none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from benchmarks.regret.intervals import interval
from benchmarks.regret.play import regret
from benchmarks.regret.worlds import DIMENSION, LADDER, contextual, redrawn, stages, swinging, walking
from stagelight.routing.policies.beta import DiscountedThompson, Thompson
from stagelight.routing.policies.counts import UCB1, EpsilonGreedy
from stagelight.routing.policies.linear import DiscountedLinUCB, LinUCB

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.regret.worlds import World
    from stagelight.routing.policies.rule import Rule

    Maker: TypeAlias = Callable[[np.random.Generator, int], World]

SEED = 7

# One draw where the router counts 128: choosing by counted shares is choosing by one of the draws, so that the law of
# what happens is the same, and it costs a hundredth. Not under a floor, which looks at the shares: see `as_routed`.
THOMPSON = Thompson(draws=1)
DISCOUNTED = DiscountedThompson(draws=1)
ROUTED_DRAWS = Thompson().draws
LINEAR = LinUCB(dimension=DIMENSION)
DISCOUNTED_LINEAR = DiscountedLinUCB(dimension=DIMENSION)


@dataclass(frozen=True, slots=True)
class Case:
    """One policy beside another in a world."""

    key: str
    what: str
    make: Maker
    ours: Rule
    other: Rule
    goal: float | None = None  #: Ours may miss at most this much of what the other misses.
    runs: int = 50
    lag: int = 0
    mistake: bool = False  #: The other takes a missing reward for a 0.


@dataclass(frozen=True, slots=True)
class Found:
    """What a case came to, with 95 % intervals."""

    case: Case
    ours: tuple[float, float, float]
    other: tuple[float, float, float]
    ratio: tuple[float, float, float]

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return None if self.case.goal is None else self.ratio[0] <= self.case.goal


def played(case: Case, *, floor: float = 0.0, seed: int = SEED) -> Found:
    """Play both policies of a case in the same world, with the same rewards."""
    world = case.make(np.random.default_rng([seed, 3]), case.runs)
    one, two = (as_routed(rule) if floor else rule for rule in (case.ours, case.other))
    ours = regret(one, world, seed, floor=floor, lag=case.lag)
    other = regret(two, world, seed, floor=floor, lag=case.lag, missing_is_zero=case.mistake)
    return Found(case, interval(ours), interval(other), interval(ours, other))


def as_routed(rule: Rule) -> Rule:
    """Return the rule as a router has it, with shares counted over all draws."""
    return replace(rule, draws=ROUTED_DRAWS) if isinstance(rule, Thompson) else rule


def fixed(*levels: tuple[float, ...], told: tuple[float, ...] = ()) -> Maker:
    """Return the maker of a world of equal stages; nothing in it is drawn."""
    return lambda _, runs: stages(*levels, runs=runs, told=told)


LEAD = (0.2, 0.4, 0.6, 0.8)
RISING = ((0.5, 0.1, 0.1, 0.1), (0.5, 0.6, 0.1, 0.1), (0.5, 0.6, 0.7, 0.1), (0.5, 0.6, 0.7, 0.8))
RARELY = (0.9, 0.9, 0.9, 0.4)  # who gets the best answer says so least often

GOALS = (
    Case("stationary", "nothing changes", fixed(LADDER), DISCOUNTED, UCB1(), 0.9, runs=200),
    Case("redrawn", "all arms redrawn at half time", lambda rng, n: redrawn(rng, runs=n), DISCOUNTED, THOMPSON, 0.5),
    Case("drifting", "all arms drift slowly", lambda rng, n: swinging(rng, runs=n), DISCOUNTED, THOMPSON, 0.5),
    Case("rising", "arm after arm rises above the best", fixed(*RISING), DISCOUNTED, UCB1(), 0.45),
    Case("overtaken", "best arm falls behind the second", fixed(LEAD, (0.2, 0.4, 0.6, 0.2)), DISCOUNTED, UCB1(), 0.45),
    Case(
        "contextual",
        "what the best arm depends on is redrawn",
        lambda rng, n: contextual(rng, changes=True, runs=n),
        DISCOUNTED_LINEAR,
        LINEAR,
        0.4,
    ),
)

KNOWN = (
    Case(
        "walking",
        "all arms walk at random, 0.005 a step",
        lambda rng, n: walking(rng, pace=0.005, runs=n),
        DISCOUNTED,
        THOMPSON,
    ),
    Case(
        "strolling",
        "all arms walk at random, 0.002 a step",
        lambda rng, n: walking(rng, pace=0.002, runs=n),
        DISCOUNTED,
        THOMPSON,
    ),
    Case("one rise", "the worst arm rises above the best", fixed(LADDER, (0.9, 0.4, 0.5, 0.6)), DISCOUNTED, UCB1()),
    Case(
        "collapse",
        "best arm collapses, the rest is alike",
        fixed((0.2, 0.2, 0.2, 0.8), (0.2, 0.2, 0.2, 0.3)),
        DISCOUNTED,
        UCB1(),
    ),
    Case("reversed", "the ranking turns round", fixed(LADDER, LADDER[::-1]), DISCOUNTED, UCB1()),
    Case(
        "in turn",
        "each arm is the best one in turn",
        fixed(*(tuple(np.roll((0.8, 0.2, 0.2, 0.2), n)) for n in range(4))),
        DISCOUNTED,
        UCB1(),
    ),
    Case("forgetting", "nothing changes: what forgetting costs", fixed(LADDER), DISCOUNTED, THOMPSON),
    Case("baseline", "nothing changes: the baseline", fixed(LADDER), THOMPSON, EpsilonGreedy()),
    Case(
        "contextual, still",
        "context, nothing changes",
        lambda rng, n: contextual(rng, changes=False, runs=n),
        DISCOUNTED_LINEAR,
        LINEAR,
    ),
    Case(
        "missing",
        "few rewards from the best arm; other: missing is 0",
        fixed(LADDER, told=RARELY),
        THOMPSON,
        THOMPSON,
        mistake=True,
    ),
    Case(
        "late",
        "redrawn; rewards come 500 decisions late",
        lambda rng, n: redrawn(rng, runs=n),
        DISCOUNTED,
        THOMPSON,
        lag=500,
    ),
)


def quick(case: Case, *, runs: int) -> Case:
    """Return the case with another number of runs."""
    return replace(case, runs=runs)
