"""What holds for every policy: shares are probabilities, lessons teach, state survives, and arms keep their history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagelight.errors import ContextError, PolicyError, UnknownArmError
from stagelight.routing.policies import KINDS, Lesson, Policy, make_policy, policy_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ARMS = ("large", "medium", "small")
DIMENSION = 2
CONTEXTUAL = {"linucb", "discounted_linucb"}
FADING = {"discounted_thompson", "discounted_linucb"}

every = pytest.mark.parametrize("kind", KINDS)
contextual = pytest.mark.parametrize("kind", sorted(CONTEXTUAL))

rewards = st.floats(0, 1)
contexts = st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
few = settings(max_examples=10, deadline=None)  # of each kind, and there are six

lessons = st.lists(
    st.builds(Lesson, arm=st.sampled_from(ARMS), reward=st.none() | rewards, context=contexts), max_size=30
)


def made(kind: str, arms: Iterable[str] = ARMS, **parameters: Any) -> Policy:
    """Return a fresh policy of this kind."""
    if kind in CONTEXTUAL:
        parameters.setdefault("dimension", DIMENSION)
    return make_policy(kind, arms, **parameters)


def seen(kind: str) -> tuple[float, ...]:
    """Return a context that suits the kind."""
    return (0.5, -0.25) if kind in CONTEXTUAL else ()


def taught(kind: str, worth: dict[str, float], times: int = 300, **parameters: Any) -> Policy:
    """Return a policy that learned of each arm, this often, what it is worth."""
    policy = made(kind, **parameters)
    policy.learn(Lesson(arm, reward, seen(kind)) for _ in range(times) for arm, reward in worth.items())
    return policy


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def numbers(policy: Policy) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.array(values) for name, values in policy.state()["numbers"].items()}


def same(one: Policy, other: Policy) -> bool:
    return one.state() == other.state()


@every
@few
@given(said=lessons, context=contexts, seed=st.integers(0, 2**32), floor=st.floats(0, 1))
def test_shares_are_probabilities_above_the_floor(kind, said, context, seed, floor):
    """Whatever was learned, the shares sum to 1 and none is below its part of the floor."""
    policy = made(kind, floor=floor)
    policy.learn(said)

    shares = policy.shares(ARMS, context, rng=rng(seed))

    assert shares.sum() == pytest.approx(1)
    assert (shares >= floor / len(ARMS) - 1e-12).all()


@every
@few
@given(said=lessons, eligible=st.lists(st.sampled_from(ARMS), min_size=1, unique=True), seed=st.integers(0, 2**32))
def test_a_choice_is_one_of_the_eligible_arms_with_its_true_share(kind, said, eligible, seed):
    """The propensity of a choice is the share that its arm had, and no arm outside the eligible ones has any."""
    policy = made(kind)
    policy.learn(said)

    choice = policy.choose(eligible, (0.1, 0.2), rng=rng(seed))

    assert list(choice.shares) == eligible
    assert choice.propensity == choice.shares[choice.arm] >= 0.05 / len(eligible)
    assert sum(choice.shares.values()) == pytest.approx(1)


@every
def test_arms_are_chosen_as_often_as_the_propensities_say(kind):
    """Over 2,000 choices each arm comes as often as its shares add up to: the logged propensities are the true ones."""
    policy = taught(kind, {"large": 0.6, "medium": 0.55, "small": 0.2}, times=10)
    source = rng(20)
    choices = [policy.choose(ARMS, seen(kind), rng=source) for _ in range(2000)]

    for arm in ARMS:
        expected = np.array([choice.shares[arm] for choice in choices])
        spread = np.sqrt((expected * (1 - expected)).sum())
        assert abs(sum(choice.arm == arm for choice in choices) - expected.sum()) < 4 * spread


@every
def test_the_same_seed_chooses_the_same_arms(kind):
    """A policy has no randomness of its own: with the generator it is given, every choice can be repeated."""
    policy = taught(kind, {"large": 0.5, "medium": 0.5, "small": 0.5}, times=5)
    one, other, third = rng(1), rng(1), rng(2)

    first = [policy.choose(ARMS, seen(kind), rng=one) for _ in range(60)]

    assert first == [policy.choose(ARMS, seen(kind), rng=other) for _ in range(60)]
    assert first != [policy.choose(ARMS, seen(kind), rng=third) for _ in range(60)]


@every
@few
@given(before=lessons, after=lessons)
def test_state_survives_as_json_bit_for_bit(kind, before, after):
    """A policy read back from JSON is the same one, and goes on as if it had never been away."""
    policy = made(kind)
    policy.learn(before)
    policy.retire_arm("medium")
    policy.rename_arm("small", "tiny")

    back = policy_of(json.loads(json.dumps(policy.state(), allow_nan=False)))

    assert same(back, policy)
    assert (back.kind, back.arms, back.retired, back.lessons) == (kind, ("large", "tiny"), ("medium",), policy.lessons)
    for each in (policy, back):
        each.learn(after)
    assert same(back, policy)
    one, other = (each.choose((), (0.1, 0.2), rng=rng(3)) for each in (policy, back))
    assert one == other


@every
@few
@given(said=lessons, cut=st.integers(0, 30))
def test_batches_may_be_cut_anywhere(kind, said, cut):
    """What is learned depends on the lessons, not on how many came at a time: replaying them rebuilds the state exactly."""
    whole, parts = made(kind), made(kind)

    whole.learn(said)
    for part in (said[:cut], said[cut:]):
        parts.learn(part)

    assert same(whole, parts)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - FADING))
@few
@given(said=lessons, order=st.randoms(use_true_random=False))
def test_order_makes_no_difference_where_nothing_fades(kind, said, order):
    """A policy that forgets nothing knows the same whichever lesson came first."""
    one, other = made(kind), made(kind)
    shuffled = list(said)
    order.shuffle(shuffled)

    one.learn(said)
    other.learn(shuffled)

    for name, values in numbers(one).items():
        np.testing.assert_allclose(values, numbers(other)[name], rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("kind", sorted(FADING))
@few
@given(said=lessons, order=st.randoms(use_true_random=False))
def test_order_within_a_batch_makes_little_difference_where_things_fade(kind, said, order):
    """With a memory of 1,000 a batch of 30 in another order changes no lesson's weight by more than 3 %."""
    said = [Lesson(lesson.arm, lesson.reward, (1.0, 0.0)) for lesson in said]
    one, other = made(kind), made(kind)
    shuffled = list(said)
    order.shuffle(shuffled)

    one.learn(said)
    other.learn(shuffled)

    for name, values in numbers(one).items():
        np.testing.assert_allclose(values, numbers(other)[name], rtol=0.03, atol=1e-9)


