"""What a program wants its router to be: the policy's kind, its parameters, and the arms there are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stagelight.errors import PolicyError, RowError
from stagelight.sink.codec import checked
from stagelight.sink.rows import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stagelight.routing.policies import Policy

DEFAULT_POLICY = "discounted_thompson"


@dataclass(frozen=True, slots=True)
class Plan:
    """A router as its program declares it; what the store says of arms beyond that is kept."""

    policy: str = DEFAULT_POLICY
    arms: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)  #: Of the policy, as `memory=500`.
    open: bool = False  #: Declared without arms: whatever is eligible becomes one.
    renamed: Mapping[str, str] = field(default_factory=dict)  #: A name that an arm had, to the name it has.
    declared: bool = True  #: By this program; else it is read off what another one keeps, and changes nothing of it.

    def fresh(self) -> Policy:
        """Return the policy that knows nothing yet.

        Raises:
            PolicyError: There is no such policy or parameter, or an arm is named twice.
        """
        from stagelight.routing.policies import make_policy, policy_of  # loads numpy

        policy = make_policy(self.policy, self.arms, **self.parameters)
        return policy_of(policy.state() | {"renamed": dict(self.renamed)}) if self.renamed else policy

    def with_arms(self, names: Iterable[str]) -> Plan:
        """Return the plan with these arms too, where they are not there under another name."""
        new = (name for name in names if name not in self.renamed)
        return replace(self, arms=tuple(dict.fromkeys((*self.arms, *new))))

    def same_kind(self, state: Mapping[str, Any]) -> bool:
        """Whether a kept state is one of this plan's policy, with the same parameters."""
        mine = self.fresh().state()
        return bool(mine["kind"] == state.get("kind") and mine["parameters"] == state.get("parameters"))

    def lacking(self, state: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the arms that a kept state has never heard of; a renamed one is known."""
        known = {*state.get("arms", ()), *state.get("renamed", {})}
        return tuple(name for name in self.arms if name not in known)

    def completed(self, state: Mapping[str, Any] | None) -> Policy:
        """Return the kept policy with the arms that it lacks, or a fresh one where there is none of this kind."""
        from stagelight.routing.policies import policy_of

        if state is None or not self.same_kind(state):
            return self.fresh()
        policy = policy_of(state)
        for name in self.lacking(state):
            policy.add_arm(name)
        return policy


def refuse_names(router: str, arms: Sequence[str]) -> None:
    """Refuse names under which no decision could be logged.

    Raises:
        PolicyError: One is empty, too long or no Unicode, or there are too many arms.
    """
    try:
        checked(
            Decision(decision_id="-", router=router, arm=arms[0] if arms else "-", eligible=tuple(arms), observed_at=0)
        )
    except RowError as error:
        raise PolicyError(str(error)) from error


def plan_of(state: Mapping[str, Any]) -> Plan:
    """Return the plan that a kept state fulfils: it describes itself, so that no code of its program is needed."""
    return Plan(
        str(state.get("kind")),
        tuple(state.get("arms", ())),
        dict(state.get("parameters") or {}),
        renamed=dict(state.get("renamed") or {}),
        declared=False,
    )
