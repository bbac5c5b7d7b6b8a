"""Whoever wants to know of something that happened in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, ParamSpec

from stagelight import _guard

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")


class Listeners(Generic[P]):
    """Functions that are called with what happened, in the order they subscribed."""

    def __init__(self) -> None:
        """Begin with none."""
        self._called: list[Callable[P, object]] = []

    def subscribe(self, listener: Callable[P, object]) -> None:
        """Call `listener` from now on; once, however often it subscribes."""
        if listener not in self._called:
            self._called.append(listener)

    def unsubscribe(self, listener: Callable[P, object]) -> None:
        """Call `listener` no longer."""
        if listener in self._called:
            self._called.remove(listener)

    def tell(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Say what happened; never raises."""
        for listener in (*self._called,):
            _guard.attempt("sink", listener, *args, **kwargs)
