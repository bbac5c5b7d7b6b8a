"""Every form of `trace_stage`, with telemetry on."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from stagelight.errors import StageError
from stagelight.stages import trace_stage

CALLS = "stagelight_stage_calls_total"


class RefusedError(Exception):
    """An error of the host's own."""


def test_a_decorated_function_is_a_span_with_its_place_in_the_source(telemetry):
    """A bare decorator names the span after the function and says where it stands."""

    @trace_stage
    def load(path):
        return path.upper()

    assert load("a.png") == "A.PNG"
    span = telemetry.span("load")
    assert span.attributes["stagelight.stage"] == "load"
    assert span.attributes["code.function.name"].endswith("load")
    assert span.attributes["code.file.path"] == __file__
    assert span.attributes["stagelight.outcome"] == "ok"


def test_nested_stages_are_parent_and_child_as_the_call_tree(telemetry):
    """Decorators, blocks and coroutines nest in one tree."""

    @trace_stage("predict")
    async def predict():
        with trace_stage("score"):
            await asyncio.sleep(0)

    @trace_stage
    def respond():
        return "done"

    @trace_stage("request")
    def request():
        asyncio.run(predict())
        return respond()

    assert request() == "done"
    assert telemetry.tree().splitlines() == ["request", "├─ predict", "│  └─ score", "└─ respond"]


async def test_tasks_of_one_stage_are_its_children_side_by_side(telemetry):
    """Two tasks started in a stage are both children of it, however they interleave."""

    @trace_stage
    async def fetch(n):
        await asyncio.sleep(0)
        with trace_stage(f"parse {n}"):
            await asyncio.sleep(0)

    async with trace_stage("gather"):
        await asyncio.gather(fetch(1), fetch(2))

    gather = telemetry.span("gather")
    fetches = [span for span in telemetry.spans if span.name == "fetch"]
    assert {span.parent_id for span in fetches} == {gather.span_id}
    assert {telemetry.span(f"parse {n}").parent_id for n in (1, 2)} == {span.span_id for span in fetches}


def test_methods_static_class_and_instance_are_stages(telemetry):
    """A class with a list of methods keeps their kinds and names spans Class.method."""

    @trace_stage(methods=["fit", "load", "name"])
    class Model:
        def fit(self, x):
            return x + 1

        @staticmethod
        def load(x):
            return x + 2

        @classmethod
        def name(cls):
            return cls.__name__

        def untouched(self):
            return "same"

    model = Model()
    assert (model.fit(1), Model.load(1), Model.name(), model.untouched()) == (2, 3, "Model", "same")
    assert [span.name for span in telemetry.spans] == ["Model.fit", "Model.load", "Model.name"]


def test_decorating_above_staticmethod_works(telemetry):
    """The decorator may stand above @staticmethod and @classmethod."""

    class Tool:
        @trace_stage
        @staticmethod
        def run(x):
            return x

        @trace_stage
        @classmethod
        def make(cls):
            return cls

    assert Tool.run(3) == 3
    assert Tool.make() is Tool
    assert [span.name for span in telemetry.spans] == ["Tool.run", "Tool.make"]


@pytest.mark.parametrize("form", ["function", "coroutine", "generator", "async generator", "block", "async block"])
def test_the_hosts_exception_passes_through_as_the_same_object(telemetry, form):
    """Whatever the form, the very exception that was raised comes out, and the span says error."""
    error = RefusedError("no such model")

    @trace_stage("work")
    def function():
        raise error

    @trace_stage("work")
    async def coroutine():
        raise error

    @trace_stage("work")
    def generator():
        yield 1
        raise error

    @trace_stage("work")
    async def async_generator():
        yield 1
        raise error

    async def consume():
        async for _ in async_generator():
            pass

    async def block():
        async with trace_stage("work"):
            raise error

    def sync_block():
        with trace_stage("work"):
            raise error

    calls = {
        "function": function,
        "coroutine": lambda: asyncio.run(coroutine()),
        "generator": lambda: list(generator()),
        "async generator": lambda: asyncio.run(consume()),
        "block": sync_block,
        "async block": lambda: asyncio.run(block()),
    }
    with pytest.raises(RefusedError) as caught:
        calls[form]()

    assert caught.value is error
    span = telemetry.span("work")
    assert (span.status, span.attributes["error.type"]) == ("error", f"{__name__}.RefusedError")
    event = span.events[0]
    assert event.attributes["exception.message"] == "no such model"
    assert "raise error" in event.attributes["exception.stacktrace"]
    assert "stagelight/stages" not in event.attributes["exception.stacktrace"]
    assert telemetry.value(CALLS, stage="work", outcome="error", error_type=f"{__name__}.RefusedError") == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (asyncio.CancelledError(), "cancelled"),
        (KeyboardInterrupt(), "cancelled"),
        (SystemExit(0), "ok"),
        (SystemExit(3), "error"),
    ],
)
def test_what_is_not_a_failure_is_not_called_one(telemetry, error, outcome):
    """Cancellation and Ctrl-C are cancelled, leaving the program with success is ok, with a code an error."""
    with pytest.raises(type(error)) as caught, trace_stage("work"):
        raise error

    assert caught.value is error
    assert telemetry.value(CALLS, stage="work", outcome=outcome) == 1


