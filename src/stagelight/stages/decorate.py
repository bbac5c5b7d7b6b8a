"""The forms of a decorated callable: sync, async, generator, async generator, and the methods of a class.

Each wrapper stays what it wraps (`inspect` says the same of both), passes arguments, results and exceptions through
untouched, and does nothing else while nobody listens. One thing differs: a generator function called with wrong arguments
complains at its first step instead of at the call.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from stagelight.errors import StageError, did_you_mean
from stagelight.stages import capture, site
from stagelight.stages.generators import AsyncSteps, Steps
from stagelight.stages.run import begin
from stagelight.telemetry.spans import idle

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable

    from stagelight.stages.run import Run
    from stagelight.stages.site import Options, Site

P = ParamSpec("P")
R = TypeVar("R")
Y = TypeVar("Y")
S = TypeVar("S")


def callable_as_stage(target: Any, name: str | None, options: Options) -> Any:
    """Return `target`, a function or static or class method, as a stage.

    Raises:
        StageError: It is nothing that can be called as a stage; the message says what to decorate instead.
    """
    if isinstance(target, staticmethod | classmethod):
        return type(target)(callable_as_stage(target.__func__, name, options))
    if isinstance(target, property) or not callable(target):
        raise StageError(f"cannot trace {target!r}: decorate a function or method (inside a property, below @property)")
    place = site.of_function(target, name, options)
    if inspect.isasyncgenfunction(target):
        return _async_generator(target, place)
    if inspect.isgeneratorfunction(target):
        return _generator(target, place)
    if inspect.iscoroutinefunction(target):
        return _coroutine(target, place)
    return _function(target, place)


def class_as_stages(target: type, methods: Iterable[str], options: Options) -> type:
    """Make the named `methods` of a class stages, in place, and return the class.

    Raises:
        StageError: None is named, or one is not the class's own.
    """
    wanted = (methods,) if isinstance(methods, str) else tuple(methods)
    own = [
        name for name, found in vars(target).items() if callable(found) or isinstance(found, staticmethod | classmethod)
    ]
    if not wanted:
        raise StageError(
            f"say which methods of {target.__name__} are stages: @trace_stage(methods=[{own[-1:] or ['run']}])"
        )
    for name in wanted:
        if name not in own:
            raise StageError(f"{target.__name__} defines no method {name!r}.{did_you_mean(name, own)}")
        setattr(target, name, callable_as_stage(vars(target)[name], None, options))
    return target


def _opened(place: Site, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Run | None:
    run = begin(place)
    if run is not None:
        capture.arguments(run, args, kwargs)
    return run


def _function(function: Callable[P, R], place: Site) -> Callable[P, R]:
    @functools.wraps(function)
    def stage(*args: P.args, **kwargs: P.kwargs) -> R:
        run = None if idle() else _opened(place, args, kwargs)
        if run is None:
            return function(*args, **kwargs)
        run.frame.enter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            run.leave(error)
            raise
        run.returned(result)
        run.leave(None)
        return result

    return stage


def _coroutine(function: Callable[P, Awaitable[R]], place: Site) -> Callable[P, Awaitable[R]]:
    @functools.wraps(function)
    async def stage(*args: P.args, **kwargs: P.kwargs) -> R:
        run = None if idle() else _opened(place, args, kwargs)
        if run is None:
            return await function(*args, **kwargs)
        run.frame.enter()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            run.leave(error)
            raise
        run.returned(result)
        run.leave(None)
        return result

    return stage


def _generator(function: Callable[P, Generator[Y, S, R]], place: Site) -> Callable[P, Generator[Y, S, R]]:
    @functools.wraps(function)
    def stage(*args: P.args, **kwargs: P.kwargs) -> Generator[Y, S, R]:
        inner = function(*args, **kwargs)
        run = None if idle() else _opened(place, args, kwargs)
        return (yield from inner if run is None else Steps(inner, run))

    return stage


def _async_generator(function: Callable[P, AsyncGenerator[Y, S]], place: Site) -> Callable[P, AsyncGenerator[Y, S]]:
    @functools.wraps(function)
    async def stage(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[Y, S]:
        inner = function(*args, **kwargs)
        steps = AsyncSteps(inner, None if idle() else _opened(place, args, kwargs))
        try:
            value = await steps.first()
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    await steps.close()
                    raise
                except BaseException as error:  # noqa: BLE001  whatever the consumer throws belongs to the inner one
                    value = await steps.throw(error)
                else:
                    value = await steps.send(sent)
        except StopAsyncIteration:
            steps.end(None)
        except BaseException as error:
            steps.end(error)
            raise

    return stage
