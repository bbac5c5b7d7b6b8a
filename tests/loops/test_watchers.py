"""The watchers of routers: what they say of what was learned, how experiments stand, and when they say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from routed import made
from stagelight import config, context, loops
from stagelight.loops import celery_app, holding, scheduler, watchers
from stagelight.routing import decisions
from stagelight.sink.rows import TrajectoryFeedback
from stagelight.testing import SteppingClock, time_of
from stagelight.truth.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.routing import ModelRouter
    from stagelight.store import Store
    from stagelight.testing import InMemory

MINE = {"router": "default", "tenant": "default", "workspace": "default"}
LARGE, SMALL = {"small": 0.1, "large": 0.9}, {"small": 0.9, "large": 0.1}
BOTH = (loops.watch_feedback_learning, loops.watch_experiments)


@pytest.fixture(autouse=True)
def clock() -> Iterator[SteppingClock]:
    """What everybody takes dates from."""
    stepping = SteppingClock(step_s=1e-6)
    with time_of(stepping):
        yield stepping


def judged(router: ModelRouter, worth: dict[str, float], each: int, **more: Any) -> None:
    """Have every arm of `worth` chosen so often, and each time earn that."""
    chosen = [router.choose(eligible=(arm,), **more) for arm in worth for _ in range(each)]
    router.trajectory_feedback_queue.extend(
        TrajectoryFeedback(trace_id="", decision_id=one.decision_id, reward=worth[one.arm]) for one in chosen
    )


def taught(router: ModelRouter, worth: dict[str, float], each: int, **more: Any) -> None:
    """The same, and learned."""
    judged(router, worth, each, **more)
    while router.process_trajectory_feedback(500).processed:
        pass


def states(telemetry: InMemory) -> dict[str, dict[str, float]]:
    """The states of each experiment as shown."""
    found: dict[str, dict[str, float]] = {}
    for point in telemetry.points("stagelight_experiment_state"):
        labels = dict(point.attributes)
        assert labels["kind"] == "router"
        found.setdefault(f"{labels['experiment']} of {labels['tenant']}", {})[labels["state"]] = point.value
    return found


def only(state: str) -> dict[str, float]:
    """Every state at 0 but this one, as OpenMetrics has it."""
    return {name: float(name == state) for name in ("collecting", "running", "decided", "changed")}


def experiment() -> dict[str, Any]:
    """The only one that there is."""
    (found,) = loops.watch_experiments()["experiments"]
    assert isinstance(found, dict)
    return found


def test_what_was_learned_of_late_is_told_of_each_router(
    store: Store, telemetry: InMemory, clock: SteppingClock
) -> None:
    """How many rewards of the last hour were learned and how good they were; what waits, or is older, is not in it."""
    router = made()
    taught(router, LARGE, 10)
    judged(router, LARGE, 5)
    with context(tenant="acme"):
        made("other", arms=("a", "b")).choose()
    done = loops.watch_feedback_learning()
    (mine, other) = done["routers"]
    assert (done["status"], mine["learned"], mine["mean_reward"]) == ("ok", 20, pytest.approx(0.5))
    assert mine["arms"]["large"] == {"learned": 10, "mean_reward": pytest.approx(0.9)}
    assert mine["version"] == router.policy_version
    assert (other["tenant"], other["learned"], other["mean_reward"]) == ("acme", 0, None)
    assert telemetry.value("rl_router_rewards_learned", **MINE) == 20
    assert telemetry.value("rl_router_rewards_learned", router="other", tenant="acme", workspace="default") == 0
    assert [point.value for point in telemetry.points("rl_router_mean_reward")] == [pytest.approx(0.5)]
    clock.advance(hours=2)
    assert [one["learned"] for one in loops.watch_feedback_learning()["routers"]] == [0, 0]
    assert telemetry.points("rl_router_mean_reward") == []
    assert telemetry.value("rl_router_rewards_learned", **MINE) == 0


def test_an_experiment_is_collected_decided_changed_and_gone(
    store: Store, telemetry: InMemory, clock: SteppingClock
) -> None:
    """Its state is 1 and all others are 0, from the first choice on until nobody asks the router any more."""
    router = made()
    taught(router, LARGE, 10)
    assert (experiment()["state"], experiment()["best"]) == ("collecting", "")
    assert states(telemetry) == {"default of default": only("collecting")}
    taught(router, LARGE, 30)
    found = experiment()
    assert (found["state"], found["best"], found["share"], found["rewards"]) == ("decided", "large", 0.5, 80)
    assert found["probability"] > 0.99
    assert states(telemetry) == {"default of default": only("decided")}
    clock.advance(hours=25)
    taught(router, SMALL, 40)
    assert (experiment()["state"], experiment()["best"]) == ("changed", "small")
    assert states(telemetry) == {"default of default": only("changed")}
    clock.advance(hours=25)
    router.choose()
    decisions.log.flush()
    assert experiment()["state"] == "collecting"
    clock.advance(hours=25)
    assert loops.watch_experiments() == {"status": "ok", "experiments": []}
    assert states(telemetry) == {}


def test_arms_alike_are_an_experiment_that_runs(store: Store, telemetry: InMemory) -> None:
    """Nothing is decided between arms that earn the same, however many rewards there are."""
    taught(made(), {"small": 0.5, "large": 0.5}, 60)
    found = experiment()
    assert (found["state"], found["probability"] < 0.9) == ("running", True)
    assert states(telemetry) == {"default of default": only("running")}


def test_a_policy_that_goes_by_the_request_decides_for_no_arm(store: Store) -> None:
    """Its arms earned what they did with different requests; their means say nothing of which is the best."""
    router = made("by_context", policy="linucb", dimension=1)
    taught(router, LARGE, 40, context=(0.5,))
    assert (experiment()["state"], experiment()["best"], experiment()["share"]) == ("running", "", None)


def test_arms_go_by_the_name_they_have_now(store: Store) -> None:
    """What an arm earned under the name it had before counts for it."""
    router = made()
    taught(router, LARGE, 20)
    router.rename_arm("large", "huge")
    taught(router, {"small": 0.1, "huge": 0.9}, 20)
    found = experiment()
    assert (found["state"], found["best"], found["share"], found["rewards"]) == ("decided", "huge", 0.5, 80)
    (learned,) = loops.watch_feedback_learning()["routers"]
    assert {arm: one["learned"] for arm, one in learned["arms"].items()} == {"small": 40, "huge": 40}


def test_with_one_arm_left_the_experiment_is_over(store: Store, telemetry: InMemory) -> None:
    """Whoever retires the others has decided, for every tenant; it is shown no longer, and other routers' are."""
    router, other = made(), made("other")
    taught(other, LARGE, 30)
    for tenant in ("default", "acme"):
        with context(tenant=tenant):
            taught(router, LARGE, 30)
    loops.watch_experiments()
    assert states(telemetry).keys() == {"default of default", "default of acme", "other of default"}
    router.retire_arm("small")
    assert experiment()["experiment"] == "other"
    assert states(telemetry) == {"other of default": only("decided")}


