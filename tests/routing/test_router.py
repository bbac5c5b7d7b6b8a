"""The model router: what it chooses, what it logs of that, and what it learns from."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from routed import ARMS, made, rewarded
from stagelight import _guard, context, trace_stage
from stagelight.errors import PolicyError, UnknownArmError
from stagelight.routing import decisions, get_rl_model_router, registry
from stagelight.routing.policies import policy_of
from stagelight.sink.rows import Decision, TrajectoryFeedback
from stagelight.store.loop import Item
from stagelight.testing.clock import SteppingClock, time_of

if TYPE_CHECKING:
    from stagelight.store.facade import Store
    from stagelight.testing import InMemory


def logged(store: Store) -> list[Decision]:
    """The decisions in the store, in the order they were made."""
    decisions.log.flush()
    rows = [row for row in store.rows.export("decisions") if isinstance(row, Decision)]
    return sorted(rows, key=lambda row: row.observed_at)


def test_a_decision_is_logged_with_all_that_learning_from_it_needs(store):
    """Arm, propensity, policy, its version, the eligible arms and the context are in the log as they were decided."""
    router = made(policy="linucb", dimension=2)

    chosen = router.choose([0.5, 1.0], prediction_id="p1")

    assert logged(store) == [chosen]
    assert (chosen.router, chosen.policy, chosen.policy_version) == ("default", "linucb", 1)
    assert (chosen.eligible, chosen.context, chosen.prediction_id) == (ARMS, (0.5, 1.0), "p1")
    assert 0.025 <= chosen.propensity <= 1


def test_the_decision_is_on_the_running_span(store: Store, telemetry: InMemory):
    """The span says which arm was chosen, by OpenTelemetry's feature-flag attributes, and which row logs it."""
    router = made()

    with trace_stage("answer"):
        chosen = router.choose()

    said = telemetry.span("answer").attributes
    assert (said["feature_flag.key"], said["feature_flag.result.variant"]) == ("default", chosen.arm)
    assert (said["stagelight.decision_id"], said["stagelight.propensity"]) == (chosen.decision_id, chosen.propensity)
    assert chosen.trace_id == telemetry.span("answer").trace_id


def test_every_decision_of_a_span_is_on_it(store: Store, telemetry: InMemory):
    """A second choice in the same stage leaves the first one readable; OpenTelemetry's attributes are of the last."""
    one, two = made(name="one"), made(name="two words")

    with trace_stage("answer"):
        chosen = [one.choose(), two.choose(), one.choose()]

    said = telemetry.span("answer").attributes
    assert list(said["stagelight.decisions"]) == [f"{each.decision_id} {each.router}" for each in chosen]
    assert (said["feature_flag.key"], said["stagelight.decision_id"]) == ("one", chosen[-1].decision_id)


def test_a_span_lists_a_bounded_number_of_decisions(store: Store, telemetry: InMemory):
    """A stage that chooses for a whole batch has the latest hundred on its span; all are in the log."""
    router = made()

    with trace_stage("batch"):
        chosen = [router.choose() for _ in range(103)]

    said = telemetry.span("batch").attributes["stagelight.decisions"]
    assert [text.partition(" ")[0] for text in said] == [each.decision_id for each in chosen[3:]]
    assert len(logged(store)) == 103


def test_a_seed_makes_the_choices_repeatable(store):
    """The same seed and the same policy choose the same arms, however often the policy is read meanwhile."""

    def chosen(name: str) -> list[str]:
        router = made(name=name, seed=3)
        arms = []
        for number in range(30):
            arms.append(router.choose().arm)
            if number % 7 == 0 and name == "one":
                router.add_arm(f"extra{number}")
                router.retire_arm(f"extra{number}")
        return arms

    assert chosen("one") == chosen("two")


def test_rewards_move_the_choices(store):
    """After rewards that favour one arm the router chooses that arm, and all but the floor of exploration goes there."""
    router = made()

    for _ in range(8):
        rewarded(router, 25)
        router.process_trajectory_feedback()

    assert router.shares()["large"] > 0.9
    assert router.shares()["small"] >= 0.025


def test_a_missing_reward_is_never_a_zero(store):
    """A trajectory without a reward teaches nothing: it is not queued, and the policy stays as it was."""
    router = made()
    chosen = router.choose()
    before = router.policy_version

    receipt = router.trajectory_feedback_queue.append(
        TrajectoryFeedback(trace_id="", decision_id=chosen.decision_id, reward=None)  # type: ignore[arg-type]
    )

    assert (receipt.status, len(router.trajectory_feedback_queue)) == ("refused", 0)
    assert "not 0" in receipt.reason
    assert router.process_trajectory_feedback().processed == 0
    assert router.policy_version == before


