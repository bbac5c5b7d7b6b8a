"""One thread that decodes and commits what arrives, so that the event loop never waits for the database."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class Writer:
    """Runs writes one after the other.

    SQLite takes one writer at a time anyway; a second thread would only wait for its lock. Decoding happens here too:
    one body at a time is the bound on memory.
    """

    def __init__(self) -> None:
        """Prepare; the thread starts with the first write."""
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stagelight-writer")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `function` returns, or raise what it raises, without holding up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(function, *args, **kwargs))

    def close(self) -> None:
        """Finish what was begun, then end the thread."""
        self._pool.shutdown(wait=True)
