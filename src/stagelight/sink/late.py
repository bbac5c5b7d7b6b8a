"""Who wants to know what became of rows that had waited in a spool: what follows a commit follows it then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight.sink.listeners import Listeners

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.sink.rows import Receipt, Row

_listeners: Listeners[[Row, Receipt]] = Listeners()

#: Call a function with each row that leaves a spool of this process, and with its receipt.
subscribe = _listeners.subscribe
unsubscribe = _listeners.unsubscribe


def tell(rows: Sequence[Row], receipts: Sequence[Receipt]) -> None:
    """Say what became of `rows`; never raises."""
    for row, receipt in zip(rows, receipts, strict=False):
        _listeners.tell(row, receipt)
