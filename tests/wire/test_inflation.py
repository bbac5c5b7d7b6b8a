"""Compressed bodies: inflated piece by piece, refused at the first byte over a limit."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight import wire
from stagelight.errors import BodyTooLargeError, MalformedBodyError, UnsupportedMediaError
from stagelight.wire.inflation import MAX_FRAMES

SMALL = wire.Limits(compressed_bytes=1_000, inflated_bytes=5_000)
COMPRESS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes, "": bytes}


@given(st.binary(max_size=300), st.sampled_from(sorted(COMPRESS)), st.integers(1, 50))
def test_any_body_in_any_pieces(body: bytes, encoding: str, size: int) -> None:
    """However the network cuts a body, what was sent is what comes out."""
    sent = COMPRESS[encoding](body)
    inflater = wire.Inflater(encoding)

    for start in range(0, len(sent), size):
        inflater.feed(sent[start : start + size])

    assert inflater.finish() == body


def test_the_name_of_the_encoding_is_read_leniently() -> None:
    """Case and blanks of the header do not matter."""
    assert wire.inflate(gzip.compress(b"x", mtime=0), " GZip ") == b"x"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    """What cannot be read is 415, with what can."""
    with pytest.raises(UnsupportedMediaError, match=r"is not supported: send gzip, deflate or none\.$"):
        wire.inflate(b"", encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_stopped_at_the_limit(encoding: str) -> None:
    """A body that inflates to sixteen times the limit costs no more memory than the limit allows."""
    deflated = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    bomb = b"".join(deflated.compress(bytes(2**20)) for _ in range(256)) + deflated.flush()
    tracemalloc.start()

    with pytest.raises(BodyTooLargeError, match=r"^The body is over 16777216 bytes when inflated\.$"):
        wire.inflate(bomb, encoding)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * 2**20


def test_exactly_the_limit_is_taken() -> None:
    """The limit itself is not over the limit."""
    assert len(wire.inflate(gzip.compress(bytes(5_000)), "gzip", SMALL)) == 5_000
    assert len(wire.inflate(bytes(5_000), "", SMALL)) == 5_000


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_one_byte_more_is_refused(encoding: str) -> None:
    """A plain body has the limit of an inflated one."""
    with pytest.raises(BodyTooLargeError, match=r"^The body is over 5000 bytes when inflated\.$"):
        wire.inflate(COMPRESS[encoding](bytes(5_001)), encoding, SMALL)


def test_too_many_compressed_bytes_are_refused() -> None:
    """The limit for what is received counts before inflation."""
    with pytest.raises(BodyTooLargeError, match=r"^The compressed body is over 1000 bytes\.$"):
        wire.inflate(bytes(1_001), "gzip", SMALL)


@pytest.mark.parametrize(
    ("body", "encoding", "sentence"),
    [
        (b"plain text", "gzip", "The body is not valid gzip: "),
        (b"plain text", "deflate", "The body is not valid deflate: "),
        (gzip.compress(b"x", mtime=0), "deflate", "The body is not valid deflate: "),
        (b"", "gzip", "The gzip body ends too early."),
        (gzip.compress(b"hello", mtime=0)[:-1], "gzip", "The gzip body ends too early."),
        (zlib.compress(b"hello")[:-1], "deflate", "The deflate body ends too early."),
        (gzip.compress(b"x", mtime=0) + b"rest", "gzip", "The body is not valid gzip: "),
        (zlib.compress(b"x") + b"rest", "deflate", "The deflate body goes on after its end."),
        (gzip.compress(b"", mtime=0) * (MAX_FRAMES + 1), "gzip", "The gzip body goes on after its end."),
    ],
)
def test_a_broken_body_is_refused(body: bytes, encoding: str, sentence: str) -> None:
    """Garbage, a cut body and bytes after the end are 400."""
    with pytest.raises(MalformedBodyError) as caught:
        wire.inflate(body, encoding)

    assert str(caught.value).startswith(sentence)


def test_frames_of_gzip_one_after_another_are_one_body() -> None:
    """Files of gzip may be concatenated, and some senders do."""
    assert wire.inflate(gzip.compress(b"a", mtime=0) + gzip.compress(b"b"), "gzip") == b"ab"