def test_an_exception_that_cannot_be_printed_is_still_the_hosts(telemetry):
    """An exception whose `__str__` raises comes out unharmed and is recorded as unprintable."""

    class UnprintableError(Exception):
        def __str__(self):
            raise RuntimeError("cannot print myself")

    error = UnprintableError()
    with pytest.raises(UnprintableError) as caught, trace_stage("work"):
        raise error

    assert caught.value is error
    assert telemetry.span("work").events[0].attributes["exception.message"] == "<unprintable>"


def test_wrappers_stay_what_they_wrap():
    """`inspect` says the same of a stage as of the function it wraps, signature and documentation included."""

    def function(a: int, *, b: str = "x") -> str:
        """Say something."""
        return b * a

    async def coroutine(): ...

    def generator():
        yield

    async def async_generator():
        yield

    for bare in (function, coroutine, generator, async_generator):
        stage = trace_stage(bare)
        for ask in (
            inspect.isfunction,
            inspect.iscoroutinefunction,
            inspect.isgeneratorfunction,
            inspect.isasyncgenfunction,
        ):
            assert ask(stage) == ask(bare), (bare, ask)
        assert inspect.signature(stage) == inspect.signature(bare)
        assert (stage.__name__, stage.__doc__, stage.__wrapped__) == (bare.__name__, bare.__doc__, bare)


def test_one_stage_object_may_be_open_many_times(telemetry):
    """A stage made once and entered again, nested or in tasks, gives a span each."""
    stage = trace_stage("step")

    async def use():
        with stage:
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(*(use() for _ in range(5)))

    with stage, stage:
        pass
    asyncio.run(main())

    assert len(telemetry.spans) == 7
    assert telemetry.value(CALLS, stage="step", outcome="ok") == 7
    assert telemetry.value("stagelight_stages_active", stage="step") == 0


def test_blocks_left_out_of_order_leave_nothing_current(telemetry):
    """Two blocks closed first in, first out: afterwards no ended span is current, and later spans are roots."""
    first, second = trace_stage("first"), trace_stage("second")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)

    with trace_stage("later"):
        pass

    assert telemetry.span("later").parent_id == ""
    assert telemetry.span("second").parent_id == telemetry.span("first").span_id


async def test_a_block_closed_in_another_task_ends_once_and_logs_nothing(telemetry, caplog):
    """A block entered in one task and left in another is one span, without an error in the log."""
    stage = trace_stage("shared")
    await asyncio.create_task(stage.__aenter__())
    await asyncio.create_task(stage.__aexit__(None, None, None))

    assert [span.name for span in telemetry.spans] == ["shared"]
    assert caplog.records == []


def test_span_kind_and_attributes_are_as_told(telemetry):
    """Kind and attributes given where the stage is declared are on every span; hostile values are made harmless."""

    class Hostile:
        def __str__(self):
            raise RuntimeError

    with trace_stage("call", kind="client", attributes={"peer": "llm", "bad": Hostile(), "\ud800": "x", "n": 2**80}):
        pass

    span = telemetry.span("call")
    assert span.kind == "client"
    assert span.attributes["peer"] == "llm"
    assert span.attributes["bad"] == "<unprintable>"
    assert span.attributes["\ufffd"] == "x"
    assert span.attributes["n"] == str(2**80)


@pytest.mark.parametrize(
    ("apply", "expected"),
    [
        (lambda: trace_stage(kind="clent"), "Did you mean 'client'"),
        (lambda: trace_stage(3), "cannot trace 3"),
        (lambda: trace_stage(property(lambda self: 1)), "below @property"),
        (lambda: trace_stage(type("Model", (), {"fit": lambda self: 1})), "which methods of Model"),
        (lambda: trace_stage(methods=["fti"])(type("Model", (), {"fit": lambda self: 1})), "Did you mean 'fit'"),
        (lambda: trace_stage(methods=["fit"])(lambda: 1), "belongs to a class"),
        (lambda: trace_stage("0" * 32, "items")(lambda: (yield)), "a trace id goes with"),
    ],
)
def test_a_mistake_in_setting_up_is_told_where_it_is_made(apply, expected):
    """What cannot be a stage is refused when it is declared, with the way out in the sentence."""
    with pytest.raises(StageError, match=expected):
        apply()
