"""Routers of a program that has no store but the address of a server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import stagelight
from routed import ARMS
from serving import Served, served
from stagelight import _guard, setup
from stagelight.errors import PolicyError
from stagelight.routing import decisions, get_rl_model_router, registry
from stagelight.sink.rows import TrajectoryFeedback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUIET = {"traces_exporter": "none", "metrics_exporter": "none"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """A server that learns, and this process configured to use it."""
    _guard.forget()
    with served(tmp_path, enable_trajectory_feedback_loop=True) as found:
        stagelight.configure(url=found.url, spool=str(tmp_path / "spool"), **QUIET)
        try:
            yield found
        finally:
            registry.forget()
            setup.shutdown()
    assert _guard.errors() == {}


def until(condition, seconds: float = 60.0) -> bool:
    """Wait for `condition`."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(condition())


def test_the_policy_is_read_from_the_server_which_learns(server):
    """A router declared here is kept there; decisions and rewards go there, its loop learns, and choices here follow."""
    router = get_rl_model_router(create_if_missing=True, arms=ARMS)
    assert server.store.policies.get("default", tenant="default", workspace="default").state["arms"] == list(ARMS)

    for _ in range(30):
        chosen = router.choose()
        reward = 1.0 if chosen.arm == "large" else 0.0
        item = TrajectoryFeedback(trace_id="", decision_id=chosen.decision_id, reward=reward)
        assert router.trajectory_feedback_queue.append(item).status == "stored"
    assert until(lambda: router.reload() and router.shares()["large"] > 0.8)

    assert server.store.rows.count("decisions") == 30
    assert until(lambda: len(router.trajectory_feedback_queue) == 0)


def test_processing_here_says_that_the_server_does_it(server):
    """The queue is not here: nothing is done, and the summary says where it is."""
    router = get_rl_model_router(create_if_missing=True, arms=ARMS)

    done = router.process_trajectory_feedback()

    assert (done.processed, done.failed) == (0, 0)
    assert server.url in done.reason
    assert router.rebuild() is None
    assert router.trajectory_feedback_queue.clear() == 0


def test_arms_are_changed_on_the_server(server):
    """Adding, retiring and renaming reach the kept policy; what makes no sense is refused here with its sentence."""
    router = get_rl_model_router(create_if_missing=True, arms=ARMS)

    router.add_arm("huge")
    router.retire_arm("small")
    router.rename_arm("large", "big")

    kept = server.store.policies.get("default", tenant="default", workspace="default").state
    assert (kept["arms"], kept["retired"]) == (["small", "big", "huge"], ["small"])
    assert set(router.arms) == {"big", "huge"}
    with pytest.raises(PolicyError, match="there already"):
        router.add_arm("huge")


def test_a_server_that_is_away_costs_a_choice_no_time(tmp_path):
    """Nobody answers: the declared arms are chosen among at once, and the decisions wait on disk."""
    stagelight.configure(url="http://127.0.0.1:9", spool=str(tmp_path / "spool"), **QUIET)
    try:
        router = get_rl_model_router(create_if_missing=True, arms=ARMS)
        router.choose()
        began = time.perf_counter()
        chosen = [router.choose() for _ in range(50)]
        took = time.perf_counter() - began
        assert decisions.log.flush()
    finally:
        registry.forget()
        setup.shutdown()
        _guard.forget()

    assert {one.arm for one in chosen} <= set(ARMS)
    assert {one.policy for one in chosen} == {"discounted_thompson"}
    assert took < 2
    assert list((tmp_path / "spool").rglob("*"))