@every
def test_the_better_arm_gets_the_larger_share(kind):
    """After 300 rewards each, the best arm has at least nine tenths of the decisions."""
    policy = taught(kind, {"large": 0.3, "medium": 0.9, "small": 0.3})

    shares = dict(zip(ARMS, policy.shares(ARMS, seen(kind), rng=rng()), strict=True))

    assert shares["medium"] > 0.85


@every
def test_a_missing_reward_teaches_nothing(kind):
    """A reward that never came leaves the state as it was; it is not a 0."""
    policy = taught(kind, {"large": 0.7, "medium": 0.5, "small": 0.1}, times=3)
    before = policy.state()

    policy.learn([Lesson("large", None, seen(kind))])

    assert policy.state() == before
    policy.learn([Lesson("large", 0.0, seen(kind))])
    assert policy.state() != before


@every
def test_a_new_arm_leaves_the_others_as_they_are(kind):
    """An arm can be added at any time: it starts unknown, and what is known of the others stays."""
    policy = taught(kind, {"large": 0.7, "medium": 0.5, "small": 0.1}, times=3)
    before = numbers(policy)

    policy.add_arm("huge")

    assert policy.arms == (*ARMS, "huge")
    for name, values in numbers(policy).items():
        np.testing.assert_array_equal(values[:3], before[name])
        assert not values[3].any()
    policy.learn([Lesson("huge", 1.0, seen(kind))])
    assert policy.shares(rng=rng(), context=seen(kind)).sum() == pytest.approx(1)