def test_a_queued_item_without_reward_teaches_nothing_and_is_no_failure(store):
    """Should one be in the queue all the same, it is settled and the numbers of the policy do not move."""
    router = made()
    before = store.policies.get("default", tenant="default", workspace="default")
    store.deliveries.put([Item("default", "default", "router:default", "f1", {"arm": "small", "reward": None})])

    done = router.process_trajectory_feedback()

    assert (done.processed, done.failed) == (1, 0)
    assert store.policies.get("default", tenant="default", workspace="default") == before


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("nonsense", "found a str, expected a TrajectoryFeedback"),
        (TrajectoryFeedback(trace_id="", decision_id="d", reward=float("nan")), "not finite"),
        (TrajectoryFeedback(trace_id="", decision_id="d", reward=1.5), "expected 0 to 1"),
        (TrajectoryFeedback(trace_id="no trace", reward=0.5), "32 hex digits"),
        (TrajectoryFeedback(trace_id="", reward=0.5), "whose answer"),
        (TrajectoryFeedback(trace_id="", decision_id="d", reward=0.5, score_parts={"a": "b"}), "score_parts"),  # type: ignore[dict-item]  # that is the point
    ],
)
def test_a_malformed_item_fails_alone(store, item, reason):
    """It is counted as failed and kept with its reason; its neighbours are learned from."""
    router = made()
    rewarded(router, 2)
    router.trajectory_feedback_queue.append(item)
    rewarded(router, 2)

    done = router.process_trajectory_feedback()

    assert (done.processed, done.failed, done.queue_depth) == (4, 1, 0)
    dead = store.deliveries.peek("router:default", 10, "dead")
    assert [reason in one.reason for one in dead] == [True]


def test_a_malformed_item_does_not_take_its_neighbours_along(store):
    """Of several rewards queued in one go those that can be learned are queued, whatever stands between them."""

    class Nameless:
        def __repr__(self) -> str:
            raise RuntimeError("no name")

    router = made()
    good = TrajectoryFeedback(trace_id="", decision_id=router.choose().decision_id, reward=1.0)

    router.trajectory_feedback_queue.extend([good, Nameless()])  # type: ignore[list-item]  # that is the point

    done = router.process_trajectory_feedback()
    assert (done.processed, done.failed) == (1, 1)
    _guard.forget()


def test_a_reward_for_an_unknown_arm_is_kept_with_its_reason(store):
    """A queued reward whose arm this router never had becomes a dead letter that says what to do, and can be requeued."""
    router = made()
    store.deliveries.put([Item("default", "default", "router:default", "f1", {"arm": "huge", "reward": 0.5})])
    rewarded(router, 1)

    done = router.process_trajectory_feedback()

    assert (done.processed, done.failed) == (1, 1)
    [dead] = store.deliveries.peek("router:default", 10, "dead")
    assert dead.reason.startswith("no arm 'huge'; this router has")
    router.add_arm("huge")
    assert store.deliveries.requeue("router:default") == 1
    assert router.process_trajectory_feedback().processed == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"arm": 3, "reward": 0.1}, {"arm": "small", "reward": "x"}, {"arm": "small", "reward": 0.5, "context": 4}],
)
def test_a_body_that_makes_no_sense_is_a_dead_letter(store, body):
    """Whatever lies in a queued item, the batch goes on."""
    router = made()
    store.deliveries.put([Item("default", "default", "router:default", "f1", body)])
    rewarded(router, 1)

    assert router.process_trajectory_feedback().failed == 1
    assert router.process_trajectory_feedback().reason == ""


def test_a_delayed_reward_reaches_the_arm_that_was_chosen(store):
    """A reward that comes after the policy has changed many times counts for the arm of its own decision."""
    router = made()
    late = next(chosen for chosen in iter(router.choose, None) if chosen.arm == "small")
    for _ in range(3):
        rewarded(router, 20)
        router.process_trajectory_feedback()
    before = router.shares()["small"]

    router.trajectory_feedback_queue.extend(
        TrajectoryFeedback(trace_id="", decision_id=late.decision_id, reward=1.0, feedback_id=f"late{number}")
        for number in range(150)
    )
    assert router.process_trajectory_feedback(200).processed == 150

    assert router.shares()["small"] > before + 0.2


