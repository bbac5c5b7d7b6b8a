"""What a reward changes: from a policy's state and a batch of queued rewards to its new state. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagelight.errors import PolicyError
from stagelight.routing.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagelight.routing.policies import Lesson, Policy
    from stagelight.store.loop import Item

PROBLEM = "problem"  #: In the body of an item that was malformed when it was queued: what is wrong with it.


class Teacher:
    """Teaches the policy of one router; the store calls it inside the transaction that settles the items."""

    def __init__(self, plan: Plan | None = None) -> None:
        """Teach as `plan` says where nothing is kept yet; without a plan the default policy, with the arms it hears of."""
        self._plan = plan

    def __call__(
        self, state: dict[str, Any] | None, items: Sequence[Item], /
    ) -> tuple[dict[str, Any] | None, dict[str, str]]:
        """Learn from `items` in their order; return the new state, and why some teach nothing, by their id.

        Raises:
            PolicyError: The state was written by a newer version: nothing is learned, nothing is lost.
        """
        policy = self._policy(state, items)
        lessons, dead = _lessons(items)
        known = policy.lessons
        try:
            policy.learn(lessons.values())  # all or none
        except PolicyError:
            dead |= _one_by_one(policy, lessons)
        changed = state is None or policy.lessons != known
        return (policy.state() if changed else None), dead

    def _policy(self, state: dict[str, Any] | None, items: Sequence[Item]) -> Policy:
        from stagelight.routing.policies import policy_of

        if state is not None:
            return policy_of(state)
        if self._plan is not None and self._plan.arms:
            return self._plan.fresh()
        heard = dict.fromkeys(arm for item in items if isinstance(arm := item.body.get("arm"), str) and arm)
        return (self._plan or Plan()).with_arms(heard).fresh()


def _lessons(items: Sequence[Item]) -> tuple[dict[str, Lesson], dict[str, str]]:
    """What can be tried to learn, and what says by itself that it cannot."""
    found: dict[str, Lesson] = {}
    dead: dict[str, str] = {}
    for item in items:
        lesson = _lesson(item.body)
        if isinstance(lesson, str):
            dead[item.feedback_id] = lesson
        elif lesson is not None:
            found[item.feedback_id] = lesson
    return found, dead


def _lesson(body: Mapping[str, Any]) -> Lesson | str | None:
    """The lesson, or why there is none; None where no reward came, which teaches nothing and is no failure."""
    from stagelight.routing.policies import Lesson

    if PROBLEM in body:
        return str(body[PROBLEM])
    arm, context = body.get("arm"), body.get("context") or ()
    if not isinstance(arm, str) or not arm:
        return f"arm: found {str(arm)[:40]!r}, expected the name of the arm that was chosen"
    if not isinstance(context, list | tuple):
        return "context: expected a list of numbers"
    reward = body.get("reward")
    return None if reward is None else Lesson(arm, reward, tuple(context))


def _one_by_one(policy: Policy, lessons: Mapping[str, Lesson]) -> dict[str, str]:
    """Learn what can be learned; return why the rest cannot."""
    dead: dict[str, str] = {}
    for feedback_id, lesson in lessons.items():
        try:
            policy.learn([lesson])
        except PolicyError as error:
            dead[feedback_id] = str(error)
    return dead
