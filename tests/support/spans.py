"""Spans for tests, and their bytes."""

from __future__ import annotations

import itertools

from stagelight import _clock, wire
from stagelight.wire.records import SpanRecord

_numbers = itertools.count(1)


def span(name: str = "answer", *, trace: int = 1, parent: str = "", **more: object) -> SpanRecord:
    """A span that ended just now, of trace number `trace`."""
    now = _clock.wall_ns()
    return SpanRecord(
        **{
            "trace_id": f"{trace:032x}",
            "span_id": f"{next(_numbers):016x}",
            "parent_id": parent,
            "name": name,
            "start_ns": now - 5_000_000,
            "end_ns": now,
            "resource": {"service.name": "shop"},
            **more,
        }
    )


def body(*spans: SpanRecord) -> bytes:
    """An OTLP request in protobuf."""
    return wire.encode_traces(spans, "protobuf")


def length_delimited(field: int, payload: bytes) -> bytes:
    """A field of a protobuf message, written by hand: the official library would need hundreds of megabytes."""
    length, out = len(payload), bytearray([field << 3 | 2])
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    return bytes([*out, length]) + payload


def bomb(count: int = 5_000_000) -> bytes:
    """A request with `count` empty spans, two bytes each."""
    return length_delimited(1, length_delimited(2, b"\x12\x00" * count))
