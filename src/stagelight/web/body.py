"""Read a request's body without ever holding more of it than is allowed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from starlette.requests import ClientDisconnect

from stagelight.errors import BodyTooLargeError, StoreUnavailableError, UnsupportedMediaError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

READ_SECONDS = 30.0  #: A body that takes longer is given up.
DRAIN_BYTES = (
    64 * 2**20
)  #: Read and thrown away after a refusal, so that a client that is still sending gets to see it.
DRAIN_SECONDS = 5.0
HELD_BYTES = 64 * 2**20  #: Bodies held in memory at once, all requests together.


class Held:
    """Counts the bytes of bodies in memory, so that many large requests at once cannot add up to more than is allowed.

    Used by the event loop alone, so it needs no lock.
    """

    def __init__(self, limit: int = HELD_BYTES) -> None:
        """Allow `limit` bytes in all."""
        self._limit = limit
        self.bytes = 0  #: Held now.

    def add(self, count: int) -> None:
        """Hold `count` bytes more.

        Raises:
            StoreUnavailableError: It would be more than the limit; the client should send again later.
        """
        if self.bytes + count > self._limit:
            raise StoreUnavailableError(f"Busy: {self.bytes} bytes of other requests wait to be stored. Send again.")
        self.bytes += count

    def release(self, count: int) -> None:
        """Forget `count` bytes."""
        self.bytes -= count


class Body:
    """The body of one request, read once and counted in `held` until the block ends.

    Use as `async with Body(request, held, limit=…) as body: … body.data …`.
    """

    def __init__(self, request: Request, held: Held, *, limit: int) -> None:
        """Read at most `limit` bytes of `request`."""
        self._request = request
        self._held = held
        self._limit = limit
        self._counted = 0
        self.data = b""

    async def __aenter__(self) -> Self:
        """Read the body.

        Raises:
            BodyTooLargeError: It is longer than the limit; the rest of it has been read and thrown away.
            StoreUnavailableError: Too many bodies are held already, or the client was too slow.
        """
        try:
            async with asyncio.timeout(READ_SECONDS):
                self.data = await self._read()
        except TimeoutError:
            self._forget()
            raise StoreUnavailableError(f"The body did not arrive within {READ_SECONDS:.0f} s. Send again.") from None
        except (BodyTooLargeError, StoreUnavailableError):
            self._forget()
            await drain(self._request)
            raise
        except BaseException:  # the client hung up, or we are being stopped
            self._forget()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop counting the body."""
        self._forget()

    async def _read(self) -> bytes:
        self._check(declared_length(self._request))
        chunks = []
        async for chunk in self._request.stream():
            self._check(self._counted + len(chunk))
            self._held.add(len(chunk))
            self._counted += len(chunk)
            chunks.append(chunk)
        return b"".join(chunks)

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise BodyTooLargeError(f"The body is over {self._limit} bytes: send smaller batches.")

    def _forget(self) -> None:
        self._held.release(self._counted)
        self._counted = 0
        self.data = b""


def declared_length(request: Request) -> int:
    """The length that the client promised, in bytes; 0 where it promised none."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def media_type(request: Request) -> str:
    """The content type without its parameters, in lower case; empty where none was sent."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require_json(request: Request) -> None:
    """Refuse whatever a page of another site could send without asking first.

    Raises:
        UnsupportedMediaError: The content type is not `application/json`.
    """
    if media_type(request) != "application/json":
        raise UnsupportedMediaError(
            f"Content-Type {media_type(request)[:80] or 'missing'!r} is not supported: send application/json."
        )


async def drain(request: Request) -> None:
    """Read the rest of a refused body and throw it away, up to a bound.

    A server that answers and closes while the client is still sending resets the connection, and the client sees a
    broken pipe in place of the sentence that says what was wrong.
    """
    left = DRAIN_BYTES
    chunks: AsyncIterator[bytes] = request.stream()
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in chunks:
                left -= len(chunk)
                if left < 0:
                    return
    except (TimeoutError, RuntimeError, ClientDisconnect):
        # RuntimeError: the stream was consumed to its end already.
        return
