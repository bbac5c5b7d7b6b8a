"""Generators as stages: whatever way they end, the current span, the parents and the outcome are right."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from opentelemetry import trace

from stagelight.stages import trace_stage
from stagelight.testing import CountingIds, in_memory

CALLS = "stagelight_stage_calls_total"


class StopError(Exception):
    """Thrown into generators by their consumer."""


@trace_stage("stream")
def stream(n=3):
    """Yield a few numbers, each under a stage of its own."""
    for i in range(n):
        with trace_stage("part"):
            number = i
        yield number


@trace_stage("stream")
async def astream(n=3):
    """Yield a few numbers, each under a stage of its own, waiting in between."""
    for i in range(n):
        async with trace_stage("part"):
            await asyncio.sleep(0)
        yield i


def current():
    """The id of the current span, 0 for none."""
    return trace.get_current_span().get_span_context().span_id


def throw(steps, error):
    """Throw into a generator that does not catch it."""
    with pytest.raises(type(error)):
        steps.throw(error)


def outcome(telemetry, name="stream"):
    """The outcomes of the stage, as counted and as on its spans, which have to agree."""
    spans = [span.attributes["stagelight.outcome"] for span in telemetry.spans if span.name == name]
    for found in set(spans):
        assert telemetry.value(CALLS, stage=name, outcome=found) == spans.count(found)
    return spans


def test_the_consumers_span_is_current_between_steps(telemetry):
    """While the generator waits, its span is not current: what the consumer does is the consumer's."""
    with trace_stage("consumer"):
        mine = current()
        for _ in stream():
            assert current() == mine
            with trace_stage("use"):
                pass

    assert telemetry.tree().splitlines()[:2] == ["consumer", "├─ stream"]
    consumer, streamed = telemetry.span("consumer"), telemetry.span("stream")
    assert streamed.parent_id == consumer.span_id
    assert {span.parent_id for span in telemetry.spans if span.name == "use"} == {consumer.span_id}
    assert {span.parent_id for span in telemetry.spans if span.name == "part"} == {streamed.span_id}
    assert outcome(telemetry) == ["ok"]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (list, "ok"),
        (lambda steps: next(steps) or steps.close(), "abandoned"),
        (lambda steps: next(steps) and None, "abandoned"),
        (lambda steps: next(steps) or throw(steps, StopError()), "error"),
        (lambda steps: next(steps) or throw(steps, asyncio.CancelledError()), "cancelled"),
    ],
    ids=["exhausted", "closed", "dropped", "thrown", "cancelled"],
)
def test_every_end_of_a_generator_has_its_outcome(telemetry, end, expected):
    """Exhausted is ok; closed or dropped is abandoned; thrown into is error or cancelled."""
    end(stream())
    gc.collect()

    assert outcome(telemetry) == [expected]
    assert current() == 0
    assert telemetry.value("stagelight_stages_active", stage="stream") == 0


def test_break_leaves_the_loop_and_ends_the_stage_once(telemetry):
    """`break` abandons the generator; its end is counted once."""
    with trace_stage("consumer"):
        mine = current()
        for _ in stream():
            break
        gc.collect()
        assert current() == mine

    assert outcome(telemetry) == ["abandoned"]


def test_two_generators_closed_first_in_first_out_leave_nothing_behind(telemetry):
    """Interleaved generators do not disturb each other's spans."""
    first, second = stream(), stream()
    next(first)
    next(second)
    first.close()
    assert current() == 0
    second.close()

    with trace_stage("later"):
        pass
    assert telemetry.span("later").parent_id == ""


def test_a_finaliser_in_the_middle_of_a_metric_does_not_hang(telemetry):
    """Dropped generators, collected at any line and in the middle of OpenTelemetry's locks, never hang."""
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:

        def leak():
            steps = stream()
            next(steps)
            ring = [steps]
            ring.append(ring)

        def work():
            for _ in range(500):
                leak()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive():
            telemetry.points(CALLS)
        thread.join(30)
        assert not thread.is_alive()
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert telemetry.value(CALLS, stage="stream", outcome="abandoned") == 500


