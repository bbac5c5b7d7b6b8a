"""Off-policy estimates on simulated logs of known value: how often the 95 % intervals hold it."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from stagelight.routing.estimate import estimate
from stagelight.routing.logged import Log
from stagelight.routing.policies.beta import DiscountedThompson
from stagelight.routing.policies.rule import floored

ARMS = ("a", "b", "c", "d")
RUNS, DECISIONS, BATCH, FLOOR, SEED = 1000, 2000, 25, 0.05, 3


def worth(context):
    """Return what each arm is worth: curved and stepped in the context, so that no linear model can be right."""
    x, y = context[..., 0], context[..., 1]
    return np.stack(
        [0.35 + 0.3 * abs(x), 0.6 + 0.25 * np.sin(3 * x), 0.5 + 0.3 * (y > 0) - 0.2 * x * y, 0.45 + 0 * x], -1
    )


def by_rules(context):
    """Return the shares of a policy that goes by thresholds of the context, and 5 % of the time elsewhere."""
    x, y = context[..., 0], context[..., 1]
    best = np.where(x > 0, 1, np.where(y > 0, 2, 0))
    return np.where(best[..., None] == np.arange(4), 0.85, 0.05)


def always_b(context):
    """Return the shares of the policy that always chooses b, which the logging policy comes to avoid."""
    return np.broadcast_to(np.arange(4) == 1, (*context.shape[:-1], 4)).astype(float)


TARGETS = {"by rules": by_rules, "always b": always_b}


@functools.cache
def logs():
    """Return the logs of a thousand routers with the default policy: 128 draws, a floor of 5 %, learning every 25 decisions.

    The policy learns while it logs, as routers do; the decisions are not independent of each other.
    """
    rule, rng = DiscountedThompson(), np.random.default_rng(SEED)
    contexts = rng.uniform(-1, 1, (RUNS, DECISIONS, 2))
    rewards = (rng.random((RUNS, DECISIONS, 4)) < worth(contexts)).astype(float)
    chosen, propensity = np.zeros((RUNS, DECISIONS), dtype=int), np.zeros((RUNS, DECISIONS))
    numbers, every, none = rule.blank(4, (RUNS,)), np.arange(RUNS), np.zeros((RUNS, 0))
    for start in range(0, DECISIONS, BATCH):
        shares = floored(rule.shares(numbers, none, rng), FLOOR)
        for at in range(start, start + BATCH):
            arm = np.minimum((shares.cumsum(-1) <= rng.random((RUNS, 1))).sum(-1), 3)
            chosen[:, at], propensity[:, at] = arm, shares[every, arm]
        for at in range(start, start + BATCH):
            numbers = rule.learned(
                numbers, np.arange(4) == chosen[:, at, None], rewards[every, at, chosen[:, at]], none
            )
    got = np.take_along_axis(rewards, chosen[..., None], 2)[..., 0]
    eligible = np.ones((DECISIONS, 4), dtype=bool)
    return [Log(ARMS, chosen[run], got[run], propensity[run], eligible, contexts[run]) for run in range(RUNS)]


@functools.cache
def true_value(target):
    """Return what the target policy is really worth, from a million contexts."""
    contexts = np.random.default_rng(0).uniform(-1, 1, (1_000_000, 2))
    return float((TARGETS[target](contexts) * worth(contexts)).sum(-1).mean())


@functools.cache
def coverage(target, method):
    """Return how often the interval holds the true value, and print what goes with it."""
    value = true_value(target)
    found = [estimate(log, TARGETS[target](log.context), method=method) for log in logs()]
    share = float(np.mean([one.low <= value <= one.high for one in found]))
    bias = float(np.mean([one.value for one in found])) - value
    print(
        f"\n{target}, worth {value:.3f}: {method} covers {share:.3f} of {RUNS} (seed {SEED}), bias {bias:+.4f}, "
        f"width {np.mean([one.high - one.low for one in found]):.3f}, "
        f"{DECISIONS} decisions worth {np.mean([one.effective for one in found]):.0f}",
        end="",
    )
    return share, bias, float(np.std([one.value for one in found])) / RUNS**0.5


@pytest.mark.parametrize("method", ["dr", "snips", "ips"])
@pytest.mark.parametrize("target", TARGETS)
def test_intervals_hold_the_true_value_as_often_as_they_say(target, method):
    """95 % intervals of all three estimates hold the value in .92 to .97 of the logs, and none is off on average."""
    share, bias, error = coverage(target, method)

    assert 0.92 <= share <= 0.97
    assert abs(bias) < 4 * error


@pytest.mark.parametrize("target", TARGETS)
def test_the_direct_method_s_intervals_do_not(target):
    """A reward model alone is sure of the wrong value: its intervals hold the true one in less than a third of the logs."""
    share, *_ = coverage(target, "dm")

    assert share < 0.33


@pytest.mark.parametrize("target", TARGETS)
def test_doubly_robust_is_narrower_than_inverse_propensities(target):
    """What the model knows need not be paid for in variance: dr's intervals are shorter on average than those of ips."""
    shares = TARGETS[target]
    widths = {
        method: np.mean(
            [one.high - one.low for one in (estimate(log, shares(log.context), method=method) for log in logs()[:100])]
        )
        for method in ("dr", "ips")
    }

    assert widths["dr"] < 0.8 * widths["ips"]