def test_one_feedback_teaches_once(store):
    """The same feedback id queued again, before or after it was learned, changes nothing."""
    router = made()
    chosen = router.choose()
    item = TrajectoryFeedback(trace_id="", decision_id=chosen.decision_id, reward=0.5, feedback_id="once")

    router.trajectory_feedback_queue.extend([item, item])
    assert len(router.trajectory_feedback_queue) == 1
    assert router.process_trajectory_feedback().processed == 1
    router.trajectory_feedback_queue.append(item)

    assert len(router.trajectory_feedback_queue) == 0


def test_eligible_arms_alone_are_chosen(store):
    """A request that only some arms can answer gets one of those, and the log says which there were."""
    router = made(arms=["a", "b", "c"])

    chosen = [router.choose(eligible=["b", "c"]) for _ in range(20)]

    assert {one.arm for one in chosen} == {"b", "c"}
    assert {one.eligible for one in chosen} == {("b", "c")}


def test_an_eligible_name_that_is_no_arm_is_left_out(store):
    """Names that this router never had, or that are retired, are not chosen; the decision is the policy's all the same."""
    router = made(arms=["a", "b", "c"])
    router.retire_arm("c")

    chosen = router.choose(eligible=["b", "c", "typo"])

    assert (chosen.arm, chosen.eligible, chosen.policy) == ("b", ("b",), "discounted_thompson")


def test_a_choice_never_leaves_the_eligible_arms(store):
    """Where the policy knows none of them, one of them is chosen evenly and never another; where there are none, none is."""
    router = made(arms=["a", "b", "c"])
    router.retire_arm("c")

    assert (router.choose(eligible=["c"]).arm, router.choose(eligible=["c"]).policy) == ("c", "uniform")
    assert router.choose(eligible=[]).arm == ""
    assert {router.choose(eligible="b").arm for _ in range(8)} == {"b"}
    assert router.choose(eligible="typo").arm == "typo"
    _guard.forget()


def test_without_a_usable_policy_a_choice_is_made_all_the_same(store):
    """A context that the policy was not made for costs no request: every arm is as likely, and the log says so."""
    router = made(policy="linucb", dimension=2)

    chosen = router.choose([1.0])

    assert chosen.arm in ARMS
    assert (chosen.policy, chosen.propensity, chosen.context) == ("uniform", 0.5, ())
    assert _guard.errors() == {"routing": 1}
    _guard.forget()


@pytest.mark.parametrize("context_", [["x"], [None], 7, [[1.0]]])
def test_choose_never_raises(store, context_):
    """Whatever is handed over as context, the program gets an arm."""
    router = made(policy="linucb", dimension=1)

    assert router.choose(context_).arm in ARMS
    _guard.forget()


def test_without_arms_there_is_nothing_to_choose(store):
    """A router without arms answers with an empty arm, and logs nothing."""
    router = made(arms=())

    assert router.choose().arm == ""
    assert logged(store) == []
    _guard.forget()


def test_a_router_declared_without_arms_takes_the_eligible_ones(store):
    """What is eligible becomes an arm, is kept, and is learned about."""
    router = made(arms=())

    chosen = router.choose(eligible=["a", "b"])
    router.trajectory_feedback_queue.append(TrajectoryFeedback(trace_id="", decision_id=chosen.decision_id, reward=1.0))

    assert chosen.policy == "discounted_thompson"
    assert router.process_trajectory_feedback().processed == 1
    assert router.arms == ("a", "b")


@pytest.mark.parametrize("odd", [["a", "a"], [None], ["x" * 300], ["\ud800"]])
def test_odd_eligible_names_do_not_spoil_a_router_without_arms(store, odd):
    """What cannot be an arm never becomes one: the next choice is the policy's, and is logged."""
    router = made(arms=())

    router.choose(eligible=odd)
    chosen = router.choose(eligible=["a", "b"])

    assert chosen.policy == "discounted_thompson"
    assert chosen in logged(store)
    assert router.arms == ("a", "b")
    _guard.forget()


def test_tenants_do_not_learn_from_each_other(store):
    """Each tenant and workspace has a policy of its own under the router's name."""
    router = made()
    with context(tenant="acme", workspace="shop"):
        for _ in range(3):
            rewarded(router, 25)
            router.process_trajectory_feedback()
        assert router.shares()["large"] > 0.8

    assert 0.3 < router.shares()["large"] < 0.7


