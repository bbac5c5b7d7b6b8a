"""Who wants to know that rewards were queued in this process: what counts them, and the loop that learns from them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight import _guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Queued = Mapping[tuple[str, str], int]
    Listener = Callable[[Queued], object]

_listeners: list[Listener] = []


def subscribe(listener: Listener) -> None:
    """Call `listener` with how many rewards were queued, by tenant and workspace; it must return at once."""
    if listener not in _listeners:
        _listeners.append(listener)


def unsubscribe(listener: Listener) -> None:
    """Call `listener` no longer."""
    if listener in _listeners:
        _listeners.remove(listener)


def tell(queued: Queued) -> None:
    """Say that rewards were queued, after their commit; never raises."""
    if queued:
        for listener in (*_listeners,):
            _guard.attempt("sink", listener, queued)
