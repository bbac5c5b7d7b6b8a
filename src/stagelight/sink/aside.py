"""The `a…` form of a call that waits for a disk or a server: the same call on a thread, so that an event loop goes on."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, ParamSpec

from stagelight import _guard
from stagelight.sink.rows import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")


def aside(function: Callable[P, Receipt], name: str) -> Callable[P, Coroutine[None, None, Receipt]]:
    """Return `function` as a coroutine function called `name`, with the same arguments; it sees the caller's context."""

    @functools.wraps(function)
    async def on_a_thread(*args: P.args, **kwargs: P.kwargs) -> Receipt:
        receipt: Receipt | None = None
        with _guard.guard("sink"):
            receipt = await asyncio.to_thread(function, *args, **kwargs)
        return receipt or Receipt("refused", "", "an error inside stagelight; its log says more")

    on_a_thread.__name__ = on_a_thread.__qualname__ = name
    on_a_thread.__doc__ = (
        f"Do what `{function.__name__}` does, on a thread, so that the event loop goes on meanwhile; never raises."
    )
    return on_a_thread
