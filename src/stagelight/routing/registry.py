"""The routers of this process, by name; asked for from any thread, made once."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, overload

from stagelight import _guard
from stagelight.errors import ConfigurationError
from stagelight.routing import homes
from stagelight.routing.measures import measures
from stagelight.routing.plan import DEFAULT_POLICY, Plan, plan_of, refuse_names
from stagelight.routing.router import ModelRouter
from stagelight.routing.watching import watch
from stagelight.stages import here
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagelight.routing.homes import Home
    from stagelight.sink.rows import Receipt, TrajectoryFeedback

DEFAULT = "default"

_routers: dict[str, ModelRouter] = {}
_attached: dict[str, ModelRouter] = {}  #: Of other processes, drained here.
_lock = threading.RLock()


@overload
def get_rl_model_router(
    create_if_missing: Literal[True],
    name: str = ...,
    arms: Sequence[str] = ...,
    policy: str = ...,
    *,
    seed: int | None = ...,
    **parameters: Any,
) -> ModelRouter: ...
@overload
def get_rl_model_router(
    create_if_missing: bool = ...,  # noqa: FBT001  the contract's own form
    name: str = ...,
    arms: Sequence[str] = ...,
    policy: str = ...,
    *,
    seed: int | None = ...,
    **parameters: Any,
) -> ModelRouter | None: ...
def get_rl_model_router(
    create_if_missing: bool = False,  # noqa: FBT001, FBT002  the contract's own form
    name: str = DEFAULT,
    arms: Sequence[str] = (),
    policy: str = DEFAULT_POLICY,
    *,
    seed: int | None = None,
    **parameters: Any,
) -> ModelRouter | None:
    """Return the router `name`, which chooses among models and learns which one to choose.

    Asking again gives the same router; one that another process made is found by its kept policy, which describes itself.

    Args:
        create_if_missing: Make it where there is none.
        name: Its name; several routers of a program decide several things.
        arms: The models to choose among; those that an existing router lacks are added to it.
        policy: How it learns, one of `stagelight.routing.policies.KINDS`.
        seed: Makes the draws of a router that is made now repeatable.
        parameters: Of the policy, as `memory=500` or `dimension=4`.

    Returns:
        The router; None where there is none and none shall be made.

    Raises:
        PolicyError: There is no such policy or parameter, an arm is named twice, or a name cannot be logged.
        ConfigurationError: The router is there already, with another policy or other parameters.
        StoreError: The router has to be made, and no temporary file can be.
    """
    plan = Plan(policy, tuple(arms), parameters, open=not arms)
    if create_if_missing:
        plan.fresh()  # a mistake in the declaration is told here, not when it is first used
        refuse_names(name, plan.arms)
    with _lock:
        found = _routers.get(name)
        if found is None or (create_if_missing and not found.plan.declared):
            found = _made(name, plan, seed) if create_if_missing else _guard.attempt("routing", _kept, name)
        elif create_if_missing:
            _agree(found, plan)
        if found is not None:
            _routers[name] = found
        return found


def routers() -> list[ModelRouter]:
    """Return the routers of this process, in the order they were made."""
    return list(_routers.values())


def emit(name: str, item: TrajectoryFeedback) -> Receipt:
    """Queue a reward for the router `name`, whether or not this process has it; never raises."""
    router = _routers.get(name) or ModelRouter(name, Plan())
    return router.trajectory_feedback_queue.append(item)


def known() -> list[ModelRouter]:
    """Return the routers of this process, and those of other processes whose policies are kept in the store at hand."""
    found = {router.name: router for router in _others(homes.home(make=False))} | _routers
    return list(found.values())


def forget() -> None:
    """Forget every router, what was measured of them, and the temporary file they may have lived in; for tests."""
    measures.forget()
    with _lock:
        _routers.clear()
        _attached.clear()
        homes.forget()


def _made(name: str, plan: Plan, seed: int | None) -> ModelRouter:
    router = ModelRouter(name, plan, seed=seed)
    router.home()  # what prevents that is told here
    router.reload()
    watch()
    return router


def _kept(name: str) -> ModelRouter | None:
    """The router that another process made, if its policy is kept where this process looks."""
    home, at = homes.home(make=False), here()
    row = home.policy(name, Tenancy(at.tenant, at.workspace)) if home else None
    if row is not None:
        return ModelRouter(name, plan_of(row.state))
    return next((router for router in _others(home) if router.name == name), None)


def _others(home: Home | None) -> Iterator[ModelRouter]:
    """The routers whose policies are kept in the store at hand, whoever made them and for whichever tenant."""
    if home is None or home.store is None:
        return
    for name, tenant, workspace in home.store.policies.owners():
        with _lock:
            kept = None if name in _attached else home.policy(name, Tenancy(tenant, workspace))
            if kept is not None:
                # Its arms are for its tenants' policies to say, each for itself.
                _attached[name] = ModelRouter(name, replace(plan_of(kept.state), arms=()))
        if name in _attached:
            yield _attached[name]


def _agree(router: ModelRouter, plan: Plan) -> None:
    """Add the arms of `plan` to `router`, or say what does not go together."""
    asked = (plan.policy, dict(plan.parameters))
    if asked not in ((DEFAULT_POLICY, {}), (router.plan.policy, dict(router.plan.parameters))):
        raise ConfigurationError(
            f"router {router.name!r} is there already, as {router.plan.policy} with {dict(router.plan.parameters)}; "
            f"it was asked for as {plan.policy} with {dict(plan.parameters)}. Give the other one another name."
        )
    if not set(plan.arms) <= set(router.plan.arms):
        router.declare(plan.arms)
