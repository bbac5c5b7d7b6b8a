"""Small bodies that would become large objects are refused before they are parsed."""

from __future__ import annotations

import gzip
import tracemalloc
from time import thread_time

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from drawn_records import span
from stagelight import wire
from stagelight.errors import BodyTooLargeError, MalformedBodyError
from stagelight.wire import prescan
from stagelight.wire.limits import DEFAULT

MIB = 2**20
MANY = 800_000
IDS = b"\x0a\x10" + b"\x01" * 16 + b"\x12\x08" + b"\x01" * 8


#: A tenth of the real limits and bodies, since measuring memory slows all down tenfold.
TENTH = wire.Limits(inflated_bytes=2 * MIB, parts=50_000, numbers=50_000, fields=200_000, records=1_000)


def varint(number: int) -> bytes:
    """A number as protobuf writes lengths."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def of_span(content: bytes) -> bytes:
    """A request with one span."""
    return field(1, field(2, field(2, content)))


def of_metric(content: bytes) -> bytes:
    """A request with one metric."""
    return field(1, field(2, field(2, field(1, b"m") + content)))


def nested(levels: int) -> bytes:
    """A value inside lists inside lists."""
    value = b""
    for _ in range(levels):
        value = field(5, field(1, value))
    return value


# A key of five bytes whose length is written in two, a list of fifty, a field to fill up, a text. Read with a length of one
# byte, the same bytes are a key of 133 bytes and the short text.
LIST = field(2, field(5, b"\x0a\x00" * 50))
DISGUISED = b"\x0a\x85\x00" + b"key.." + LIST + field(15, bytes(125 - len(LIST))) + b"\x12\x03\x0a\x01x"

PROTOBUF = {
    "spans": field(1, field(2, b"\x12\x00" * MANY)),
    "resources": b"\x0a\x00" * MANY,
    "attributes": of_span(IDS + b"\x4a\x00" * MANY),
    "values of one attribute": of_span(IDS + field(9, field(2, field(5, b"\x0a\x00" * MANY)))),
    "small lists": of_span(IDS + field(9, field(1, b"k") + field(2, field(5, b"\x0a\x00" * 40))) * 15_000),
    "lists that look like a text": of_span(IDS + field(9, DISGUISED) * 12_000),
    "lists after a text": of_span(IDS + field(9, b"\x0a\x00\x12\x08\x0a\x00" + b"\x2a\x00" * 3) * 45_000),
    "lists after a number": of_span(IDS + field(9, b"\x0a\x00\x12\x0a\x10\x00" + b"\x2a\x00\x32\x00" * 2) * 45_000),
    "one message given again and again": field(1, b"\x0a\x00" * MANY),
    "texts": field(1, field(1, field(3, b"\x1a\x00" * MANY))),
    "unknown numbers": b"\x98\x06\x01" * 600_000,
}
METRICS = {
    "packed buckets": of_metric(field(10, field(1, field(8, field(2, b"\x01" * MANY))))),
    "single buckets": of_metric(field(10, field(1, field(8, b"\x10\x01" * MANY)))),
    "points": of_metric(field(5, b"\x0a\x00" * MANY)),
}
JSON = {
    "objects": b'{"resourceSpans":[' + b"{}," * 500_000 + b"{}]}",
    "lists": b"[" * 1_600_000,
    "texts": b'["ab"' + b',"ab"' * 300_000 + b"]",
    "numbers": b"[1" + b",1" * 700_000 + b"]",
}


def _refused_cheaply(decode: object, body: bytes, media: wire.Media, *, copies: float) -> str:
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError) as caught:
            decode(body, media, TENTH)  # type: ignore[operator]  one of the decoders
        assert tracemalloc.get_traced_memory()[1] < copies * len(body) + MIB // 4
    finally:
        tracemalloc.stop()
    return str(caught.value)


def test_five_million_spans_in_ten_kilobytes_are_refused_in_milliseconds() -> None:
    """The bomb of 9.8 kB: refused while it is inflated and counted, not after it is parsed."""
    bomb = gzip.compress(field(1, field(2, b"\x12\x00" * 5_000_000)))
    assert len(bomb) < 10_000

    plain = wire.inflate(bomb, "gzip")
    seconds = min(_seconds_to_refuse(plain) for _ in range(3))

    print(f"refused in {seconds * 1000:.1f} ms after inflation")
    assert seconds < 0.1


def _seconds_to_refuse(body: bytes) -> float:
    started = thread_time()  # not the wall's: other work on the machine does not count
    with pytest.raises(BodyTooLargeError, match=r"^The body holds more than 10000 records: send smaller batches\.$"):
        wire.decode_traces(body, "protobuf")
    return thread_time() - started


@pytest.mark.parametrize("name", PROTOBUF)
def test_a_protobuf_bomb_costs_no_memory(name: str) -> None:
    """Whatever is repeated at two bytes each, the count stops it; memory stays where it was."""
    message = _refused_cheaply(wire.decode_traces, PROTOBUF[name], "protobuf", copies=0)

    assert message.startswith("The body holds ")


@pytest.mark.parametrize("name", METRICS)
def test_a_metrics_bomb_costs_no_memory(name: str) -> None:
    """Buckets are counted too, packed or one by one."""
    message = _refused_cheaply(wire.decode_metrics, METRICS[name], "protobuf", copies=0)

    assert message.startswith("The body holds ")


def test_each_kind_of_count_has_its_own_limit() -> None:
    """Nested messages, numbers and fields are each refused at one more than their limit, and taken at it."""
    one = wire.Limits(parts=10, numbers=10, fields=40)
    buckets = b"\x10\x01"
    for build, most in (
        (lambda count: of_span(IDS + b"\x4a\x00" * count), one.parts - 3),
        (lambda count: of_metric(field(10, field(1, field(8, buckets * count)))), one.numbers),
        (lambda count: of_metric(field(10, field(1, field(8, field(2, b"\x01" * count))))), one.numbers),
        (lambda count: of_metric(field(9, field(1, field(6, bytes(8 * count))))), one.numbers),
        (lambda count: of_span(IDS + b"\x98\x06\x01" * count), one.fields - 5),
    ):
        descriptor = (ExportMetricsServiceRequest if most == one.numbers else ExportTraceServiceRequest).DESCRIPTOR
        prescan.check(build(most), descriptor, one)
        with pytest.raises(BodyTooLargeError, match=r"^The body holds too many values"):
            prescan.check(build(most + 1), descriptor, one)


@pytest.mark.parametrize(
    "body", [b"\x0a\x02\x12\x05abcde", b"\x0a\x03\x0a\x01\x0d", b"\x0a\x05ab", b"\x09\x01", b"\x0a"]
)
def test_the_count_alone_refuses_what_overruns(body: bytes) -> None:
    """A field longer than its message ends the count: it never reads another's bytes as its own."""
    with pytest.raises(MalformedBodyError, match=r"^The protobuf body ends too early\.$"):
        prescan.check(body, ExportTraceServiceRequest.DESCRIPTOR, DEFAULT)


