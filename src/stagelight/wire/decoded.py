"""What a decoder gives back: the records, and how many it had to leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


class Decoded(list[T]):
    """A list of records which also says how many were left out, and why: OTLP's partial success.

    >>> got = Decoded(["a"])
    >>> got.reject("summaries are not supported", count=2)
    >>> got, got.rejected, got.message
    (['a'], 2, 'summaries are not supported')
    """

    __slots__ = ("message", "rejected")

    def __init__(self, records: Iterable[T] = ()) -> None:
        """Begin with `records` and nothing rejected."""
        super().__init__(records)
        self.rejected = 0
        self.message = ""

    def reject(self, message: str, *, count: int = 1) -> None:
        """Count `count` records as left out; the first message is the one that is kept."""
        self.rejected += count
        self.message = self.message or message
