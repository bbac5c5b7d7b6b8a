"""Nothing configured, SDK disabled, exporter or sampler broken: the host's program does not notice."""

from __future__ import annotations

import asyncio
import logging

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import Sampler

from stagelight import config
from stagelight.stages import context, end_trace, here, start_trace, trace_stage
from stagelight.stages import trace as traced
from stagelight.telemetry import pipeline, spans
from stagelight.telemetry.current import replaced


class RaisingExporter(SpanExporter):
    """An exporter that is broken altogether."""

    def export(self, spans):
        raise RuntimeError("exporter broke")


class RaisingSampler(Sampler):
    """A sampler that is broken."""

    def should_sample(self, *args, **kwargs):
        raise RuntimeError("sampler broke")

    def get_description(self):
        return "raising"


class RaisingProcessor(SpanProcessor):
    """A processor that is broken."""

    def on_start(self, span, parent_context=None):
        raise RuntimeError("on_start broke")

    def on_end(self, span):
        raise RuntimeError("on_end broke")


def _raising_provider():
    built = pipeline.build(config.load(environ={}, traces_exporter="none", metrics_exporter="none"))
    provider = TracerProvider(sampler=RaisingSampler(), shutdown_on_exit=False)
    built.tracer = provider.get_tracer("test")
    return built


def _raising_processor():
    built = pipeline.build(config.load(environ={}, traces_exporter="none", metrics_exporter="none"))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(RaisingProcessor())
    built.tracer = provider.get_tracer("test")
    return built


WORLDS = {
    "nothing configured": lambda: None,
    "disabled": lambda: pipeline.build(config.load(environ={"OTEL_SDK_DISABLED": "true"})),
    "exporter raises": lambda: pipeline.build(
        config.load(environ={}, metrics_exporter="none"), span_exporter=RaisingExporter()
    ),
    "sampler raises": _raising_provider,
    "processor raises": _raising_processor,
}


@pytest.fixture(params=WORLDS)
def world(request, caplog):
    """Telemetry that is absent or broken in one of several ways."""
    caplog.set_level(logging.CRITICAL)
    telemetry = WORLDS[request.param]()
    with replaced(telemetry):
        yield request.param
    if telemetry is not None:
        telemetry.shutdown(1.0)


def test_a_function_is_unchanged(world):
    """Results, arguments and exceptions of a decorated function are those of the bare one."""
    error = ValueError("mine")

    @trace_stage
    def divide(a, b=2):
        if b == 0:
            raise error
        return a / b

    assert divide(4) == 2
    assert divide(4, b=1) == 4
    with pytest.raises(ValueError, match="mine") as caught:
        divide(1, 0)
    assert caught.value is error
    with pytest.raises(TypeError, match="divide"):
        divide()


def test_a_coroutine_is_unchanged(world):
    """A decorated coroutine returns, raises and is cancelled as the bare one."""
    error = ValueError("mine")

    @trace_stage
    async def work(fail):
        if fail:
            raise error
        await asyncio.sleep(0)
        return 7

    @trace_stage
    async def forever():
        await asyncio.Event().wait()

    async def main():
        assert await work(fail=False) == 7
        with pytest.raises(ValueError, match="mine") as caught:
            await work(fail=True)
        assert caught.value is error
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await forever()

    asyncio.run(main())


def test_a_generator_is_unchanged(world):
    """A decorated generator yields, takes values and exceptions, and returns as the bare one."""
    closed = []

    @trace_stage
    def count():
        try:
            got = yield 1
            try:
                yield got
            except KeyError:
                yield "caught"
        finally:
            closed.append(True)
        return "end"

    steps = count()
    assert (next(steps), steps.send("sent"), steps.throw(KeyError())) == (1, "sent", "caught")
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value == "end"
    half = count()
    next(half)
    half.close()
    assert closed == [True, True]


def test_an_async_generator_is_unchanged(world):
    """A decorated async generator yields, takes values and exceptions, and is closed as the bare one."""
    closed = []

    @trace_stage
    async def count():
        try:
            got = yield 1
            try:
                yield got
            except KeyError:
                yield "caught"
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    async def main():
        steps = count()
        assert (await anext(steps), await steps.asend("sent"), await steps.athrow(KeyError())) == (1, "sent", "caught")
        with pytest.raises(StopAsyncIteration):
            await anext(steps)
        half = count()
        await anext(half)
        await half.aclose()

    asyncio.run(main())
    assert closed == [True, True]


def test_blocks_are_unchanged(world):
    """Blocks run their body, give a span that takes attributes, and let exceptions pass."""
    error = ValueError("mine")
    with trace_stage("work") as span:
        span.set_attribute("a", 1)
        span.add_event("happened")
    with pytest.raises(ValueError, match="mine") as caught, trace_stage("work"):
        raise error
    assert caught.value is error


def test_the_life_cycle_is_unchanged(world):
    """Traces are begun and ended by id without a backend, and ids stay ids."""
    trace_id = start_trace(request_id="r-1", model_version="v1")
    assert len(trace_id) == 32
    assert int(trace_id, 16) > 0
    with trace_stage(trace_id, "llm_call", {"model": "deepseek"}):
        pass
    end_trace(trace_id, final_decision="ml_validated")
    assert end_trace(trace_id) is False
    with traced("whole", tenant="acme") as whole:
        assert here().tenant == "acme"
    assert len(whole.trace_id) == 32


def test_context_values_hold_without_telemetry(world):
    """Whose work it is, is known to the code below even where nothing is traced."""
    with context(tenant="acme", model_version="v2"):
        assert (here().tenant, here().model_version) == ("acme", "v2")
    assert here().tenant == "default"


def test_nothing_is_current_afterwards(world):
    """Whatever broke, no span of ours stays current."""
    with trace_stage("a"), trace_stage("b"):
        pass
    assert not trace.get_current_span().get_span_context().is_valid


def test_idle_means_that_nobody_listens():
    """Without `configure()` and without a provider of the application's, stages are idle."""
    with replaced(None):
        assert spans.idle()
