"""Arms that come, go and are renamed: what that does to a plan and to a policy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from stagelight.routing.plan import Plan
    from stagelight.routing.policies import Policy

Kind = Literal["add", "retire", "rename"]


@dataclass(frozen=True, slots=True)
class ArmChange:
    """One change of a router's arms."""

    kind: Kind
    arm: str
    new: str = ""  #: The new name, for a renaming.

    def on_policy(self, policy: Policy) -> None:
        """Do it to a policy.

        Raises:
            PolicyError: It cannot be done.
        """
        if self.kind == "add":
            policy.add_arm(self.arm)
        elif self.kind == "retire":
            policy.retire_arm(self.arm)
        else:
            policy.rename_arm(self.arm, self.new)

    def on_plan(self, plan: Plan) -> Plan:
        """Return the plan of tenants that are yet to come."""
        renamed = {old: now for old, now in plan.renamed.items() if old not in (self.arm, self.new)}
        if self.kind == "add":
            return replace(plan, renamed=renamed).with_arms([self.arm])
        if self.kind == "rename":
            renamed = {old: self.new if now == self.arm else now for old, now in renamed.items()} | {self.arm: self.new}
        rest = {"retire": (), "rename": (self.new,)}[self.kind]
        names = (name for arm in plan.arms for name in (rest if arm == self.arm else (arm,)))
        return replace(plan, arms=tuple(dict.fromkeys(names)), renamed=renamed)
