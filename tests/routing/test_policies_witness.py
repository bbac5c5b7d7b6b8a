"""Each policy against an outside witness: quadrature, a closed form, a hand calculation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from stagelight.routing.policies import Lesson, make_policy
from stagelight.routing.policies.rule import floored


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def lessons(**told: tuple[int, int]) -> list[Lesson]:
    """Return so many rewards of 1 and of 0 for each arm."""
    return [Lesson(arm, reward) for arm, (ones, zeros) in told.items() for reward in [1.0] * ones + [0.0] * zeros]


def test_thompson_s_shares_are_the_chances_of_being_best():
    """Counted over many draws the shares agree with the integral of each Beta density times the others' distributions."""
    told = {"a": (12, 8), "b": (9, 9), "c": (1, 2)}
    policy = make_policy("thompson", told, draws=100_000, floor=0)
    policy.learn(lessons(**told))
    posteriors = [stats.beta(ones + 1, zeros + 1) for ones, zeros in told.values()]

    shares = policy.shares(rng=rng(5))

    for place, posterior in enumerate(posteriors):
        others = [other for other in posteriors if other is not posterior]
        chance, _ = integrate.quad(lambda x, p=posterior, o=others: p.pdf(x) * np.prod([q.cdf(x) for q in o]), 0, 1)
        assert shares[place] == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / 100_000))


def test_thompson_counts_its_shares_over_128_draws():
    """Without a floor every share is a whole number of 128ths."""
    policy = make_policy("thompson", ["a", "b", "c"], floor=0)

    counted = policy.shares(rng=rng(1)) * 128

    np.testing.assert_array_equal(counted, counted.round())
    assert 0 < counted.min() < 64


def test_the_floor_lifts_what_lies_below_it():
    """Of two eligible arms each has 2.5 % at least; what that takes comes off those above, by how far they lie above."""
    policy = make_policy("ucb1", ["a", "b", "c"])
    policy.learn(lessons(a=(9, 0), b=(0, 9), c=(5, 4)))

    assert policy.shares(["a", "b"], rng=rng()).tolist() == pytest.approx([0.975, 0.025])
    lifted = floored(np.array([0.8, 0.19, 0.01, 0.0]), 0.2)
    assert lifted.tolist() == pytest.approx([0.05 + 0.8 * 0.75 / 0.89, 0.05 + 0.8 * 0.14 / 0.89, 0.05, 0.05])


def test_the_floor_leaves_alone_what_lies_above_it():
    """An arm that is tried anyway is not tried more: where all shares are high enough, none is changed."""
    shares = np.array([0.5, 0.3, 0.15, 0.05])

    assert floored(shares, 0.2).tolist() == pytest.approx(shares.tolist())


def test_a_reward_between_counts_in_parts():
    """A reward of 0.25 is a quarter of a success and three quarters of a failure."""
    policy = make_policy("thompson", ["a"])

    policy.learn([Lesson("a", 0.25), Lesson("a", 0.5)])

    assert policy.state()["numbers"] == {"successes": [0.75], "failures": [1.25]}


@pytest.mark.parametrize("memory", [2, 10, 1000])
def test_discounted_thompson_fades_by_the_lessons_that_came_after(memory):
    """A success counts for (1 - 1/memory) to the power of all later lessons, for whichever arm they were."""
    policy = make_policy("discounted_thompson", ["a", "b"], memory=memory)
    arms = ["a", "b", "b", "a", "b"]

    policy.learn(Lesson(arm, 1.0) for arm in arms)

    kept = 1 - 1 / memory
    weights = {arm: sum(kept ** (4 - at) for at, name in enumerate(arms) if name == arm) for arm in "ab"}
    assert policy.state()["numbers"]["successes"] == pytest.approx([weights["a"], weights["b"]])


def test_discounted_thompson_remembers_as_many_lessons_as_its_memory():
    """After very many lessons the weights of all of them add up to the memory, 1,000 by default."""
    policy = make_policy(arms=["a", "b"])

    policy.learn(Lesson("a", 1.0) for _ in range(12_000))

    assert policy.kind == "discounted_thompson"
    assert policy.state()["numbers"]["successes"][0] == pytest.approx(1000, rel=1e-4)


def test_an_arm_that_was_not_tried_for_long_is_tried_again():
    """What was known of an arm fades back to the flat prior, which beats a middling favourite every other time."""
    fading, keeping = (make_policy(kind, ["a", "b"], floor=0) for kind in ("discounted_thompson", "thompson"))
    for policy in (fading, keeping):
        policy.learn(lessons(b=(10, 190)))
        policy.learn(Lesson("a", 0.5) for _ in range(8000))

    assert fading.shares(rng=rng())[1] > 0.3
    assert keeping.shares(rng=rng())[1] == 0


