"""Changes of a kept policy that no reward makes: its first state, arms that come, go and are renamed, a rebuilt one."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from stagelight.errors import PolicyError
from stagelight.routing.plan import Plan
from stagelight.routing.teaching import Teacher
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagelight.routing.arms import ArmChange
    from stagelight.routing.policies import Policy
    from stagelight.store.facade import Store
    from stagelight.store.loop import PolicyRow

    Change = Callable[[Policy], object]

TRIES = 20  #: Somebody else was quicker so often; each time the change is made to what they wrote.
REPLAYED = 1000  #: Rewards learned at once in a replay.

_log = logging.getLogger("stagelight")


class Rebuilt(NamedTuple):
    """A policy learned anew from everything that is kept, beside the one in use."""

    state: dict[str, Any]
    lessons: int  #: It was made of.
    equal: bool  #: Whether it is the state in use, number by number.


def establish(store: Store, router: str, owner: Tenancy, plan: Plan) -> PolicyRow | None:
    """Return the kept policy with the arms of `plan`; one of another kind is learned anew from the rewards that are kept."""
    for _ in range(TRIES):
        row = store.policies.get(router, tenant=owner.tenant, workspace=owner.workspace)
        if row is not None and plan.same_kind(row.state) and not plan.lacking(row.state):
            return row
        if row is None and not plan.arms:
            return None  # the first reward, or the first choice with eligible arms, says what there is
        if row is not None and not plan.same_kind(row.state):
            _log.warning(
                "stagelight routing: router %r changes from %s to %s and learns again what is kept",
                router,
                row.state.get("kind"),
                plan.policy,
            )
            wanted = _replayed(store, router, owner, _successor(plan, row.state))
        else:
            wanted = plan.completed(row.state if row else None)
        put = _put(store, router, owner, row, wanted)
        if put is not None:
            return put
    return store.policies.get(router, tenant=owner.tenant, workspace=owner.workspace)


def change(store: Store, router: str, owner: Tenancy, how: Change) -> PolicyRow | None:
    """Do `how` to the kept policy; None where none is kept.

    Raises:
        PolicyError: It cannot be done to this policy.
    """
    from stagelight.routing.policies import policy_of

    for _ in range(TRIES):
        row = store.policies.get(router, tenant=owner.tenant, workspace=owner.workspace)
        if row is None:
            return None
        policy = policy_of(row.state)
        how(policy)
        put = _put(store, router, owner, row, policy)
        if put is not None:
            return put
    return store.policies.get(router, tenant=owner.tenant, workspace=owner.workspace)


def change_arms(
    store: Store, router: str, mine: Tenancy, plan: Plan, what: ArmChange, *, tenant: str | None = None
) -> dict[Tenancy, PolicyRow]:
    """Do `what` to the policy of `mine`, and to those of all others that have the router; return them.

    Args:
        store: Where they are kept.
        router: Its name.
        mine: Whose policy is changed first.
        plan: What the first policy of `mine` is made of, should there be none.
        what: The change.
        tenant: All others of this tenant alone.

    Raises:
        PolicyError: It cannot be done to the policy of `mine`; nothing has changed.
    """
    if plan.declared:
        establish(store, router, mine, plan)
    found: dict[Tenancy, PolicyRow] = {}
    row = change(store, router, mine, what.on_policy)
    if row is None:
        what.on_policy(plan.fresh())  # nothing is kept yet; the plan alone says what there is
    else:
        found[mine] = row
    for owner in owners(store, router, tenant=tenant):
        if owner != mine:
            with suppress(PolicyError):  # it may have been done to this one already
                other = change(store, router, owner, what.on_policy)
                found |= {owner: other} if other else {}
    return found


def owners(store: Store, router: str, *, tenant: str | None = None) -> list[Tenancy]:
    """Return every tenant and workspace for which a policy of `router` is kept."""
    return [Tenancy(*owner) for name, *owner in store.policies.owners(tenant=tenant) if name == router]


def rebuilt(store: Store, router: str, owner: Tenancy) -> Rebuilt | None:
    """Learn the kept policy anew from the rewards it has learned; None where none is kept.

    Where older rewards have expired, the replay begins with the state that was kept when they did.
    """
    from stagelight.routing.policies import policy_of

    row = store.policies.get(router, tenant=owner.tenant, workspace=owner.workspace)
    if row is None:
        return None
    state = _replayed(store, router, owner, _beginning(store, router, owner, row.state)).state()
    return Rebuilt(state, state["lessons"], state == policy_of(row.state).state())


def _beginning(store: Store, router: str, owner: Tenancy, now: dict[str, Any]) -> Policy:
    """The policy before its first kept reward, with the names and arms of today."""
    from stagelight.routing.policies import make_policy, policy_of

    base = store.policies.base(router, tenant=owner.tenant, workspace=owner.workspace)
    if base is None:
        return _named_as(now, make_policy(now["kind"], now["arms"], **now["parameters"]))
    # Arms keep their places whatever becomes of their names, and new ones come behind them.
    known = len(base.state["arms"])
    policy = policy_of({**base.state, "arms": now["arms"][:known], "retired": [], "renamed": {}, "formerly": []})
    for arm in now["arms"][known:]:
        policy.add_arm(arm)
    return _named_as(now, policy)


def _named_as(now: dict[str, Any], policy: Policy) -> Policy:
    """`policy`, with what `now` says of its arms: which are retired, and what they were called."""
    from stagelight.routing.policies import policy_of

    said = {name: now[name] for name in ("retired", "renamed", "formerly") if name in now}
    return policy_of(policy.state() | said)


def _successor(plan: Plan, state: dict[str, Any]) -> Policy:
    """A fresh policy of another kind which knows the arms, the retired and the renamed of the one before it."""
    arms = Plan(plan.policy, tuple(state["arms"]), plan.parameters)
    return _named_as(state, arms.with_arms(plan.lacking(state)).fresh())


def _replayed(store: Store, router: str, owner: Tenancy, policy: Policy) -> Policy:
    from stagelight.routing.policies import policy_of

    teacher, state, batch = Teacher(), policy.state(), []
    for item in store.policies.replay(router, owner.tenant, owner.workspace):
        batch.append(item)
        if len(batch) == REPLAYED:
            state = teacher(state, batch)[0] or state
            batch = []
    return policy_of(teacher(state, batch)[0] or state)


def _put(store: Store, router: str, owner: Tenancy, row: PolicyRow | None, policy: Policy) -> PolicyRow | None:
    version = row.version if row else 0
    return store.policies.put(router, policy.state(), version=version, tenant=owner.tenant, workspace=owner.workspace)
