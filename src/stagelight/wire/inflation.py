"""Bodies as they come off the network to plain bytes, never holding more than the limits allow."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from stagelight.errors import BodyTooLargeError, MalformedBodyError, UnsupportedMediaError
from stagelight.wire.limits import DEFAULT

if TYPE_CHECKING:
    from stagelight.wire.limits import Limits

# zlib's window bits: 16 + 15 reads a gzip frame, 15 a zlib one, which is what HTTP calls deflate.
_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_PLAIN: Final = ("", "identity")

#: gzip allows frames one after another; each costs a decompressor, so an endless row of empty ones is refused.
MAX_FRAMES: Final = 100


class Inflater:
    """Inflate a body piece by piece, and stop at the first byte over a limit.

    >>> inflater = Inflater("gzip")
    >>> import gzip
    >>> for piece in (gzip.compress(b"hello")[:9], gzip.compress(b"hello")[9:]):
    ...     inflater.feed(piece)
    >>> inflater.finish()
    b'hello'
    """

    __slots__ = ("_bits", "_encoding", "_frame", "_frames", "_limits", "_out", "_received")

    def __init__(self, encoding: str = "", limits: Limits = DEFAULT) -> None:
        """Read `encoding`, the value of the Content-Encoding header.

        Raises:
            UnsupportedMediaError: The encoding is neither gzip, deflate nor identity.
        """
        name = encoding.strip().lower()
        if name not in _PLAIN and name not in _WINDOW_BITS:
            raise UnsupportedMediaError(f"Content-Encoding {name[:40]!r} is not supported: send gzip, deflate or none.")
        self._encoding = name
        self._bits = _WINDOW_BITS.get(name)
        self._frame = zlib.decompressobj(self._bits) if self._bits else None
        self._frames = 1
        self._limits = limits
        self._received = 0
        self._out = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next piece as received.

        Raises:
            BodyTooLargeError: A limit is passed, compressed or inflated.
            MalformedBodyError: The bytes are not what the encoding says.
        """
        self._received += len(chunk)
        if self._bits is None:
            self._keep(chunk)
            return
        if self._received > self._limits.compressed_bytes:
            raise BodyTooLargeError(f"The compressed body is over {self._limits.compressed_bytes} bytes.")
        while chunk:
            chunk = self._inflate(chunk)

    def finish(self) -> bytes:
        """The whole body, inflated.

        Raises:
            MalformedBodyError: The compressed body ends too early.
        """
        if self._frame is not None and not self._frame.eof:
            raise MalformedBodyError(f"The {self._encoding} body ends too early.")
        return bytes(self._out)

    def _inflate(self, chunk: bytes) -> bytes:
        """Inflate what the current frame takes of `chunk`; give back the rest."""
        frame = self._next_frame() if self._frame is None or self._frame.eof else self._frame
        room = self._limits.inflated_bytes - len(self._out)
        try:
            self._keep(frame.decompress(chunk, room + 1))
        except zlib.error as error:
            raise MalformedBodyError(f"The body is not valid {self._encoding}: {error}.") from None
        return frame.unused_data if frame.eof else frame.unconsumed_tail

    def _next_frame(self) -> zlib._Decompress:
        self._frames += 1
        if self._encoding == "deflate" or self._frames > MAX_FRAMES:
            raise MalformedBodyError(f"The {self._encoding} body goes on after its end.")
        self._frame = zlib.decompressobj(self._bits or 0)
        return self._frame

    def _keep(self, plain: bytes) -> None:
        if len(self._out) + len(plain) > self._limits.inflated_bytes:
            raise BodyTooLargeError(f"The body is over {self._limits.inflated_bytes} bytes when inflated.")
        self._out += plain


def inflate(body: bytes, encoding: str = "", limits: Limits = DEFAULT) -> bytes:
    """Inflate a whole body at once, within the limits.

    Raises:
        BodyTooLargeError: A limit is passed, compressed or inflated.
        MalformedBodyError: The bytes are not what the encoding says, or end too early.
        UnsupportedMediaError: The encoding is neither gzip, deflate nor identity.

    >>> inflate(b"plain")
    b'plain'
    """
    inflater = Inflater(encoding, limits)
    inflater.feed(body)
    return inflater.finish()
