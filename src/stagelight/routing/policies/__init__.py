"""Which arm to choose, and what a reward changes: bandit policies as pure arithmetic, seeded and reproducible."""

from __future__ import annotations

from stagelight.routing.policies.kinds import KINDS, make_policy, policy_of
from stagelight.routing.policies.policy import Choice, Lesson, Policy

__all__ = ["KINDS", "Choice", "Lesson", "Policy", "make_policy", "policy_of"]
