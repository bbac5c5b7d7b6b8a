"""Off-policy estimates on small logs: by hand, against the log's own mean, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagelight.errors import LogError, UnknownArmError
from stagelight.routing.estimate import Estimate, always, as_policy, compare, estimate, evenly, reward_model
from stagelight.routing.logged import Log, log_of
from stagelight.routing.policies import Lesson, make_policy
from stagelight.sink.rows import Decision

METHODS = ("dr", "snips", "ips", "dm")


def made(rewards, arms="ab", propensity=0.5, contexts=None):
    """Return a log of arms chosen in turn, each with this propensity."""
    chosen = np.arange(len(rewards)) % len(arms)
    return Log(
        tuple(arms),
        chosen,
        np.array(rewards, dtype=float),
        np.full(len(rewards), propensity),
        np.ones((len(rewards), len(arms)), dtype=bool),
        np.zeros((len(rewards), 0)) if contexts is None else np.array(contexts, dtype=float),
    )


def test_ips_by_hand():
    """Rewards 1, 0, 1, 0 with arm a at 0.5: always a is worth (2 + 0 + 2 + 0) / 4 = 1, from weights 2, 0, 2, 0: two decisions."""
    log = made([1.0, 0.0, 1.0, 0.0])

    found = estimate(log, always(log, "a"), method="ips")

    spread = np.std([2, 0, 2, 0], ddof=1) / 2
    assert found.value == 1.0
    assert (found.low, found.high) == pytest.approx((1 - 1.96 * spread, 1 + 1.96 * spread), abs=1e-3)
    assert (found.decisions, found.effective) == (4, 2.0)


def test_snips_by_hand():
    """Always a, which got 1 and 0.5, is worth their mean whatever the propensities were."""
    log = made([1.0, 0.0, 0.5, 0.0], propensity=0.1)

    found = estimate(log, always(log, "a"), method="snips")

    assert found.value == pytest.approx(0.75)
    assert found.low < 0.75 < found.high


def test_the_direct_method_is_the_model_alone():
    """Without context a ridge regression gives each arm its mean, drawn a little towards 0.5."""
    log = made([1.0, 0.0] * 100)

    found = estimate(log, always(log, "a"), method="dm")

    assert found.value == pytest.approx(0.5 + 0.5 * 100 / 101)


def test_doubly_robust_by_hand():
    """Two twentieths of one decision each: the second is expected from the first, and corrected by what came."""
    log = made([1.0, 0.0], arms="a", propensity=1.0)
    expected = [0.5, 0.5 + 0.5 / 2]  # nothing known; then one reward of 1 against a ridge of 1

    assert reward_model(log)[:, 0].tolist() == pytest.approx(expected)
    assert estimate(log, always(log, "a")).value == pytest.approx(0.5)


def test_the_reward_model_never_sees_its_own_twentieth():
    """Changing the rewards of the last but one twentieth changes what is expected in the last one, and nowhere before."""
    told = np.random.default_rng(1).random(400)
    other = told.copy()
    other[360:380] = 0.0

    before, after = reward_model(made(told)), reward_model(made(other))

    np.testing.assert_array_equal(before[:380], after[:380])
    assert (before[380:] != after[380:]).all()
    assert not np.array_equal(reward_model(made(told), ahead=False)[:360], reward_model(made(other), ahead=False)[:360])


def test_the_reward_model_learns_what_the_context_says():
    """With rewards that are linear in the context, the model finds them."""
    x = np.linspace(-1, 1, 2000)[np.random.default_rng(3).permutation(2000)]
    log = made(0.5 + 0.4 * x, contexts=x[:, None])

    expected = reward_model(log)

    np.testing.assert_allclose(expected[1000:], np.repeat(0.5 + 0.4 * x[1000:, None], 2, axis=1), atol=0.01)


@settings(max_examples=40)
@given(rewards=st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_logging_policy_itself_is_worth_the_mean_reward(rewards):
    """Asked about the very policy that logged, with shares as they were, all weights are 1 and ips is the mean."""
    log = made(rewards)

    for method in ("ips", "snips"):
        found = estimate(log, evenly(log), method=method)
        assert found.value == pytest.approx(np.mean(rewards))
        assert found.effective == pytest.approx(len(rewards))


@pytest.mark.parametrize("method", METHODS)
def test_one_decision_says_nothing_about_the_spread(method):
    """An interval out of a single decision is as wide as can be."""
    log = made([1.0])

    found = estimate(log, always(log, "a"), method=method)

    assert (found.low, found.high) == (-np.inf, np.inf)


@pytest.mark.parametrize("method", METHODS)
def test_an_arm_that_was_never_chosen_has_no_decisions_behind_it(method):
    """The effective sample size is 0, whatever else is said."""
    log = made([1.0, 1.0, 1.0], arms="a")
    log = Log(("a", "b"), log.chosen, log.reward, log.propensity, np.ones((3, 2), dtype=bool), log.context)

    found = estimate(log, always(log, "b"), method=method)

    assert found.effective == 0
    assert np.isfinite(found.value)


def test_an_estimate_reads_as_a_sentence():
    """What is printed has the value, the interval, and how much the log is worth."""
    assert (
        str(Estimate("dr", 0.6123, 0.59, 0.634, 2000, 431.4)) == "dr 0.612 (0.590 to 0.634); 2,000 decisions, worth 431"
    )


def test_ineligible_arms_get_no_share():
    """Evenly means evenly over the arms there were."""
    rows = [
        (Decision(decision_id="1", arm="a", eligible=("a", "b"), propensity=0.5, observed_at=0), 1.0),
        (Decision(decision_id="2", arm="a", eligible=("a",), observed_at=1), 1.0),
    ]

    assert evenly(log_of(rows)).tolist() == [[0.5, 0.5], [1.0, 0.0]]


def test_a_policy_can_be_asked_what_it_would_have_done():
    """The shares of a policy in every logged decision, with the arms that were eligible there, in its context."""
    rows = [
        (Decision(decision_id=str(at), arm="a", eligible=eligible, context=(x,), propensity=0.5, observed_at=at), 1.0)
        for at, (eligible, x) in enumerate([(("a", "b"), 1.0), (("b", "a"), -1.0), (("a",), 1.0)])
    ]
    policy = make_policy("linucb", ["b", "a", "c"], dimension=1)
    for x in np.linspace(-1, 1, 41).tolist():
        policy.learn([Lesson("a", 0.5 + 0.5 * x, (x,)), Lesson("b", 0.5 - 0.5 * x, (x,))])

    shares = as_policy(log_of(rows), policy, rng=np.random.default_rng(0))

    np.testing.assert_allclose(shares, [[0.975, 0.025], [0.025, 0.975], [1.0, 0.0]])
    policy.rename_arm("a", "other")
    np.testing.assert_allclose(as_policy(log_of(rows), policy, rng=np.random.default_rng(0)), shares)
    with pytest.raises(UnknownArmError, match="no arm 'a'"):
        as_policy(log_of(rows), make_policy("linucb", ["b"], dimension=1), rng=np.random.default_rng(0))


def test_the_simplest_policies_are_compared_by_name():
    """Each arm that was always eligible, all arms evenly, and the policy as it is now."""
    rows = [
        (
            Decision(
                decision_id=str(at), arm="a", eligible=("a", "b", "c")[: 2 + at % 2], propensity=0.5, observed_at=at
            ),
            1.0,
        )
        for at in range(4)
    ]
    policy = make_policy("ucb1", ["a", "b", "c"])
    policy.learn([Lesson("a", 1.0), Lesson("b", 0.0), Lesson("c", 0.0)])

    found = compare(log_of(rows), policy, method="snips")

    assert list(found) == ["always a", "always b", "evenly", "as it is now"]
    assert found["always a"].value == found["as it is now"].value == pytest.approx(1)
    assert "as it is now" not in compare(log_of(rows))
    with pytest.raises(UnknownArmError, match="no arm 'a'"):
        compare(log_of(rows), make_policy("ucb1", ["other"]))


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ([[1.0, 0.0]], "shares of shape \\(1, 2\\): expected \\(2, 2\\)"),
        ([[0.5, 0.6], [0.5, 0.5]], "no distribution"),
        ([[1.5, -0.5], [0.5, 0.5]], "no distribution"),
        ([[np.nan, 1.0], [0.5, 0.5]], "no distribution"),
    ],
)
def test_shares_that_are_none_are_refused(shares, message):
    """A target policy is a probability for each arm in each decision, and nothing else."""
    with pytest.raises(LogError, match=message):
        estimate(made([1.0, 0.0]), np.array(shares))


def test_what_was_not_eligible_cannot_be_estimated():
    """A policy that wants an arm where there was none is refused, not guessed."""
    log = made([1.0, 0.0])
    log.eligible[0] = [True, False]

    with pytest.raises(LogError, match="for an arm that was not eligible"):
        estimate(log, evenly(made([1.0, 0.0])))


def test_unknown_names_are_refused():
    """An arm that no decision had, and a method that there is none of."""
    log = made([1.0, 0.0])

    with pytest.raises(LogError, match="no decision had arm 'z'"):
        always(log, "z")
    with pytest.raises(LogError, match="method 'best': expected one of dr, snips, ips, dm"):
        estimate(log, evenly(log), method="best")
