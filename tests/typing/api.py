"""What the checkers must see: a stage has the very type of what it wraps. Checked by mypy and pyright, never run."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import assert_type

from opentelemetry.trace import Span

from stagelight import end_trace, inject, log_feedback, log_prediction, start_trace, trace, trace_stage
from stagelight.sink.rows import Receipt


@trace_stage
def function(a: int, *, b: str = "") -> float:
    return a + len(b)


@trace_stage("named", kind="client")
async def coroutine(a: int) -> str:
    return str(a)


@trace_stage
def generator() -> Iterator[int]:
    yield 1


@trace_stage()
async def async_generator() -> AsyncIterator[int]:
    yield 1


@trace_stage(methods=["predict"])
class Model:
    def predict(self, x: float) -> bool:
        return x > 0


class Service:
    @trace_stage
    def run(self, x: int) -> int:
        return x

    @staticmethod
    @trace_stage
    def make(x: int) -> "Service":
        return Service()


async def uses() -> None:
    assert_type(function(1, b="x"), float)
    assert_type(await coroutine(1), str)
    assert_type(generator(), Iterator[int])
    assert_type(async_generator(), AsyncIterator[int])
    assert_type(Model().predict(0.5), bool)
    assert_type(Service().run(1), int)
    assert_type(Service.make(1), Service)
    with trace_stage("block") as span:
        assert_type(span, Span)
    async with trace_stage("block") as async_span:
        assert_type(async_span, Span)
    assert_type(start_trace(request_id="r"), str)
    with trace_stage(start_trace(), "llm_call", {"model": "deepseek"}) as span:
        assert_type(span, Span)
    assert_type(end_trace("0" * 32, final_decision="x"), bool)
    with trace("answer", tenant="a") as answer:
        assert_type(answer.trace_id, str)
    headers: dict[str, str] = {}
    inject(headers)
    assert_type(log_prediction("churn", score=0.5), Receipt)
    assert_type(log_feedback(rating=5), Receipt)


positional: Callable[[int], Awaitable[str]] = coroutine
function("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  an int is wanted: the signature survives
function(1, c=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  no such argument
trace_stage("x", kind="clent")  # type: ignore[call-overload]  # pyright: ignore  kinds are a closed set
