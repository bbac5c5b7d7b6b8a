"""What every `with` statement of ours shares: `async with` does the same, for nothing here waits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from types import TracebackType

T_co = TypeVar("T_co", covariant=True)


class Block(ABC, Generic[T_co]):
    """A context manager, sync and async."""

    @abstractmethod
    def __enter__(self) -> T_co:
        """Begin; the block's value is returned."""

    @abstractmethod
    def leave(self, error: BaseException | None, /) -> None:
        """End, with the exception that leaves the block or None; it always passes through."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        self.leave(error)

    async def __aenter__(self) -> T_co:
        """Begin."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        self.leave(error)