@pytest.mark.parametrize("name", JSON)
def test_a_json_bomb_costs_no_more_than_copies_of_itself(name: str) -> None:
    """Braces, commas and texts are counted in the text; none of them becomes an object."""
    message = _refused_cheaply(wire.decode_traces, JSON[name], "json", copies=3)

    assert message == "The body holds too many values: send smaller batches."


@pytest.mark.parametrize("media", ["protobuf", "json"])
def test_the_limit_of_records_is_exact(media: wire.Media) -> None:
    """As many spans as the limit are taken, one more is refused, in both encodings."""
    limits = wire.Limits(records=3)
    body = {count: wire.encode_traces([span(n) for n in range(1, count + 1)], media) for count in (3, 4)}

    assert len(wire.decode_traces(body[3], media, limits)) == 3
    with pytest.raises(BodyTooLargeError, match=r"^The body holds more than 3 records: send smaller batches\.$"):
        wire.decode_traces(body[4], media, limits)


@pytest.mark.parametrize("media", ["protobuf", "json"])
def test_a_body_over_the_limit_is_refused_unread(media: wire.Media) -> None:
    """Also a caller who does not inflate is held to the limit."""
    with pytest.raises(BodyTooLargeError, match=r"^The body is over 10 bytes\.$"):
        wire.decode_traces(b"x" * 11, media, wire.Limits(inflated_bytes=10))


