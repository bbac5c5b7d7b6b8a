"""The explicit life cycle: begun, staged and ended by id, from anywhere in the process."""

from __future__ import annotations

import threading

from opentelemetry import trace as otel

from stagelight.stages import end_trace, here, lifecycle, start_trace, trace, trace_stage
from stagelight.testing import in_memory


def test_the_life_cycle_as_the_contract_writes_it(telemetry):
    """Start, a stage by id, end: one whole trace with the request id, the model version and the decision."""
    trace_id = start_trace(request_id="r-17", model_version="v3")
    with trace_stage(trace_id, "llm_call", {"model": "deepseek"}):
        pass
    assert end_trace(trace_id, final_decision="ml_validated") is True

    assert telemetry.tree().splitlines() == ["trace", "└─ llm_call"]
    root, call = telemetry.span("trace"), telemetry.span("llm_call")
    assert {root.trace_id, call.trace_id} == {trace_id}
    assert root.attributes["final_decision"] == "ml_validated"
    assert call.attributes["model"] == "deepseek"
    assert {s.attributes["stagelight.request_id"] for s in (root, call)} == {"r-17"}
    assert telemetry.value("stagelight_stage_calls_total", stage="llm_call", model_version="v3") == 1


def test_start_does_not_change_what_is_current(telemetry):
    """The calling code's own current span stays as it is."""
    start_trace()
    assert not otel.get_current_span().get_span_context().is_valid


def test_stages_of_other_threads_are_children_of_the_trace(telemetry):
    """A stage opened elsewhere by trace id is a child of that trace, and code below it a child of the stage."""
    trace_id = start_trace("request")

    def work(n):
        with trace_stage(trace_id, f"part {n}"), trace_stage("inner"):
            pass

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    end_trace(trace_id)

    root = telemetry.span("request")
    assert len(telemetry.spans) == 17
    assert {span.parent_id for span in telemetry.spans if span.name.startswith("part")} == {root.span_id}


def test_a_function_may_be_decorated_with_a_trace_id(telemetry):
    """The seed form is a decorator too."""
    trace_id = start_trace()

    @trace_stage(trace_id, "score")
    def score(x):
        return x * 2

    assert score(4) == 8
    assert telemetry.span("score").trace_id == trace_id


def test_ending_twice_from_many_threads_ends_once(telemetry):
    """Of many that end a trace at once, one does, and says so."""
    trace_id = start_trace()
    gate = threading.Barrier(8)
    won = []

    def end():
        gate.wait()
        won.append(end_trace(trace_id))

    threads = [threading.Thread(target=end) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == [False] * 7 + [True]
    assert len(telemetry.spans) == 1


def test_a_late_stage_still_finds_its_ended_trace(telemetry):
    """A stage that begins after the end belongs to the same trace."""
    trace_id = start_trace()
    end_trace(trace_id)
    with trace_stage(trace_id, "late"):
        pass

    assert telemetry.span("late").trace_id == trace_id


def test_an_unknown_id_becomes_a_root_and_is_counted(telemetry):
    """A stage for an id that this process does not know starts its own trace, says what it was given, and is counted."""
    with trace_stage("f" * 32, "orphan"), trace_stage("not an id", "stray"):
        pass

    assert telemetry.span("orphan").attributes["stagelight.unknown_trace_id"] == "f" * 32
    assert telemetry.span("orphan").parent_id == ""
    assert telemetry.span("stray").attributes["stagelight.unknown_trace_id"] == "not an id"
    assert telemetry.value("stagelight_unknown_traces_total") == 2


def test_an_open_trace_ends_as_abandoned_after_its_time(clock):
    """A trace that nobody ends is ended when its time is over, and only then."""
    with in_memory(clock=clock, open_trace_seconds=60) as telemetry:
        trace_id = start_trace("forgotten")
        clock.advance(seconds=59)
        lifecycle.sweep()
        assert telemetry.spans == []
        clock.advance(seconds=2)
        lifecycle.sweep()

        assert telemetry.span("forgotten").attributes["stagelight.outcome"] == "abandoned"
        assert telemetry.span("forgotten").duration_ns == 61 * 10**9
        assert end_trace(trace_id) is False


def test_open_traces_are_bounded_and_the_oldest_gives_way():
    """Past the bound the oldest open trace ends as abandoned."""
    with in_memory(open_traces_max=3) as telemetry:
        ids = [start_trace(f"t{n}") for n in range(5)]

        assert [span.name for span in telemetry.spans] == ["t0", "t1"]
        assert [end_trace(trace_id) for trace_id in ids] == [False, False, True, True, True]


def test_an_error_may_be_told_when_ending(telemetry):
    """`end_trace(error=…)` marks the whole as failed."""
    trace_id = start_trace()
    end_trace(trace_id, error=ValueError("no answer"))

    assert telemetry.span("trace").status == "error"


def test_trace_is_the_same_as_one_block(telemetry):
    """`with trace(…)` is start and end in one: current inside, its values on everything below."""
    with trace("answer", tenant="acme", session="s-1", request_id="r-1") as answer:
        with trace_stage("think"):
            assert here().trace_id == answer.trace_id
        answer.set(final_decision="ml_validated")

    assert telemetry.tree().splitlines() == ["answer", "└─ think"]
    assert telemetry.span("answer").attributes["final_decision"] == "ml_validated"
    assert telemetry.span("think").attributes["session.id"] == "s-1"
    assert here().tenant == "default"


async def test_trace_works_as_an_async_block(telemetry):
    """`async with trace(…)` does the same."""
    async with trace("answer"), trace_stage("think"):
        pass

    assert telemetry.tree().splitlines() == ["answer", "└─ think"]


def test_a_trace_started_within_another_is_linked_to_it(telemetry):
    """A new trace has no parent, but the span that started it is linked, and it is the same tenant's work."""
    with trace("outer", tenant="acme") as outer:
        end_trace(start_trace("inner"))

    inner = telemetry.span("inner")
    assert inner.parent_id == ""
    assert inner.links[0].trace_id == outer.trace_id
    assert inner.attributes["stagelight.tenant"] == "acme"


def test_durations_survive_a_clock_that_steps_back(clock):
    """A wall clock that is set back in the middle of a stage does not make its duration negative."""
    with in_memory(clock=clock) as telemetry:
        with trace_stage("work"):
            clock.advance(seconds=5)
            clock.set_back(seconds=3600)

        assert telemetry.span("work").duration_ns == 5 * 10**9
