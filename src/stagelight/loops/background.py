"""A turn done again and again beside the program: on a thread, or as a task of the asyncio loop that it is started in."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from stagelight import _guard
from stagelight.sink import news

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

PAUSE_S = (
    0.05  #: After news: what comes in meanwhile is taken along, so that a busy program costs 20 turns a second at most.
)


class Change:
    """What starting or stopping returns: whether anything changed, and something to wait for."""

    def __init__(self, *, changed: bool, done: asyncio.Future[None] | None = None) -> None:
        """Say whether it was `changed`, and what to await."""
        self.changed = changed
        self._done = done

    def __bool__(self) -> bool:
        """Whether this call started or stopped anything."""
        return self.changed

    def __await__(self) -> Generator[object, None, bool]:
        """Wait until it is so."""
        if self._done is not None:
            yield from asyncio.wait([self._done]).__await__()
        return self.changed


class Background:
    """Calls `turn` at once, every `every_s` seconds, and soon after a reward was queued in this process."""

    def __init__(self, turn: Callable[[], None], every_s: float) -> None:
        """Prepare; nothing runs before `start`."""
        self._turn = turn
        self._every_s = max(0.01, every_s)
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._run: _ThreadRun | _TaskRun | None = None

    @property
    def running(self) -> bool:
        """Whether turns are being done."""
        run = self._run
        return run is not None and run.alive

    @property
    def ending(self) -> bool:
        """Whether it was told to stop: a long turn shall look."""
        return self._ending.is_set()

    def start(self) -> Change:
        """Begin, in the asyncio loop that runs here or else on a thread."""
        with self._lock:
            if self.running:
                return self.unchanged()
            self._ending.clear()
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                self._run = _ThreadRun(self._turn, self._every_s)
            else:
                self._run = _TaskRun(self._turn, self._every_s, loop)
            news.subscribe(self._run.wake)
            return Change(changed=True)

    def stop(self, timeout_s: float) -> Change:
        """End after the turn that is under way."""
        with self._lock:
            run, self._run = self._run, None
            self._ending.set()
        if run is None:
            return self.unchanged()
        news.unsubscribe(run.wake)
        return run.stop(timeout_s)

    def unchanged(self) -> Change:
        """Say that nothing changed."""
        return Change(changed=False)


class _ThreadRun:
    """Turns on a thread of its own."""

    def __init__(self, turn: Callable[[], None], every_s: float) -> None:
        self._turn, self._every_s = turn, every_s
        self._news = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="stagelight-rl-feedback", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def wake(self, _queued: object = None) -> None:
        """Have a turn done soon."""
        self._news.set()

    def stop(self, timeout_s: float) -> Change:
        """End, and wait for that."""
        self._ending.set()
        self._news.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)
        return Change(changed=True)

    def _work(self) -> None:
        while not self._ending.is_set():
            self._news.clear()
            _guard.attempt("loops", self._turn)
            if self._news.wait(self._every_s):
                self._ending.wait(PAUSE_S)


class _TaskRun:
    """Turns as a task; the work is done on a thread, so that the loop goes on meanwhile."""

    def __init__(self, turn: Callable[[], None], every_s: float, loop: asyncio.AbstractEventLoop) -> None:
        self._turn, self._every_s, self._loop = turn, every_s, loop
        self._news = asyncio.Event()
        self._ending = False
        self._task = loop.create_task(self._work(), name="stagelight-rl-feedback")

    @property
    def alive(self) -> bool:
        # A loop that was closed ends no task: it will never be done.
        return not self._task.done() and not self._loop.is_closed()

    def wake(self, _queued: object = None) -> None:
        """Have a turn done soon; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)

    def stop(self, timeout_s: float) -> Change:
        """End; the task's end can be awaited, from its own loop."""
        self._ending = True
        self.wake()
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self._loop:
            return Change(changed=True, done=self._task)
        if not self._loop.is_closed() and self._loop.is_running():
            ended = threading.Event()
            self._loop.call_soon_threadsafe(self._task.add_done_callback, lambda _: ended.set())
            ended.wait(timeout_s)
        return Change(changed=True)

    async def _work(self) -> None:
        while not self._ending:
            self._news.clear()
            await asyncio.to_thread(_guard.attempt, "loops", self._turn)
            try:
                await asyncio.wait_for(self._news.wait(), self._every_s)
            except TimeoutError:
                continue
            if not self._ending:
                await asyncio.sleep(PAUSE_S)
