"""How experiments stand: what rewards say of which arm is the best, and how often chance says it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from stagelight.routing.standing import ENOUGH, SURE, Tally, standing

ARMS = ("a", "b")


def test_the_probability_is_that_of_the_posteriors() -> None:
    """Counted over draws it is within a hundredth of the integral."""
    found = standing({"a": Tally(60, 0.6), "b": Tally(40, 0.5)}, {}, arms=ARMS)
    exact, _ = integrate.quad(lambda p: stats.beta.pdf(p, 37, 25) * stats.beta.cdf(p, 21, 21), 0, 1)
    assert (found.state, found.best, found.probability) == ("running", "a", pytest.approx(exact, abs=0.01))


def test_too_few_rewards_say_nothing() -> None:
    """One more, and it is decided; rewards of arms that cannot be chosen do not count."""
    few = {"a": Tally(ENOUGH // 2, 1.0), "b": Tally(ENOUGH // 2 - 1, 0.0), "retired": Tally(1000, 1.0)}
    assert standing(few, {}, arms=ARMS).state == "collecting"
    assert standing(few | {"b": Tally(ENOUGH // 2, 0.0)}, {}, arms=ARMS).state == "decided"


def test_an_arm_that_nobody_tried_keeps_it_open() -> None:
    """It may be better still."""
    assert standing({"a": Tally(1000, 0.8)}, {}, arms=ARMS).state == "running"


@pytest.mark.parametrize(
    ("before", "state"),
    [
        ({"a": Tally(50, 0.1), "b": Tally(50, 0.9)}, "changed"),
        ({"a": Tally(50, 0.9), "b": Tally(50, 0.1)}, "decided"),  # the same arm
        ({"a": Tally(50, 0.45), "b": Tally(50, 0.55)}, "decided"),  # it was open
        ({"a": Tally(20, 0.0), "b": Tally(20, 1.0)}, "decided"),  # too few to say what was
        ({}, "decided"),
    ],
)
def test_changed_is_decided_for_another_arm_than_before(before: dict[str, Tally], state: str) -> None:
    """Both times must be sure: a leader by chance makes no change."""
    assert standing({"a": Tally(50, 0.9), "b": Tally(50, 0.1)}, before, arms=ARMS).state == state


def test_between_arms_alike_chance_seldom_decides() -> None:
    """At one look, in about two of a hundred cases with two arms: either may seem the best with 99 %."""
    rng = np.random.default_rng(11)
    means = rng.binomial(200, 0.5, size=(150, 2)) / 200
    decided = [
        standing({"a": Tally(200, a), "b": Tally(200, b)}, {}, arms=ARMS).state == "decided" for a, b in means.tolist()
    ]
    assert sum(decided) / len(decided) <= 3 * 2 * (1 - SURE)
