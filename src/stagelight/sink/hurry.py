"""How long what a program logs waits for its store: a second in all, so that no request stands still behind a lock.

`log_feedback` and its kin enter `hurrying()`, the store asks `left_s()` before it waits. Loops, joins and commands enter
nothing, and have the store's own patience.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from stagelight import _clock

if TYPE_CHECKING:
    from collections.abc import Iterator

HURRY_S: Final = 1.0  #: What `log_feedback`, `log_prediction` and `log_truth` wait for other writers, at most.

_until_ns: ContextVar[int | None] = ContextVar("stagelight_hurry", default=None)


@contextmanager
def hurrying() -> Iterator[None]:
    """Wait no longer than `HURRY_S` in all inside the block; in a block within a block what is left of the outer one."""
    if _until_ns.get() is not None:
        yield
        return
    token = _until_ns.set(_clock.monotonic_ns() + int(HURRY_S * 1e9))
    try:
        yield
    finally:
        _until_ns.reset(token)


def left_s() -> float | None:
    """Return how many seconds may still be waited; None where nobody is in a hurry.

    >>> with hurrying():
    ...     round(left_s(), 1)
    1.0
    """
    until_ns = _until_ns.get()
    return None if until_ns is None else max(0.0, (until_ns - _clock.monotonic_ns()) / 1e9)
