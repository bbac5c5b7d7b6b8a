"""Who wants to know what became of rows that had waited in a spool: what follows a commit follows it then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight import _guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stagelight.sink.rows import Receipt, Row

    Listener = Callable[[Row, Receipt], object]

_listeners: list[Listener] = []


def subscribe(listener: Listener) -> None:
    """Call `listener` with each row that leaves a spool of this process, and with its receipt."""
    if listener not in _listeners:
        _listeners.append(listener)


def unsubscribe(listener: Listener) -> None:
    """Call `listener` no longer."""
    if listener in _listeners:
        _listeners.remove(listener)


def tell(rows: Sequence[Row], receipts: Sequence[Receipt]) -> None:
    """Say what became of `rows`; never raises."""
    for row, receipt in zip(rows, receipts, strict=False):
        for listener in (*_listeners,):
            _guard.attempt("sink", listener, row, receipt)