def test_what_nobody_looks_at_any_more_is_not_shown_for_ever(
    store: Store, telemetry: InMemory, clock: SteppingClock
) -> None:
    """Once three looks did not come, because another worker does them or none, the figures are gone."""
    taught(made(), LARGE, 30)
    for watch in BOTH:
        watch()
    clock.advance(minutes=14)
    assert len(states(telemetry)) == len(telemetry.points("rl_router_rewards_learned")) == 1
    clock.advance(minutes=2)
    assert states(telemetry) == {}
    assert telemetry.points("rl_router_rewards_learned") == telemetry.points("rl_router_mean_reward") == []


def test_of_two_workers_one_looks(store: Store) -> None:
    """While one worker is at it, the other skips and says so."""
    with holding.alone(store, watchers.LEARNING), holding.alone(store, watchers.EXPERIMENTS):
        for watch in BOTH:
            done = watch()
            assert (done["status"], "another worker runs" in done["reason"]) == ("skipped", True)
    for watch, name in zip(BOTH, (watchers.LEARNING, watchers.EXPERIMENTS), strict=True):
        assert watch()["status"] == "ok"
        assert store.leases.done_ns(name)


def test_a_store_that_is_away_means_skipped(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """No crash, and a reason."""
    monkeypatch.setenv("STAGELIGHT_STORE", "postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=1")
    for watch in BOTH:
        assert watch()["status"] == "skipped"
    assert caplog.text.count("the next run catches up") == len(BOTH)


def test_beat_and_the_embedded_scheduler_run_them() -> None:
    """Every five minutes on the queue `analytics`, or as often as the setting says; 0 looks never."""
    app = celery_app.make_app(config.load(redis_url="redis://127.0.0.1:1/0"))
    tasks = {name: f"stagelight.loops.{name.replace('-', '_')}" for name in (watchers.LEARNING, watchers.EXPERIMENTS)}
    for name, task in tasks.items():
        entry = app.conf.beat_schedule[name]
        assert (entry["task"], entry["schedule"], entry["options"]) == (task, 300, {"queue": "analytics"})
        assert app.tasks[task].run.__name__ == task.rpartition(".")[2]
        assert app.amqp.router.route({}, task)["queue"].name == "analytics"
    often = scheduler.plan(config.load(watch_interval=0.5), None)
    assert [often[name][0] for name in tasks] == [Schedule(every_s=30)] * 2
    never = config.load(watch_interval=0.0)
    assert not tasks.keys() & (scheduler.plan(never, None).keys() | celery_app.beat_schedule(never, None).keys())
