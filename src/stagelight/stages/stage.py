"""`trace_stage`: the one name by which work becomes a stage."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar, overload

from opentelemetry.context import get_current, get_value
from opentelemetry.trace import INVALID_SPAN

from stagelight.errors import StageError
from stagelight.stages import decorate, lifecycle, site
from stagelight.stages.block import Block
from stagelight.stages.frames import FRAME
from stagelight.stages.run import begin
from stagelight.stages.site import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.trace import Span

    from stagelight.stages.run import Run
    from stagelight.stages.site import Kind

F = TypeVar("F", bound="Callable[..., Any]")


class Stage(Block["Span"]):
    """What `trace_stage("name")` returns: a decorator, and a context manager, sync and async, that may be used again."""

    def __init__(
        self, name: str | None, options: Options, *, trace_id: str = "", methods: Sequence[str] | None = None
    ) -> None:
        """Describe the stage; nothing is started yet."""
        self._name = name
        self._options = options
        self._trace_id = trace_id
        self._methods = methods
        self._runs: list[Run | None] = []

    def __call__(self, target: F) -> F:
        """Decorate a function, a method or, with `methods`, a class."""
        if inspect.isclass(target):
            decorated: F = decorate.class_as_stages(target, self._methods or (), self._options)  # type: ignore[assignment]  # the class itself
            return decorated
        if self._methods is not None:
            raise StageError(f"`methods` belongs to a class; {target!r} is none")
        if self._trace_id:
            return self._within_trace(target)
        stage: F = decorate.callable_as_stage(target, self._name, self._options)
        return stage

    def __enter__(self) -> Span:
        """Start the stage and return its span, on which attributes and events may be set."""
        place = site.of_block(self._name or "stage", self._options)
        run = lifecycle.begin_in(self._trace_id, place) if self._trace_id else begin(place)
        self._runs.append(run)
        if run is None:
            return INVALID_SPAN
        run.frame.enter()
        return run.span

    def leave(self, error: BaseException | None, /) -> None:
        """End the stage; an exception is recorded and passes through."""
        run = self._own_run()
        if run is not None:
            run.leave(error)

    def _own_run(self) -> Run | None:
        """The run that this block started: the current one if it is ours, for one Stage may be open in several tasks."""
        frame = get_value(FRAME, get_current())
        for index in reversed(range(len(self._runs))):
            run = self._runs[index]
            if run is not None and run.frame is frame:
                return self._runs.pop(index)
        return self._runs.pop() if self._runs else None

    def _within_trace(self, target: F) -> F:
        """Each call of a function decorated with a trace id is a stage of that trace."""
        if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
            raise StageError("a trace id goes with a block, a function or a coroutine function")

        @functools.wraps(target)
        def stage(*args: Any, **kwargs: Any) -> Any:
            with Stage(self._name, self._options, trace_id=self._trace_id):
                return target(*args, **kwargs)

        @functools.wraps(target)
        async def async_stage(*args: Any, **kwargs: Any) -> Any:
            with Stage(self._name, self._options, trace_id=self._trace_id):
                return await target(*args, **kwargs)

        return async_stage if inspect.iscoroutinefunction(target) else stage  # type: ignore[return-value]  # wraps keeps it


@overload
def trace_stage(target: F, /) -> F: ...


@overload
def trace_stage(
    name: str | None = None,
    /,
    *,
    kind: Kind = "internal",
    attributes: Mapping[str, object] | None = None,
    model_version: str | None = None,
    methods: Sequence[str] | None = None,
    capture_arguments: bool | None = None,
    capture_result: bool | None = None,
) -> Stage: ...


@overload
def trace_stage(
    trace_id: str,
    name: str,
    attributes: Mapping[str, object] | None = None,
    /,
    *,
    kind: Kind = "internal",
    model_version: str | None = None,
) -> Stage: ...


def trace_stage(
    target: Any = None,
    name: str | None = None,
    block_attributes: Mapping[str, object] | None = None,
    /,
    *,
    kind: Kind = "internal",
    attributes: Mapping[str, object] | None = None,
    model_version: str | None = None,
    methods: Sequence[str] | None = None,
    capture_arguments: bool | None = None,
    capture_result: bool | None = None,
) -> Any:
    """Make a piece of work a stage: a span in its trace, and counted in the stage metrics.

    Use it bare on a function (sync, async, generator, async generator) or method, with arguments, on a class with a list of
    methods, as a `with` or `async with` block, or with the id of a trace begun by `start_trace`:

    >>> @trace_stage
    ... def load(path): ...
    >>> @trace_stage("fetch", kind="client")
    ... async def get(url): ...
    >>> @trace_stage(methods=["predict"])
    ... class Model:
    ...     def predict(self, x): ...
    >>> with trace_stage("validate", attributes={"rule": "range"}) as span:
    ...     span.set_attribute("passed", True)

    Args:
        target: What to decorate; or the stage's name; or a trace id, followed by the name and attributes.
        name: The stage's name, after a trace id.
        block_attributes: Attributes of the span, after a trace id and a name.
        kind: The span's kind: internal, client (calls to models and services), server, producer, consumer.
        attributes: Attributes of the span.
        model_version: The model at work in this stage and below it.
        methods: The methods of a class that are stages.
        capture_arguments: Record arguments, redacted; the setting decides if None.
        capture_result: Record the result, redacted; the setting decides if None.

    Raises:
        StageError: It cannot be applied to this; raised where it is applied, never while the work runs.
    """
    options = Options(
        kind=kind,
        attributes=attributes if block_attributes is None else block_attributes,
        model_version=model_version,
        capture_arguments=capture_arguments,
        capture_result=capture_result,
    )
    if target is None or isinstance(target, str):
        trace_id, stage_name = (target or "", name) if name is not None else ("", target)
        return Stage(stage_name, options, trace_id=trace_id, methods=methods)
    return Stage(None, options, methods=methods)(target)
