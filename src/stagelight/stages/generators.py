"""Generators as stages: one span from the first step to the end, current only while the generator itself runs.

Between two steps the consumer's span is current again: OpenTelemetry's context alone is swapped around each step, in the
consumer's own task, so that `asyncio.timeout` and the program's own context variables work as without us.

Closing and garbage collection look alike from inside (both raise GeneratorExit), and in a finaliser nothing of
OpenTelemetry may be called. So an abandoned generator's end is handed over to our own thread.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from opentelemetry.context import attach, get_current

from stagelight.stages import outcome
from stagelight.telemetry import handover

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from types import TracebackType

    from stagelight.stages.run import Run

Y = TypeVar("Y")
S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")


class Steps(Generator[Y, S, R]):
    """A generator's steps, each under the stage's own context; for use with `yield from`."""

    def __init__(self, inner: Generator[Y, S, R], run: Run) -> None:
        """Drive `inner` as the stage `run`."""
        self._inner = inner
        self._run = run
        self._context = run.frame.context

    def __next__(self) -> Y:
        """Take the next step."""
        return self._step(self._inner.__next__)

    def send(self, value: S) -> Y:
        """Take a step with a value from the consumer."""
        return self._step(lambda: self._inner.send(value))

    def throw(self, error: Any, value: Any = None, traceback: TracebackType | None = None) -> Y:
        """Take a step with an exception from the consumer, as its instance or in the old form of three."""
        if value is None and traceback is None:
            return self._step(lambda: self._inner.throw(error))
        return self._step(lambda: self._inner.throw(error, value, traceback))

    def close(self) -> None:
        """End the generator before its time; perhaps in a finaliser."""
        with handover.finalising():
            outer = get_current()
            attach(self._context)
            try:
                self._inner.close()
            except BaseException as error:
                self._run.end(outcome.of(error))
                raise
            finally:
                attach(outer)
                self._run.end(outcome.ABANDONED)

    def _step(self, step: Callable[[], Y]) -> Y:
        outer = get_current()
        attach(self._context)
        try:
            return step()
        except StopIteration as stop:
            self._run.returned(stop.value)
            self._run.end(outcome.OK)
            raise
        except BaseException as error:
            self._run.end(outcome.of(error))
            raise
        finally:
            self._context = get_current()
            attach(outer)


class AsyncSteps(Generic[Y, S]):
    """An async generator's steps, each under the stage's own context, in the consumer's task.

    There is no `yield from` for async generators: the decorated function awaits these and yields itself.
    """

    def __init__(self, inner: AsyncGenerator[Y, S], run: Run | None) -> None:
        """Drive `inner` as the stage `run`, or just drive it where there is none."""
        self._inner = inner
        self._run = run
        self._context = run.frame.context if run else None

    async def first(self) -> Y:
        """Take the first step without the event loop's noticing the inner generator.

        The loop closes every generator it knows when it ends, all at once: it would close the inner one while ours is
        closing it, and log "asynchronous generator is already running". It knows ours, which is enough.
        """
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=None, finalizer=None)
        try:
            step = self._inner.__anext__()
        finally:
            sys.set_asyncgen_hooks(*hooks)
        return await self._under(step)

    async def send(self, value: S) -> Y:
        """Take a step with a value from the consumer."""
        return await self._under(self._inner.asend(value))

    async def throw(self, error: BaseException) -> Y:
        """Take a step with an exception from the consumer."""
        return await self._under(self._inner.athrow(error))

    async def close(self) -> None:
        """End the generator before its time."""
        with handover.finalising():
            await self._under(self._inner.aclose())

    def end(self, error: BaseException | None) -> None:
        """End the stage; only the first call counts."""
        if self._run is not None:
            self._run.end(outcome.of(error))

    async def _under(self, step: Awaitable[T]) -> T:
        if self._context is None:
            return await step
        outer = get_current()
        attach(self._context)
        try:
            return await step
        finally:
            self._context = get_current()
            attach(outer)