@every
def test_a_retired_arm_keeps_its_history_and_learns_what_is_under_way(kind):
    """A retired arm is not chosen; late rewards for it count, and it comes back with all it had."""
    worth = {"large": 0.7, "medium": 0.5, "small": 0.1}
    stayed, policy = taught(kind, worth, times=3), taught(kind, worth, times=3)

    policy.retire_arm("large")

    assert (policy.arms, policy.retired) == (("medium", "small"), ("large",))
    assert list(policy.choose(rng=rng(), context=seen(kind)).shares) == ["medium", "small"]
    with pytest.raises(UnknownArmError, match="'large' is retired; `add_arm` brings it back"):
        policy.choose(ARMS, seen(kind), rng=rng())
    late = Lesson("large", 1.0, seen(kind))
    for each in (stayed, policy):
        each.learn([late])
    policy.add_arm("large")
    assert same(policy, stayed)


@every
def test_a_renamed_arm_keeps_its_history_and_rewards_under_its_old_names(kind):
    """Rewards for decisions made before a renaming, or two, still reach the arm."""
    worth = {"large": 0.7, "medium": 0.5, "small": 0.1}
    policy, plain = taught(kind, worth, times=3), taught(kind, worth, times=3)

    policy.rename_arm("large", "large-v2")
    policy.rename_arm("large-v2", "large-v3")
    for name in ("large", "large-v2", "large-v3"):
        policy.learn([Lesson(name, 1.0, seen(kind))])
        plain.learn([Lesson("large", 1.0, seen(kind))])

    assert policy.arms == ("large-v3", "medium", "small")
    assert policy.state()["numbers"] == plain.state()["numbers"]


@every
def test_a_renamed_arm_is_eligible_under_its_old_names(kind):
    """Who still calls it by a name that it had gets it all the same, by its name of now."""
    policy = taught(kind, {"large": 0.9, "medium": 0.5, "small": 0.1}, times=3)
    policy.rename_arm("large", "large-v2")
    policy.rename_arm("large-v2", "large-v3")

    for name in ("large", "large-v2", "large-v3"):
        assert list(policy.choose((name, "small"), seen(kind), rng=rng()).shares) == ["large-v3", "small"]
    with pytest.raises(PolicyError, match="an arm is eligible twice"):
        policy.shares(("large", "large-v3"), seen(kind), rng=rng())


@every
@few
@given(said=st.lists(lessons, min_size=4, max_size=4), cut=st.integers(0, 60))
def test_a_replay_finds_what_a_name_meant_when_it_was_learned(kind, said, cut):
    """An arm is renamed, its name goes to a new arm, then to a third: the same lessons again give the same state."""
    policy = made(kind)
    policy.learn(said[0])
    policy.rename_arm("large", "huge")
    policy.learn(said[1])
    policy.add_arm("large")
    policy.learn(said[2])
    policy.rename_arm("huge", "giant")
    policy.rename_arm("large", "big")
    policy.rename_arm("small", "large")
    policy.learn([Lesson(lesson.arm.replace("small", "large"), lesson.reward, lesson.context) for lesson in said[3]])
    all_of_it = [
        *(lesson for part in said[:3] for lesson in part),
        *(Lesson(lesson.arm.replace("small", "large"), lesson.reward, lesson.context) for lesson in said[3]),
    ]

    blank = made(kind, arms=policy.state()["arms"]).state()
    again = policy_of({**policy.state(), "numbers": blank["numbers"], "lessons": 0})
    again.learn(all_of_it[:cut])
    again = policy_of(json.loads(json.dumps(again.state())))
    again.learn(all_of_it[cut:])

    assert same(again, policy)


@every
def test_an_old_name_can_be_given_to_a_new_arm(kind):
    """Once an arm is added under a name that another had before, the name means the new one."""
    policy = made(kind)
    policy.rename_arm("large", "huge")

    policy.add_arm("large")
    policy.learn([Lesson("large", 1.0, seen(kind))])

    assert policy.arms == ("huge", "medium", "small", "large")
    assert [bool(values.any()) for values in next(iter(numbers(policy).values()))] == [False, False, False, True]


@every
def test_an_old_name_can_be_given_to_another_arm(kind):
    """Once an arm is renamed to what another was called before, the name means the one that bears it."""
    policy = made(kind)
    policy.rename_arm("large", "huge")

    policy.rename_arm("small", "large")
    policy.learn([Lesson("large", 1.0, seen(kind))])

    assert policy.arms == ("huge", "medium", "large")
    assert [bool(values.any()) for values in next(iter(numbers(policy).values()))] == [False, False, True]