def test_an_arm_that_is_retired_is_not_chosen_and_keeps_its_history(store):
    """Retired it is never chosen, its late rewards count, and brought back it knows what it knew."""
    router = made()
    for _ in range(3):
        rewarded(router, 25)
        router.process_trajectory_feedback()
    late = next(chosen for chosen in iter(router.choose, None) if chosen.arm == "large")
    known = router.shares()["large"]

    router.retire_arm("large")
    assert {router.choose().arm for _ in range(10)} == {"small"}
    router.trajectory_feedback_queue.append(TrajectoryFeedback(trace_id="", decision_id=late.decision_id, reward=0.9))
    assert router.process_trajectory_feedback().processed == 1
    router.add_arm("large")

    assert router.shares()["large"] == pytest.approx(known, abs=0.1)


def test_a_renamed_arm_keeps_its_history_and_its_late_rewards(store):
    """What was learned under the old name counts under the new one, and so do rewards that are still on their way."""
    router = made()
    for _ in range(3):
        rewarded(router, 25)
        router.process_trajectory_feedback()
    late = next(chosen for chosen in iter(router.choose, None) if chosen.arm == "large")

    router.rename_arm("large", "large-v2")
    router.trajectory_feedback_queue.append(TrajectoryFeedback(trace_id="", decision_id=late.decision_id, reward=0.9))
    done = router.process_trajectory_feedback()

    assert (done.processed, done.failed) == (1, 0)
    assert router.shares()["large-v2"] > 0.8
    assert router.arms == ("small", "large-v2")


def test_callers_may_go_on_using_the_old_name_of_an_arm(store):
    """Renamed in one deployment before the others: the old name means the arm, for every tenant, and the log has the new one."""
    router = made()
    rewarded(router, 25)
    router.process_trajectory_feedback()

    router.rename_arm("large", "large-v2")

    for tenant in ("default", "newcomer"):
        with context(tenant=tenant):
            both, alone = router.choose(eligible=["small", "large"]), router.choose(eligible=["large"])
            assert both.eligible == ("small", "large-v2"), tenant
            assert (alone.arm, alone.policy, alone.propensity) == ("large-v2", "discounted_thompson", 1.0), tenant
            assert router.choose(eligible=["large", "large-v2"]).eligible == ("large-v2",)
            assert set(router.shares(eligible=["large", "small"])) == {"large-v2", "small"}


def test_another_process_that_declares_the_old_name_gets_the_renamed_arm(store):
    """It is told of the renaming by the kept policy: no second arm, and a choice among the old names says the new one."""
    made().rename_arm("large", "large-v2")
    registry.forget()

    other = made()

    assert other.choose(eligible=["large"]).arm == "large-v2"
    assert other.arms == ("small", "large-v2")


def test_a_router_without_declared_arms_knows_the_old_names(store):
    """What is eligible becomes an arm there, but not what another arm was called."""
    router = made(arms=())
    router.choose(eligible=["a", "b"])
    router.reload()

    router.rename_arm("a", "c")

    assert router.choose(eligible=["a"]).arm == "c"
    assert set(router.arms) == {"b", "c"}


def test_a_new_arm_may_have_the_old_name_of_another(store):
    """From then on the name means the new one, for callers and for rewards; what was learned before stays where it was."""
    router = made()
    for _ in range(3):
        rewarded(router, 25)
        router.process_trajectory_feedback()
    router.rename_arm("large", "large-v2")
    known = router.shares()["large-v2"]

    router.add_arm("large")
    chosen = router.choose(eligible=["large"])
    router.trajectory_feedback_queue.append(TrajectoryFeedback(trace_id="", decision_id=chosen.decision_id, reward=0.0))
    router.process_trajectory_feedback()

    assert chosen.arm == "large"
    assert router.arms == ("small", "large-v2", "large")
    assert router.shares(eligible=["small", "large-v2"])["large-v2"] == pytest.approx(known, abs=0.1)
    with context(tenant="newcomer"):
        assert router.choose(eligible=["large"]).arm == "large"
    rebuilt = router.rebuild()
    assert rebuilt is not None
    assert rebuilt.equal