def test_deep_protobuf_is_refused() -> None:
    """Nesting that no program needs, and that a recursive reader would die of."""
    assert wire.decode_traces(of_span(IDS + field(9, field(2, nested(20)))), "protobuf")[0].attributes
    with pytest.raises(MalformedBodyError, match=r"^The body is nested deeper than 64 messages\.$"):
        wire.decode_traces(of_span(IDS + field(9, field(2, nested(3_000)))), "protobuf")


def test_deep_json_is_refused() -> None:
    """The same for JSON, where the parser would raise a RecursionError."""
    assert wire.decode_traces(b'{"x":' + b"[" * 95 + b"]" * 95 + b"}", "json") == []
    with pytest.raises(MalformedBodyError, match=r"^The body is nested deeper than 96 objects and lists\.$"):
        wire.decode_traces(b"[" * 100_000 + b"]" * 100_000, "json")
    with pytest.raises(MalformedBodyError, match=r"^The body is not JSON: its brackets do not match\.$"):
        wire.decode_traces(b"[" * 100_000, "json")


def test_brackets_inside_texts_do_not_count() -> None:
    """A prompt full of code, quotes and backslashes is one text, however many braces it has."""
    prompt = '{[,"\\' * 400_000 + "\\\\"
    body = wire.encode_traces([span(attributes={"prompt": prompt})], "json")

    (got,) = wire.decode_traces(body, "json")

    assert got.attributes["prompt"] == prompt


@pytest.mark.parametrize(
    "body",
    [
        b"\xff" * 1000,
        b"\x00" * 1000,
        b"\x0b\x0c",  # a group
        b"\x0a",  # a length is missing
        b"\x0a\x05ab",  # shorter than it says
        b"\x0a\x02\x12\x05",  # longer than what holds it
        b"\x09\x01",  # eight bytes are missing
        b"\x0d\x01",  # four bytes are missing
        b"\x08\xff",  # a number goes on
        b"\x0a\x03\x0a\x01\x0d",  # a number of four bytes reaches over its message
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # a length of eleven bytes
        b"\x07",  # a wire type that does not exist
        b"hello, world",
        b'{"resourceSpans": []}',
    ],
)
def test_what_is_not_protobuf_is_refused(body: bytes) -> None:
    """Garbage and cut bodies are 400 with one sentence."""
    with pytest.raises(
        MalformedBodyError,
        match=r"^The (protobuf body ends too early|body is not OTLP protobuf(, or a text in it is not UTF-8)?)\.$",
    ):
        wire.decode_traces(body, "protobuf")


def test_text_that_is_not_utf8_is_refused() -> None:
    """Surrogates and broken bytes in a protobuf text never reach a record."""
    for name in (b"\xed\xa0\x80", b"\xff"):
        with pytest.raises(
            MalformedBodyError, match=r"^The body is not OTLP protobuf, or a text in it is not UTF-8\.$"
        ):
            wire.decode_traces(of_span(IDS + field(5, name)), "protobuf")


@pytest.mark.parametrize("size", [0, 1, 15, 17])
def test_an_id_of_the_wrong_length_is_refused(size: int) -> None:
    """A trace id has 16 bytes, in logs too unless it is left out."""
    with pytest.raises(MalformedBodyError, match=rf"^Span.traceId wants 16 bytes \(32 hex digits\), found {size}\.$"):
        wire.decode_traces(of_span(field(1, b"\x01" * size) + field(2, b"\x01" * 8)), "protobuf")
    if size:
        with pytest.raises(MalformedBodyError, match=r"^LogRecord.traceId wants 16 bytes"):
            wire.decode_logs(of_span(field(9, b"\x00" * size)), "protobuf")