@every
def test_a_retired_arm_stays_retired_under_a_new_name(kind):
    """Renaming does not bring an arm back, and a name may go back to the arm that had it."""
    policy = made(kind)
    policy.retire_arm("large")

    policy.rename_arm("large", "huge")
    assert policy.retired == ("huge",)
    policy.rename_arm("huge", "large")
    assert policy.retired == ("large",)
    policy.learn([Lesson("huge", 1.0, seen(kind)), Lesson("large", 1.0, seen(kind))])
    assert policy.lessons == 2


@every
def test_arms_that_are_not_there_are_refused_by_name(kind):
    """A typing mistake is answered with the arms there are, and nothing is learned."""
    policy = made(kind)
    told = "no arm 'larg'; this router has \\['large', 'medium', 'small'\\]. Did you mean 'large'\\?"

    with pytest.raises(UnknownArmError, match=told):
        policy.learn([Lesson("larg", 1.0, seen(kind))])
    with pytest.raises(UnknownArmError, match=told):
        policy.choose(("large", "larg"), seen(kind), rng=rng())
    with pytest.raises(UnknownArmError, match=told):
        policy.retire_arm("larg")
    with pytest.raises(UnknownArmError, match=told):
        policy.rename_arm("larg", "other")


@every
@pytest.mark.parametrize("reward", [float("nan"), float("inf"), -0.1, 1.1, "1", True])
def test_a_reward_that_is_none_is_refused_with_its_whole_batch(kind, reward):
    """NaN, infinity, text and what is not from 0 to 1 is refused, and the good lessons beside it teach nothing either."""
    policy = taught(kind, {"large": 0.7, "medium": 0.5, "small": 0.1}, times=3)
    before = policy.state()

    with pytest.raises(PolicyError, match="for arm 'small': expected a number from 0 to 1"):
        policy.learn([Lesson("large", 1.0, seen(kind)), Lesson("small", reward, seen(kind))])

    assert policy.state() == before


@contextual
@pytest.mark.parametrize("context", [(), (1.0,), (1.0, 2.0, 3.0)])
def test_a_context_of_another_length_is_refused(kind, context):
    """A policy that looks at the request says how long a context it was made for."""
    policy = made(kind)

    with pytest.raises(ContextError, match=f"a context of {len(context)} numbers; .* dimension=2"):
        policy.choose(ARMS, context, rng=rng())
    with pytest.raises(ContextError, match="dimension=2"):
        policy.learn([Lesson("large", 1.0, context)])


@contextual
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e5, "1", None])
def test_a_context_that_cannot_be_computed_with_is_refused(kind, value):
    """One NaN would be in every sum for ever; one huge number would drown all others."""
    policy = made(kind)
    before = policy.state()

    with pytest.raises(ContextError, match=r"context\[1\] is .*: expected a number from -10,000 to 10,000"):
        policy.learn([Lesson("large", 1.0, (0.0, value))])
    with pytest.raises(ContextError, match=r"context\[1\]"):
        policy.shares(ARMS, (0.0, value), rng=rng())

    assert policy.state() == before


@pytest.mark.parametrize("kind", sorted(set(KINDS) - CONTEXTUAL))
def test_other_policies_ignore_the_context(kind):
    """A context may be logged for later even where the policy has no use for it."""
    one, other = made(kind), made(kind)

    one.learn([Lesson("large", 1.0, (1.0, float("nan")))])
    other.learn([Lesson("large", 1.0)])

    assert same(one, other)
    assert one.width is None


@every
def test_without_arms_there_is_nothing_to_choose(kind):
    """No arms, none left, or one named twice: each says so."""
    policy = made(kind, ())
    with pytest.raises(PolicyError, match="no arm to choose from: add one"):
        policy.choose(rng=rng(), context=seen(kind))

    policy.add_arm("only")
    assert policy.choose(rng=rng(), context=seen(kind)).propensity == pytest.approx(1)
    with pytest.raises(PolicyError, match="eligible twice"):
        policy.choose(("only", "only"), seen(kind), rng=rng())


@every
@pytest.mark.parametrize("name", ["large", "", 7])
def test_a_name_must_be_free_and_text(kind, name):
    """Two arms of one name, or one without a name, could not be told apart in any log."""
    policy = made(kind)

    with pytest.raises(PolicyError, match=r"is there already|expected a name"):
        policy.add_arm(name)
    with pytest.raises(PolicyError, match="expected a name that no arm has"):
        policy.rename_arm("small", name)
    assert policy.arms == ARMS