def test_rebuilding_begins_with_what_is_left_of_the_rewards(store):
    """Where older rewards have expired, the replay begins with the state of then, whatever its arms are called by now."""
    clock = SteppingClock()
    with time_of(clock):
        router = made()
        rewarded(router, 30)
        router.process_trajectory_feedback(30)
        store.admin.expire()  # keeps the state
        clock.advance(days=60)
        router.rename_arm("large", "large-v2")
        router.add_arm("large")
        rewarded(router, 10)
        router.process_trajectory_feedback(10)
        clock.advance(days=40)
        store.admin.expire()
        assert sum(1 for _ in store.policies.replay("default", tenant="default", workspace="default")) == 10

        rebuilt = router.rebuild()

    assert rebuilt is not None
    assert (rebuilt.equal, rebuilt.lessons) == (True, 40)


def test_another_policy_learns_again_under_the_names_of_then(store):
    """A replay into another kind of policy gives each reward to the arm that its name meant when it was learned."""
    router = made()
    rewarded(router, 40)
    router.process_trajectory_feedback(40)
    router.rename_arm("large", "large-v2")
    router.add_arm("large")
    registry.forget()

    changed = made(policy="ucb1")

    state = store.policies.get("default", tenant="default", workspace="default").state
    counts = dict(zip(state["arms"], state["numbers"]["counts"], strict=True))
    assert counts["large"] == 0
    assert counts["large-v2"] > 10
    assert changed.arms == ("small", "large-v2", "large")


def test_a_change_of_arms_reaches_every_tenant(store):
    """An arm that is added, retired or renamed is so for all tenants that have the router, whatever they have learned."""
    router = made()
    with context(tenant="acme"):
        rewarded(router, 1)
        router.process_trajectory_feedback()

    router.add_arm("huge")
    router.retire_arm("small")
    router.rename_arm("large", "big")

    for tenant in ("acme", "default", "newcomer"):
        with context(tenant=tenant):
            assert set(router.arms) == {"big", "huge"}, tenant


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda router: router.add_arm("small"), PolicyError),
        (lambda router: router.retire_arm("huge"), UnknownArmError),
        (lambda router: router.rename_arm("huge", "x"), UnknownArmError),
        (lambda router: router.rename_arm("small", "large"), PolicyError),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(store, change, error):
    """It raises at the caller's line, and the arms are as they were."""
    router = made()

    with pytest.raises(error):
        change(router)

    assert router.arms == ARMS


def test_rebuilding_gives_the_state_in_use(store):
    """A policy learned anew from its rewards is the one in use, number by number, also after its arms changed."""
    router = made()
    rewarded(router, 30)
    router.process_trajectory_feedback(7)
    router.process_trajectory_feedback(11)
    router.add_arm("huge")
    rewarded(router, 10)
    router.rename_arm("small", "tiny")
    router.retire_arm("huge")
    router.process_trajectory_feedback(100)

    rebuilt = router.rebuild()

    assert rebuilt is not None
    assert (rebuilt.equal, rebuilt.lessons) == (True, 40)


def test_another_policy_learns_what_is_kept(store):
    """Declared anew with another policy, a router begins with everything its rewards say."""
    router = made()
    rewarded(router, 40)
    router.process_trajectory_feedback(40)
    registry.forget()
    changed = made(policy="ucb1")

    kept = store.policies.get("default", tenant="default", workspace="default")
    assert (kept.state["kind"], kept.state["lessons"]) == ("ucb1", 40)
    assert changed.shares()["large"] > 0.9


def test_threads_choose_while_others_learn(store):
    """Eight threads choose and eight learn at once: every choice is logged and every reward is learned exactly once."""
    router = made()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                rewarded(router, 5)
                router.process_trajectory_feedback(10)
        except BaseException as error:  # noqa: BLE001  a thread's error is the test's
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    router.process_trajectory_feedback(1000)

    assert not errors
    assert len(logged(store)) == 200
    kept = store.policies.get("default", tenant="default", workspace="default")
    assert kept.state["lessons"] == 200
    assert policy_of(kept.state).lessons == 200


def test_a_state_of_a_newer_version_is_left_alone(store):
    """Items for a policy that this version cannot read stay in the queue, and the summary says why."""
    router = made()
    rewarded(router, 3)
    row = store.policies.get("default", tenant="default", workspace="default")
    store.policies.put(
        "default", {**row.state, "format": 99}, version=row.version, tenant="default", workspace="default"
    )

    done = router.process_trajectory_feedback()

    assert (done.processed, done.failed, done.queue_depth) == (0, 0, 3)
    assert "update stagelight" in done.reason
    assert len(store.deliveries.peek("router:default", 10, "waiting")) == 3  # at once, for whoever can read it
    assert get_rl_model_router() is router
    _guard.forget()
