"""The trajectory evaluator: from finished traces to rewards in the router's queue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import stagelight
from routed import made
from serving import served
from stagelight import _guard, config, setup, trace_stage
from stagelight.loops import EnhancedMonitoringSystem, TrajectoryEvaluator
from stagelight.routing import decisions, homes
from stagelight.sink.rows import Decision, Feedback
from stagelight.wire.conventions import FEEDBACK_ID
from stagelight.wire.records import TENANT
from stored import trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagelight.routing import ModelRouter
    from stagelight.store.facade import Store
    from stagelight.wire.records import SpanRecord


def evaluator(scorer: Any = None, **given: Any) -> TrajectoryEvaluator:
    """One that is on."""
    return TrajectoryEvaluator(
        config.load(environ={}, **{"enable_trajectory_evaluation": True, **given}), scorer=scorer
    )


def judged(router: ModelRouter, number: int = 1, **fields: Any) -> list[SpanRecord]:
    """A trace in whose first stage `router` decided."""
    chosen = router.choose()
    root, first = trace(number, spans=2)
    routed = {"feature_flag.key": router.name, "stagelight.decision_id": chosen.decision_id}
    return [replace(root, **fields), replace(first, attributes=routed)]


def rewards(store: Store) -> list[Feedback]:
    """The feedback in the store."""
    return [row for row in store.rows.export("feedback") if isinstance(row, Feedback)]


def test_a_finished_trajectory_becomes_a_reward_in_the_routers_queue(store):
    """It is scored, kept as feedback of a model on its trace, and waits to be learned."""
    router = made()

    assert evaluator().finished(judged(router)) == 1

    [row] = rewards(store)
    assert (row.source, row.signal, row.reward) == ("model", "score", 1.0)
    assert row.comment == "errors=1 latency=1"
    assert row.trace_id == trace(1)[0].trace_id
    assert len(router.trajectory_feedback_queue) == 1
    assert router.process_trajectory_feedback().processed == 1


def test_what_was_said_of_a_trace_does_not_say_whose_it_is(store):
    """A span of feedback may hang under nothing, too; the trace belongs to whom its work belongs to."""
    router = made()
    spans = judged(router)
    said = {FEEDBACK_ID: "f1", TENANT: "rival"}

    assert evaluator().finished([replace(spans[0], span_id="f" * 16, attributes=said), *spans]) == 1

    assert [row.tenant for row in rewards(store)] == ["default"]


def test_off_it_scores_nothing(store):
    """Without ENABLE_TRAJECTORY_EVALUATION no trajectory is scored, however it arrives."""
    router = made()
    off = TrajectoryEvaluator(config.load(environ={}))
    spans = judged(router)
    store.traces.write(spans)

    assert (off.finished(spans), off.evaluate(spans), off.evaluate_stored(store)) == (0, 0, 0)
    assert rewards(store) == []


def test_a_trajectory_is_scored_once(store):
    """Seen again by the same or another evaluator it is not emitted again."""
    router = made()
    spans = judged(router)

    assert evaluator().finished(spans) == 1
    assert evaluator().finished(spans) == 0
    assert len(router.trajectory_feedback_queue) == 1


def test_each_decision_of_a_trajectory_is_judged(store):
    """Where two routers decided in one trace, each gets the trajectory's reward."""
    one, two = made(name="one"), made(name="two")
    root, first = judged(one)
    chosen = two.choose()
    attributes = {"feature_flag.key": "two", "stagelight.decision_id": chosen.decision_id}
    second = replace(first, span_id="f" * 16, attributes=attributes)

    assert evaluator().finished([root, first, second]) == 2
    assert (len(one.trajectory_feedback_queue), len(two.trajectory_feedback_queue)) == (1, 1)


def test_both_decisions_of_one_stage_are_judged_once(configured, store):
    """Two routers asked in one stage, one of them twice: each decision gets the trajectory's reward, exactly once."""
    one, two = made(name="one"), made(name="two")
    with trace_stage("answer"):
        chosen = [one.choose(), two.choose(), two.choose()]
    setup.flush()

    assert sorted(row.decision_id for row in rewards(store)) == sorted(each.decision_id for each in chosen)
    assert (len(one.trajectory_feedback_queue), len(two.trajectory_feedback_queue)) == (1, 2)


@pytest.mark.parametrize("named", [False, True])
def test_a_decision_that_came_over_http_is_judged(tmp_path, store, clock, named):
    """What another process decided and sent is judged by its row, whether or not a span names it, in its own workspace."""
    from stagelight import _clock

    row = {"decision_id": "far", "router": "far", "arm": "small", "workspace": "lab", "trace_id": trace(1)[0].trace_id}
    spans = trace(1)
    if named:
        spans[1] = replace(spans[1], attributes={"feature_flag.key": "far", "stagelight.decision_id": "far"})
    with served(tmp_path) as server, _clock.replaced(clock=clock), homes.living_in(server.store):
        assert server.client.post("/api/decisions", json=row).json()["receipts"][0]["status"] == "stored"
        stored = evaluator()
        server.store.traces.write(spans)
        stored.evaluate_stored(server.store)
        clock.advance(seconds=2.1)

        assert stored.evaluate_stored(server.store) == 1
        assert evaluator().evaluate(spans) == 0
        assert server.store.deliveries.depth("router:far") == {("default", "lab"): 1}


