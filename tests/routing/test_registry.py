"""Routers by name: made once, found again, and what does not go together refused at the caller's line."""

from __future__ import annotations

import logging
import subprocess
import sys
import time

import pytest

from routed import ARMS, made, rewarded
from stagelight import _guard, context
from stagelight.errors import ConfigurationError, PolicyError
from stagelight.routing import get_rl_model_router, known, registry, routers
from stagelight.sink.rows import TrajectoryFeedback
from stagelight.store import current as stores


@pytest.mark.parametrize(
    "given",
    [{"policy": "ucb7"}, {"memori": 5}, {"arms": ["a", "a"]}, {"arms": [""]}, {"policy": "linucb"}],
)
def test_a_mistake_in_the_declaration_is_told_at_once(store, given):
    """A policy, a parameter or arms that cannot be raise where the router is asked for, and nothing is made."""
    with pytest.raises(PolicyError):
        get_rl_model_router(create_if_missing=True, **{"arms": ARMS, **given})

    assert routers() == []


def test_asking_again_adds_the_arms_that_are_missing(store):
    """A program that declares the same router with another arm has it, and the one that was retired stays so."""
    router = made()
    router.retire_arm("small")

    again = get_rl_model_router(create_if_missing=True, arms=["small", "large", "huge"])

    assert again is router
    assert router.arms == ("large", "huge")


def test_another_policy_under_the_same_name_is_refused(store):
    """Two parts of one program that declare one router in two ways are told so."""
    router = made(memory=500)

    assert get_rl_model_router(create_if_missing=True, memory=500) is router
    with pytest.raises(ConfigurationError, match="is there already, as discounted_thompson"):
        made(policy="ucb1")


def test_a_router_is_found_by_its_kept_policy(store):
    """A process that did not declare it gets the router as it is kept, arms and all, and changes nothing of it."""
    made(policy="ucb1", arms=["a", "b", "c"])
    registry.forget()
    kept = store.policies.get("default", tenant="default", workspace="default")

    router = get_rl_model_router()

    assert router is not None
    assert router.arms == ("a", "b", "c")
    assert router.choose().policy == "ucb1"
    assert store.policies.get("default", tenant="default", workspace="default") == kept


def test_a_program_declares_what_was_found_before(store):
    """A router that was only found gives way to the program's own declaration."""
    made()
    registry.forget()
    assert get_rl_model_router() is not None

    router = made(policy="ucb1", arms=["small", "large", "huge"])

    assert router.arms == ("small", "large", "huge")
    assert router.choose().policy == "ucb1"


def test_draining_for_others_changes_no_policys_kind(store):
    """Two tenants may run one router by two policies; a loop without their programs' code keeps each as it is."""
    rewarded(made(), 3)
    registry.forget()
    with context(tenant="acme"):
        rewarded(made(policy="ucb1", arms=["small", "large", "huge"]), 3)
    registry.forget()

    router = get_rl_model_router()
    assert router is not None
    assert router.process_trajectory_feedback().processed == 6
    router.retire_arm("small")

    kept = [store.policies.get("default", tenant=t, workspace="default").state for t in ("default", "acme")]
    assert [(state["kind"], state["lessons"], state["retired"]) for state in kept] == [
        ("discounted_thompson", 3, ["small"]),
        ("ucb1", 3, ["small"]),
    ]


def test_known_routers_are_those_of_the_process_and_of_the_store(store):
    """The loop finds routers by name, each once, whoever made them."""
    made(name="one")
    made(name="two")
    registry.forget()
    made(name="two")

    assert sorted(router.name for router in known()) == ["one", "two"]


def test_what_another_process_learned_is_used_about_a_second_later(store, clock):
    """A router reads its policy again when it is a second old, so that what others learned and added is known to it."""
    from stagelight import _clock
    from stagelight.routing import plan, router

    with _clock.replaced(clock=clock):
        mine = made()
        other = router.ModelRouter("default", plan.Plan(arms=ARMS))
        for _ in range(3):
            rewarded(other, 25)
            other.process_trajectory_feedback()
        other.add_arm("huge")
        assert mine.arms == ARMS
        before = mine.policy_version

        clock.advance(seconds=1.1)
        end = time.monotonic() + 10
        while mine.policy_version == before and time.monotonic() < end:
            time.sleep(0.005)  # a thread reads it; a choice would not wait

        assert mine.policy_version > before
        assert set(mine.arms) == {*ARMS, "huge"}


def test_without_a_store_routers_live_in_a_temporary_file(tmp_path, caplog):
    """Nothing is configured: one line says that everything will be forgotten, and all of it works until then."""
    _guard.forget()
    assert stores.current() is None
    caplog.set_level(logging.WARNING, logger="stagelight")
    try:
        router = made()
        chosen = router.choose()
        receipt = router.trajectory_feedback_queue.append(
            TrajectoryFeedback(trace_id="", decision_id=chosen.decision_id, reward=1.0)
        )
        assert receipt.status == "stored"
        assert router.process_trajectory_feedback().processed == 1
        path = router.home().store.path
        assert path.exists()
        made(name="another").choose()
    finally:
        registry.forget()

    assert [record.message.startswith("stagelight routing: no store is configured") for record in caplog.records] == [
        True
    ]
    assert not path.exists()
    assert _guard.errors() == {}


def test_asking_for_a_router_makes_no_file():
    """Without `create_if_missing`, and without a store, the answer is None and nothing is made."""
    assert stores.current() is None
    assert get_rl_model_router() is None
    assert routers() == known() == []


def test_importing_routing_loads_neither_numpy_nor_a_database():
    """A program that only asks whether there is a router pays for no array and no SQL."""
    code = (
        "import sys, stagelight.routing as r; assert r.get_rl_model_router() is None; "
        "print([name for name in ('numpy', 'sqlalchemy') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[]"