def test_a_stage_in_the_cleanup_of_a_dropped_generator_is_kept(telemetry):
    """What a generator does in `finally` while it is collected is a stage of its own, under the generator's."""

    @trace_stage("stream")
    def tidy():
        try:
            yield 1
        finally:
            with trace_stage("cleanup"):
                pass

    next(tidy())
    gc.collect()

    assert telemetry.span("cleanup").parent_id == telemetry.span("stream").span_id


async def test_async_generator_closed_in_another_task(telemetry, caplog):
    """An async generator begun in one task and closed in another ends once, and no error is logged."""
    steps = astream()
    await anext(steps)
    await asyncio.create_task(steps.aclose())

    assert current() == 0
    assert outcome(telemetry) == ["abandoned"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_async_generators_left_open_when_the_loop_ends(telemetry, caplog):
    """`asyncio.run` closes what is left open; nothing is closed twice and no error is logged."""
    kept = []

    async def main():
        for _ in range(3):
            steps = astream()
            await anext(steps)
            kept.append(steps)

    asyncio.run(main())

    assert outcome(telemetry) == ["abandoned"] * 3
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_an_async_generator_keeps_timeouts_working(telemetry):
    """`asyncio.timeout` around the consumer and within the generator cancel what they should."""

    @trace_stage("stream")
    async def slow():
        yield 1
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
        yield 2

    with pytest.raises(TimeoutError):
        async for _ in slow():
            pass

    @trace_stage("waiting")
    async def endless():
        yield 1
        await asyncio.Event().wait()

    async def drain():
        async for _ in endless():
            pass

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await drain()

    assert outcome(telemetry) == ["error"]
    assert outcome(telemetry, "waiting") == ["cancelled"]


class Streams(RuleBasedStateMachine):
    """Generators begun, stepped, closed, thrown into and dropped in any order, within and without stages."""

    generators = Bundle("generators")

    def __init__(self):
        super().__init__()
        self.memory = in_memory(ids=CountingIds())
        self.telemetry = self.memory.__enter__()
        self.blocks = []
        self.made = []
        self.begun = 0
        self.expected = {"ok": 0, "error": 0, "abandoned": 0}

    @rule(target=generators, n=st.integers(0, 3))
    def begin(self, n):
        """Make a generator; it has not started."""
        made = {"steps": stream(n), "state": "new"}
        self.made.append(made)
        return made

    @rule(which=generators)
    def step(self, which):
        """Take a step."""
        if which["state"] == "new":
            which["state"] = "open"
            self.begun += 1
        done = next(which["steps"], "end") == "end"
        if done and which["state"] == "open":
            which["state"] = "ended"
            self.expected["ok"] += 1

    @rule(which=generators)
    def close(self, which):
        """Close it."""
        which["steps"].close()
        self._ends(which, "abandoned")

    @rule(which=generators)
    def throw(self, which):
        """Throw into it."""
        with pytest.raises(StopError):
            which["steps"].throw(StopError())
        self._ends(which, "error")

    @rule(which=consumes(generators))
    def drop(self, which):
        """Let it go, unfinished."""
        which.pop("steps")  # the last reference: it is finalised on this very line
        self._ends(which, "abandoned")

    @rule()
    def enter(self):
        """Open a stage around what follows."""
        block = trace_stage("block")
        block.__enter__()
        self.blocks.append((block, current()))

    @rule()
    def leave(self):
        """Leave the innermost stage."""
        if self.blocks:
            self.blocks.pop()[0].__exit__(None, None, None)

    @invariant()
    def the_innermost_block_is_current(self):
        """No generator's span ever shows outside it."""
        assert current() == (self.blocks[-1][1] if self.blocks else 0)

    def teardown(self):
        """Every generator that began has ended once, as expected."""
        while self.blocks:
            self.leave()
        assert current() == 0
        for left in self.made:
            if "steps" in left:
                self.close(left)
        for name, count in self.expected.items():
            assert self.telemetry.value(CALLS, stage="stream", outcome=name) == count, name
        assert self.begun == sum(self.expected.values())
        assert self.telemetry.value("stagelight_stages_active", stage="stream") == 0
        self.memory.__exit__(None, None, None)

    def _ends(self, which, how):
        if which["state"] == "open":
            self.expected[how] += 1
        which["state"] = "ended"


Streams.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_streams_in_any_order = Streams.TestCase