def test_a_rivals_decision_on_a_trace_is_not_judged_by_it(store):
    """Another tenant that knows a trace's id gets no reward out of it."""
    store.rows.write(
        [Decision(decision_id="d", router="r", arm="a", tenant="rival", trace_id=trace(1)[0].trace_id, observed_at=1.0)]
    )

    assert evaluator().evaluate(trace(1)) == 0


@pytest.mark.parametrize(
    ("scorer", "reward"),
    [
        (lambda _: 0.25, 0.25),
        (lambda _: {"quality": 0.5, "tone": 1.0}, 0.75),
        (lambda found: 1.0 if found.stages == 2 else 0.0, 1.0),
        (lambda _: None, None),
    ],
)
def test_a_scorer_of_ones_own_decides(store, scorer, reward):
    """One score, the scores of parts, or None, which teaches nothing."""
    router = made()

    evaluator(scorer).finished(judged(router))

    assert [row.reward for row in rewards(store)] == ([] if reward is None else [reward])


def test_a_scorer_that_fails_costs_its_trajectory_alone(store):
    """The error is counted and logged, and the next trajectory is scored."""
    router = made()

    def scorer(found: Any) -> float:
        if found.failed:
            raise ValueError("boom")
        return 0.5

    spans = [*judged(router, 1, status="error"), *judged(router, 2)]

    assert evaluator(scorer).finished(spans) == 1
    assert _guard.errors() == {"loops": 1}
    _guard.forget()


def test_a_score_that_is_none_is_a_dead_letter(store):
    """A scorer that returns nonsense is found out: what it returned is kept with the reason, and is never learned."""
    router = made()

    evaluator(lambda _: 7.0).finished(judged(router))

    assert router.process_trajectory_feedback().failed == 1


def test_sampling_scores_a_share_and_the_same_ones_everywhere(store):
    """At a ratio of one half about half are scored; another process chooses the same."""
    router = made()
    half = evaluator(trajectory_sample_ratio=0.5)
    traces = [judged(router, number) for number in range(40)]

    scored = [half.finished(spans) for spans in traces]

    assert 10 <= sum(scored) <= 30
    assert sum(evaluator(trajectory_sample_ratio=0.5).finished(spans) for spans in traces) == 0
    assert sum(evaluator(trajectory_sample_ratio=0.0).finished(spans) for spans in traces) == 0


def test_stored_trajectories_are_scored_when_they_have_come_to_rest(store, clock):
    """Traces that others sent are scored two seconds after their last span; one without its root waits for it."""
    from stagelight import _clock

    router = made()
    first, late = judged(router, 1), judged(router, 2)
    with _clock.replaced(clock=clock):
        stored = evaluator()
        store.traces.write([*first, *late[1:]])

        assert stored.evaluate_stored(store) == 0
        clock.advance(seconds=2.1)
        assert stored.evaluate_stored(store) == 1
        store.traces.write(late[:1])
        assert stored.evaluate_stored(store) == 1
        assert stored.evaluate_stored(store) == 0


@pytest.mark.parametrize("claimed", ["", "victim"])
def test_a_stored_trajectory_is_its_senders_whatever_its_spans_claim(store, clock, claimed):
    """What a token of one tenant sent is scored for that tenant: also where no span names it, or one names another."""
    from stagelight import _clock

    router = made()
    with stagelight.context(tenant="acme"):
        root, first = judged(router)
    decisions.log.flush()
    said = {"stagelight.tenant": claimed} if claimed else {}
    with _clock.replaced(clock=clock):
        stored = evaluator()
        store.traces.write([replace(root, attributes=root.attributes | said), first], tenant="acme")
        stored.evaluate_stored(store)
        store.traces.write([replace(first, attributes=first.attributes | {"x": 1})], tenant="rival")
        clock.advance(seconds=2.1)
        assert stored.evaluate_stored(store) == 1

    assert [row.tenant for row in rewards(store)] == ["acme"]
    assert store.deliveries.depth("router:default") == {("acme", "default"): 1}


def test_a_trajectory_whose_root_never_comes_is_given_up(store, clock):
    """After ten minutes it is looked at no more."""
    from stagelight import _clock

    router = made()
    with _clock.replaced(clock=clock):
        stored = evaluator()
        store.traces.write(judged(router)[1:])
        stored.evaluate_stored(store)
        clock.advance(seconds=601)
        stored.evaluate_stored(store)

        assert not stored._pending


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[Path]:
    """This process, configured to keep and score its own traces."""
    stagelight.configure(
        store=str(tmp_path / "own.db"),
        enable_trajectory_evaluation=True,
        enable_trajectory_feedback_loop=True,
        traces_exporter="none",
        metrics_exporter="none",
    )
    yield tmp_path
    setup.shutdown()


def test_configure_has_finished_traces_scored(configured, store):
    """With the flag on, a program's traces are scored as they finish, and what was learned is in the policy."""
    router = made()
    with trace_stage("answer") as span:
        chosen = router.choose()
        span.set_attribute("final_decision", "rejected")
    setup.flush()
    decisions.log.flush()

    [item] = router.trajectory_feedback_queue
    assert item.decision_id == chosen.decision_id
    assert item.reward < 0.6


def test_a_running_loop_scores_with_its_own_scorer(configured, store):
    """An `EnhancedMonitoringSystem` with a scorer takes the place of the table while it runs, and learns at once."""
    router = made()
    loop = EnhancedMonitoringSystem(scorer=lambda _: 0.125)
    loop.start_monitoring()
    with trace_stage("answer"):
        router.choose()
    setup.flush()
    loop.stop_monitoring()

    assert [row.reward for row in rewards(store)] == [0.125]
