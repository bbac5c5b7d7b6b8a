"""Turns beside the program: started, woken, stopped, on a thread or as a task."""

from __future__ import annotations

import asyncio
import threading

from stagelight import _guard
from stagelight.loops.background import Background
from stagelight.loops.batching import GROWTH, BatchSize
from stagelight.sink import news

LONG = 3600.0


def test_news_has_a_turn_done_at_once():
    """A turn is done at the start and again when a reward is queued, long before the interval is over."""
    turns = threading.Semaphore(0)
    background = Background(turns.release, LONG)

    background.start()
    assert turns.acquire(timeout=10)
    news.tell({("default", "default"): 1})
    assert turns.acquire(timeout=10)
    background.stop(5)

    news.tell({("default", "default"): 1})
    assert not turns.acquire(timeout=0.05)


def test_turns_are_done_at_every_interval():
    """Without news a turn comes round again."""
    turns = threading.Semaphore(0)
    background = Background(turns.release, 0.01)

    background.start()
    assert all(turns.acquire(timeout=10) for _ in range(4))
    background.stop(5)


def test_a_turn_that_fails_is_followed_by_the_next():
    """An error inside a turn is counted and logged, and the loop goes on."""
    _guard.forget()
    turns = threading.Semaphore(0)

    def turn() -> None:
        turns.release()
        raise ValueError("boom")

    background = Background(turn, 0.01)
    background.start()
    assert all(turns.acquire(timeout=10) for _ in range(3))
    background.stop(5)

    assert _guard.errors()["loops"] >= 2
    _guard.forget()


def test_a_task_whose_loop_was_closed_runs_no_more():
    """It can be started again, in another loop; the closed one has left the task where it was, for ever undone."""
    background = Background(lambda: None, LONG)

    async def begin() -> bool:
        return bool(background.start())

    closed = asyncio.new_event_loop()
    assert closed.run_until_complete(begin())
    abandoned = asyncio.all_tasks(closed)
    closed.close()

    assert not background.running
    assert asyncio.run(begin())
    assert len(abandoned) == 1  # held, so that nobody warns of it


def test_stopping_waits_for_the_turn_that_is_under_way():
    """A turn is never cut off in the middle."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def turn() -> None:
        begun.set()
        go_on.wait(10)
        ended.set()

    background = Background(turn, LONG)
    background.start()
    begun.wait(10)
    threading.Timer(0.05, go_on.set).start()
    assert background.stop(10)

    assert ended.is_set()
    assert not background.running


def test_a_turn_may_stop_its_own_loop():
    """Called from within the turn, stopping does not wait for itself."""
    stopped = threading.Event()

    def turn() -> None:
        background.stop(10)
        stopped.set()

    background = Background(turn, LONG)
    background.start()

    assert stopped.wait(5)


async def test_a_task_does_not_hold_up_the_event_loop():
    """While a turn works on its thread, other tasks go on; the task is woken from any thread."""
    begun, go_on, again = threading.Event(), threading.Event(), threading.Event()
    turns = []

    def turn() -> None:
        turns.append(threading.current_thread() is threading.main_thread())
        (again if begun.is_set() else begun).set()
        go_on.wait(10)

    background = Background(turn, LONG)
    assert await background.start()
    await asyncio.to_thread(begun.wait, 10)
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.to_thread(news.tell, {("default", "default"): 1})
    assert await asyncio.to_thread(again.wait, 10)
    assert await background.stop(10)

    assert turns == [False, False]
    assert not background.running


def test_a_task_can_be_stopped_from_another_thread():
    """Stopped from outside its event loop, the call waits until the task has ended."""
    background = Background(lambda: None, LONG)
    ready, over = threading.Event(), threading.Event()

    async def program() -> None:
        background.start()
        ready.set()
        await asyncio.to_thread(over.wait, 10)

    thread = threading.Thread(target=asyncio.run, args=(program(),))
    thread.start()
    ready.wait(10)
    stopped = background.stop(10)
    running = background.running
    over.set()
    thread.join(10)

    assert stopped
    assert not running


def test_the_batch_follows_the_queue_within_bounds():
    """Never fewer than configured, never more than 40 times that; slow batches halve it, quick ones let it grow again."""
    size = BatchSize(25)
    assert [size.next(depth) for depth in (0, 25, 26, 400, 10**6)] == [25, 25, 26, 400, 25 * GROWTH]

    for _ in range(20):
        size.took(2.0)
    assert size.next(10**6) == 25
    for _ in range(20):
        size.took(0.01)
    assert size.next(10**6) == 25 * GROWTH
