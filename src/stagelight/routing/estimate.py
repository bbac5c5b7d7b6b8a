"""What another policy would have earned, from the decisions that this one logged.

Every estimate comes with a 95 % interval and the effective sample size: how many decisions of the other policy's own
the log is worth. Nothing is clipped: a clipped weight makes the interval narrow in the wrong place. What keeps
weights small is the floor under the logging policy's propensities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from stagelight.errors import LogError

if TYPE_CHECKING:
    from stagelight.routing.logged import Log
    from stagelight.routing.policies import Policy
    from stagelight.routing.policies.rule import FloatArray

Method = Literal["dr", "snips", "ips", "dm"]
FOLDS = 20
RIDGE = 1.0
PRIOR = 0.5  # the reward that is expected of an arm of which nothing is known
Z95 = 1.959963984540054  # the normal distribution's 97.5 % point


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean reward that a policy would have earned, and how sure that is."""

    method: Method
    value: float
    low: float  #: Of the 95 % interval.
    high: float
    decisions: int  #: In the log.
    effective: float  #: How many decisions of the policy's own the log is worth; below some 100, do not believe it.

    def __str__(self) -> str:
        return (
            f"{self.method} {self.value:.3f} ({self.low:.3f} to {self.high:.3f}); "
            f"{self.decisions:,} decisions, worth {self.effective:,.0f}"
        )


def estimate(log: Log, target: FloatArray, *, method: Method = "dr") -> Estimate:
    """Return what a policy with the shares `target` would have earned on average, per decision of the log.

    Args:
        log: What was decided, with which probability, and what it was worth.
        target: Probability of each arm for each decision; rows sum to 1. Shape (decisions, arms). See `always`,
            `evenly`, `as_policy`.
        method: `dr`, doubly robust, the default: a reward model per arm (ridge regression on the context,
            cross-fitted forward in time), corrected where it was wrong by the weighted rewards. `ips`, inverse propensities alone:
            unbiased, wide. `snips`, the same divided by the sum of weights: narrower, biased a little in small logs.
            `dm`, the reward model alone, only for comparison: its interval does not know how wrong the model is.

    Raises:
        LogError: The target has another shape, is no distribution, or gives a share to an arm that was not eligible.
    """
    _check(log, target, method)
    weights = target[np.arange(len(log)), log.chosen] / log.propensity
    scores, value = _scores(log, target, weights, method)
    half = Z95 * float(scores.std(ddof=1)) / len(log) ** 0.5 if len(log) > 1 else np.inf
    squares = float((weights**2).sum())
    effective = float(weights.sum()) ** 2 / squares if squares else 0.0
    return Estimate(method, value, value - half, value + half, len(log), effective)


def always(log: Log, arm: str) -> FloatArray:
    """Return the shares of the policy that always chooses `arm`.

    Raises:
        LogError: The log does not know the arm.
    """
    if arm not in log.arms:
        raise LogError(f"no decision had arm {arm!r} to choose from, only {list(log.arms)}")
    shares = np.zeros(log.eligible.shape)
    shares[:, log.arms.index(arm)] = 1.0
    return shares


def evenly(log: Log) -> FloatArray:
    """Return the shares of the policy that chooses at random among the eligible arms."""
    shares: FloatArray = log.eligible / log.eligible.sum(axis=1, keepdims=True)
    return shares


def as_policy(log: Log, policy: Policy, *, rng: np.random.Generator) -> FloatArray:
    """Return the shares that `policy`, as it is now and learning no more, would have given in each decision.

    Raises:
        UnknownArmError: The log has an arm that the policy does not have.
        ContextError: The log's contexts are not those the policy wants.
    """
    shares = np.zeros(log.eligible.shape)
    for line, eligible in enumerate(log.eligible):
        places = np.flatnonzero(eligible)
        names = [log.arms[place] for place in places]
        shares[line, places] = policy.shares(names, log.context[line].tolist(), rng=rng)
    return shares


