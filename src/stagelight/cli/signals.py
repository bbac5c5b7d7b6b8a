"""Being told to stop, by Ctrl-C or by a service manager."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Handler = Callable[[int, FrameType | None], object]


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Call `handler` on SIGINT and SIGTERM inside the block; one that a shell told us to ignore stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers, and only it is interrupted
        return
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def told() -> Iterator[threading.Event]:
    """Give an event that is set by SIGINT or SIGTERM, which do nothing else inside the block."""
    event = threading.Event()
    with handled(lambda *_: event.set()):
        yield event


def until_told() -> None:
    """Wait for SIGINT or SIGTERM."""
    with told() as event:
        event.wait()
