"""The kinds of policy by name: made fresh, or out of a state."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from stagelight.errors import PolicyError, did_you_mean
from stagelight.routing.policies.beta import DiscountedThompson, Thompson
from stagelight.routing.policies.counts import UCB1, EpsilonGreedy
from stagelight.routing.policies.linear import DiscountedLinUCB, LinUCB
from stagelight.routing.policies.memory import memory_of
from stagelight.routing.policies.policy import FLOOR, Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagelight.routing.policies.rule import Rule

RULES: dict[str, type[Rule]] = {
    rule.kind: rule for rule in (Thompson, DiscountedThompson, UCB1, LinUCB, DiscountedLinUCB, EpsilonGreedy)
}
KINDS: tuple[str, ...] = tuple(RULES)
DEFAULT = "discounted_thompson"


def make_policy(kind: str = DEFAULT, arms: Iterable[str] = (), *, floor: float = FLOOR, **parameters: Any) -> Policy:
    """Return a fresh policy that knows nothing yet.

    Args:
        kind: One of `KINDS`.
        arms: Names of the arms; more can be added later.
        floor: Over the number of eligible arms, the least share of each, so that every arm goes on being tried and every
            logged propensity is far from 0.
        parameters: Those of the kind, as `memory=500`.

    Raises:
        PolicyError: No such kind, no such parameter, or a value that it cannot have.

    >>> make_policy("thompson", ["small", "large"]).arms
    ('small', 'large')
    """
    return Policy(rule_of(kind, parameters), arms, floor=floor)


def policy_of(state: Mapping[str, Any]) -> Policy:
    """Return the policy that wrote this state, bit for bit.

    Raises:
        PolicyError: It was written by a newer version, or cannot be read; the message says why.
    """
    parameters = dict(state.get("parameters") or {})
    floor = parameters.pop("floor", FLOOR)
    rule = rule_of(str(state.get("kind")), parameters)
    return Policy.restored(rule, memory_of(state, rule), floor=floor)


def rule_of(kind: str, parameters: Mapping[str, Any]) -> Rule:
    """Return the arithmetic of a kind without arms, names and floor: what `make_policy` puts into a policy.

    Raises:
        PolicyError: As `make_policy`.
    """
    rule = RULES.get(kind)
    if rule is None:
        raise PolicyError(f"policy {kind!r}: expected one of {', '.join(KINDS)}.{did_you_mean(kind, KINDS)}")
    known = [field.name for field in dataclasses.fields(rule)]
    for name in parameters:
        if name not in known:
            expected = ", ".join([*known, "floor"])
            raise PolicyError(f"{kind} has no parameter {name!r}: expected {expected}.{did_you_mean(name, known)}")
    if "dimension" in known and "dimension" not in parameters:
        raise PolicyError(f"{kind} needs dimension=…: how many numbers a context has")
    return rule(**parameters)