def compare(log: Log, policy: Policy | None = None, *, method: Method = "dr", seed: int = 0) -> dict[str, Estimate]:
    """Return, by name, what the simplest policies would have earned, and `policy` as it is now.

    Each arm always (those that were eligible in every decision), all arms evenly, and `as it is now`.

    Raises:
        LogError: There is no such method.
        PolicyError: The policy does not have the log's arms, or wants other contexts.
    """
    targets = {f"always {arm}": always(log, arm) for arm in np.array(log.arms)[log.eligible.all(axis=0)].tolist()}
    targets["evenly"] = evenly(log)
    if policy is not None:
        targets["as it is now"] = as_policy(log, policy, rng=np.random.default_rng(seed))
    return {name: estimate(log, target, method=method) for name, target in targets.items()}


def _scores(log: Log, target: FloatArray, weights: FloatArray, method: Method) -> tuple[FloatArray, float]:
    """Return one number per decision, and the value; the spread of the numbers is that of the value."""
    if method == "snips":
        mean = float((weights * log.reward).sum() / weights.sum()) if weights.any() else 0.0
        # The ratio's first-order expansion: what each decision moves it by.
        moves = weights * (log.reward - mean) / max(float(weights.mean()), np.finfo(float).tiny)
        return moves, mean
    if method == "ips":
        scores = weights * log.reward
    elif method == "dm":
        scores = (target * reward_model(log, ahead=False)).sum(axis=1)
    else:
        expected = reward_model(log)
        surprise = log.reward - expected[np.arange(len(log)), log.chosen]
        scores = (target * expected).sum(axis=1) + weights * surprise
    return scores, float(scores.mean())


def reward_model(log: Log, *, ahead: bool = True) -> FloatArray:
    """Return the reward to expect of each arm in each decision, by a ridge regression per arm. Shape (decisions, arms).

    Args:
        log: The decisions, oldest first.
        ahead: Cross-fit forward in time: each twentieth of the log is expected from the twentieths before it. A model
            fitted to later decisions knows through them how this one turned out, since the policy learned from it;
            fitted to earlier ones alone it leaves the estimate unbiased even so. False fits one model to everything.
    """
    seen = np.column_stack([log.context, np.ones(len(log))])
    folds = FOLDS if ahead else 1
    fold = np.arange(len(log)) * folds // len(log)
    squares = np.zeros((folds, len(log.arms), seen.shape[1], seen.shape[1]))
    products = np.zeros(squares.shape[:3])
    for arm in range(len(log.arms)):
        lines = np.flatnonzero(log.chosen == arm)
        for part, its in enumerate(np.split(lines, np.searchsorted(fold[lines], np.arange(1, folds)))):
            squares[part, arm] = seen[its].T @ seen[its]
            products[part, arm] = seen[its].T @ (log.reward[its] - PRIOR)
    if ahead:  # what came before, without the part itself
        squares, products = squares.cumsum(axis=0) - squares, products.cumsum(axis=0) - products
    weights = np.linalg.solve(squares + RIDGE * np.eye(seen.shape[1]), products[..., None])[..., 0]
    expected: FloatArray = PRIOR + np.einsum("ld,lad->la", seen, weights[fold])
    return expected


def _check(log: Log, target: FloatArray, method: str) -> None:
    if method not in get_args(Method):
        raise LogError(f"method {method!r}: expected one of {', '.join(get_args(Method))}")
    if target.shape != log.eligible.shape:
        raise LogError(
            f"shares of shape {target.shape}: expected {log.eligible.shape}, a row per decision, a column per arm"
        )
    if not (np.isfinite(target).all() and (target >= 0).all() and np.allclose(target.sum(axis=1), 1.0)):
        raise LogError("shares of which a row is no distribution: expected numbers from 0 to 1 that sum to 1")
    if (target[~log.eligible] > 0).any():
        raise LogError("shares for an arm that was not eligible: nothing in the log says what it would have been worth")
