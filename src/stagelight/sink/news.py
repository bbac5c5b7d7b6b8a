"""Who wants to know that rewards were queued in this process: what counts them, and the loop that learns from them at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from stagelight.sink.listeners import Listeners

Queued: TypeAlias = Mapping[tuple[str, str], int]  #: How many, by tenant and workspace.

_listeners: Listeners[[Queued]] = Listeners()

#: Call a function with how many rewards were queued; it must return at once.
subscribe = _listeners.subscribe
unsubscribe = _listeners.unsubscribe


def tell(queued: Queued) -> None:
    """Say that rewards were queued, after their commit; never raises."""
    if queued:
        _listeners.tell(queued)