def test_ucb1_by_hand():
    """a: 0.75 + sqrt(2 ln 20 / 16) = 1.362; b: 0.25 + sqrt(2 ln 20 / 4) = 1.474: b is asked, though its mean is lower."""
    policy = make_policy("ucb1", ["a", "b"], floor=0)
    policy.learn(lessons(a=(12, 4), b=(1, 3)))

    assert policy.shares(rng=rng()).tolist() == [0, 1]
    policy.learn(lessons(b=(1, 0)))  # a: 0.75 + sqrt(2 ln 21 / 16) = 1.367; b: 0.4 + sqrt(2 ln 21 / 5) = 1.504
    assert policy.shares(rng=rng()).tolist() == [0, 1]
    policy.learn(lessons(b=(0, 1)))  # a: 0.75 + sqrt(2 ln 22 / 16) = 1.372; b: 0.333 + sqrt(2 ln 22 / 6) = 1.348
    assert policy.shares(rng=rng()).tolist() == [1, 0]


@pytest.mark.parametrize("kind", ["ucb1", "epsilon_greedy"])
def test_arms_without_a_reward_come_first(kind):
    """As long as arms are untried, they share what the rule has to give."""
    policy = make_policy(kind, ["a", "b", "c"], floor=0, **({"epsilon": 0} if kind == "epsilon_greedy" else {}))

    policy.learn([Lesson("a", 1.0)])

    assert policy.shares(rng=rng()).tolist() == [0, 0.5, 0.5]


def test_epsilon_greedy_by_hand():
    """One tenth is spread over both arms, the rest goes to the better mean."""
    policy = make_policy("epsilon_greedy", ["a", "b"], floor=0)

    policy.learn(lessons(a=(1, 3), b=(3, 1)))

    assert policy.shares(rng=rng()).tolist() == pytest.approx([0.05, 0.95])


@pytest.mark.parametrize("seed", range(10))
def test_linucb_by_its_formula(seed):
    """The bound is θ·x + 0.7 sqrt(x·A⁻¹x) with A = 2 I + Σxxᵀ and θ = A⁻¹Σrx, x ending in a constant 1."""
    source = rng(seed)
    policy = make_policy("linucb", ["a", "b", "c"], dimension=2, floor=0, alpha=0.7, ridge=2)
    told = [
        ("abc"[arm], x, r)
        for arm, x, r in zip(source.integers(0, 3, 12), source.normal(size=(12, 2)), source.random(12), strict=True)
    ]
    policy.learn(Lesson(arm, float(reward), tuple(x)) for arm, x, reward in told)

    for asked in source.normal(size=(20, 2)):
        bounds, seen = [], np.append(asked, 1.0)
        for name in "abc":
            rows = np.array([[*x, 1.0] for arm, x, _ in told if arm == name]).reshape(-1, 3)
            inverse = np.linalg.inv(2 * np.eye(3) + rows.T @ rows)
            theta = inverse @ rows.T @ np.array([reward for arm, _, reward in told if arm == name])
            bounds.append(theta @ seen + 0.7 * np.sqrt(seen @ inverse @ seen))
        assert policy.shares((), tuple(asked), rng=rng())[int(np.argmax(bounds))] == 1


def test_linucb_without_a_context_is_a_bandit():
    """With `dimension=0` only the constant is left, and the better arm is found."""
    policy = make_policy("linucb", ["a", "b"], dimension=0, floor=0)

    policy.learn(lessons(a=(20, 80), b=(80, 20)))

    assert policy.shares(rng=rng()).tolist() == [0, 1]


def test_linucb_tells_requests_apart():
    """Where one model is good at what another is bad at, each gets its own requests."""
    policy = make_policy("linucb", ["a", "b"], dimension=1)
    for x in np.linspace(-1, 1, 41).tolist():
        policy.learn([Lesson("a", 0.5 + 0.5 * x, (x,)), Lesson("b", 0.5 - 0.5 * x, (x,))])

    assert policy.choose((), (0.8,), rng=rng()).shares["a"] > 0.9
    assert policy.choose((), (-0.8,), rng=rng()).shares["b"] > 0.9


def test_discounted_linucb_weighs_lessons_by_their_age():
    """Sums of squares and products are those of the lessons, each faded by the lessons that came after it."""
    policy = make_policy("discounted_linucb", ["a", "b"], dimension=1, memory=5)
    told = [("a", 0.5, 1.0), ("b", -1.0, 0.25), ("a", 2.0, 0.5), ("b", 1.0, 0.0)]
    policy.learn(Lesson(arm, reward, (x,)) for arm, x, reward in told)

    squares, products = np.zeros((2, 2, 2)), np.zeros((2, 2))
    for at, (arm, x, reward) in enumerate(told):
        seen, weight = np.array([x, 1.0]), 0.8 ** (len(told) - 1 - at)
        squares["ab".index(arm)] += weight * np.outer(seen, seen)
        products["ab".index(arm)] += weight * reward * seen

    state = policy.state()["numbers"]
    np.testing.assert_allclose(state["squares"], squares)
    np.testing.assert_allclose(state["products"], products)