class Lowest:
    """A generator that always draws the lowest number there is."""

    def random(self):
        return 0.0


def test_an_arm_without_a_share_is_never_chosen():
    """Not even by the lowest draw: where there is no floor, an arm that the rule gives nothing gets nothing."""
    policy = taught("ucb1", {"large": 0.1, "medium": 0.2, "small": 0.9}, floor=0)

    choice = policy.choose(ARMS, rng=Lowest())

    assert (choice.arm, choice.propensity) == ("small", 1.0)


def test_numpy_numbers_are_numbers():
    """Rewards and contexts out of arrays need no conversion."""
    policy = made("linucb")

    policy.learn([Lesson("large", np.float32(0.5), tuple(np.array([1, 2])))])

    assert policy.lessons == 1
    assert policy.shares(ARMS, np.array([0.5, 0.5]), rng=rng()).sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        ("thomson", {}, "policy 'thomson': expected one of thompson, .* Did you mean 'thompson'"),
        ("thompson", {"memory": 5}, "thompson has no parameter 'memory': expected draws, prior, floor"),
        ("discounted_thompson", {"memry": 5}, "Did you mean 'memory'"),
        ("discounted_thompson", {"memory": 1}, "memory=1: expected a number from 2 to"),
        ("discounted_thompson", {"draws": 0}, "draws=0: expected a whole number"),
        ("thompson", {"draws": 128.5}, "draws=128.5: expected a whole number"),
        ("thompson", {"prior": 0}, "prior=0"),
        ("thompson", {"prior": float("nan")}, "prior=nan"),
        ("thompson", {"floor": 1.5}, "floor=1.5: expected a number from 0 to 1"),
        ("ucb1", {"confidence": -1}, "confidence=-1"),
        ("epsilon_greedy", {"epsilon": "much"}, "epsilon='much'"),
        ("linucb", {}, "linucb needs dimension="),
        ("linucb", {"dimension": -1}, "dimension=-1"),
        ("linucb", {"dimension": 2, "alpha": -1}, "alpha=-1"),
        ("linucb", {"dimension": 2, "ridge": 0}, "ridge=0"),
        ("discounted_linucb", {"dimension": 2, "memory": 0}, "memory=0"),
    ],
)
def test_a_policy_that_cannot_be_made_says_why(kind, parameters, message):
    """A wrong kind, parameter or value is refused at the line that asks for it."""
    with pytest.raises(PolicyError, match=message):
        make_policy(kind, ARMS, **parameters)


def broken(**changes: Any) -> dict[str, Any]:
    return {**made("thompson").state(), **changes}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "policy 'None': expected one of"),
        (broken(format=2), "format 2; this version reads 1: update stagelight"),
        (broken(arms=["a", "a", "b"]), "an arm is there twice"),
        (broken(numbers={"successes": [0, 0, 0]}), "cannot be read: KeyError"),
        (broken(numbers={"successes": [0, 0], "failures": [0, 0, 0]}), "cannot be read: ValueError"),
        (broken(numbers={"successes": [0, 0, float("nan")], "failures": [0, 0, 0]}), "not finite"),
        (broken(lessons="many"), "cannot be read"),
        (broken(parameters={"draws": -1}), "draws=-1"),
        (broken(renamed=[]), "cannot be read"),
    ],
)
def test_a_state_that_cannot_be_read_says_why(state, message):
    """A row written by a newer version, or damaged, is refused before anything is decided by it."""
    with pytest.raises(PolicyError, match=message):
        policy_of(state)


@every
def test_parameters_are_part_of_the_state(kind):
    """A router that reads the state needs no code of the program that made the policy."""
    policy = made(kind, floor=0.2)

    back = policy_of(policy.state())

    assert same(back, policy)
    assert back.shares(ARMS, seen(kind), rng=rng()).min() >= 0.2 / 3


def extreme(count: int) -> Sequence[Lesson]:
    return [Lesson("large", 1.0, (1e4, 1e4))] * count


@contextual
def test_contexts_of_one_direction_do_not_break_the_regression(kind):
    """Thousands of the same, largest context leave a system that can still be solved."""
    policy = made(kind)

    policy.learn(extreme(3000))

    assert np.isfinite(policy.shares(ARMS, (1e4, 1e4), rng=rng())).all()
    assert np.isfinite(policy.shares(ARMS, (-1e4, 1e4), rng=rng())).all()
