"""Count what a protobuf body holds before it is parsed, so that a bomb costs milliseconds and no memory.

Protobuf's parser makes an object of some hundred bytes out of two bytes of body. The scan walks over tags and lengths alone,
follows the official message descriptors, and stops at the first limit.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor import FieldDescriptor

from stagelight.errors import BodyTooLargeError, MalformedBodyError

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

    from stagelight.wire.limits import Limits

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_RECORDS: Final = frozenset(
    {"Span", "LogRecord", "NumberDataPoint", "HistogramDataPoint", "ExponentialHistogramDataPoint", "SummaryDataPoint"}
)
_FIXED_WIDTHS: Final = {
    FieldDescriptor.TYPE_DOUBLE: 8,
    FieldDescriptor.TYPE_FIXED64: 8,
    FieldDescriptor.TYPE_SFIXED64: 8,
    FieldDescriptor.TYPE_FLOAT: 4,
    FieldDescriptor.TYPE_FIXED32: 4,
    FieldDescriptor.TYPE_SFIXED32: 4,
}
_TRUNCATED: Final = "The protobuf body ends too early."
_NOT_OTLP: Final = "The body is not OTLP protobuf."
_MORE: Final = 0x80  #: A varint's byte at or over this has another after it.
_LONGEST_VARINT: Final = 10

# Tags inside an attribute: its key and a value's text, its value, a value's double; a value's boolean and integer.
_TEXT, _VALUE, _DOUBLE = 0x0A, 0x12, 0x21
_SMALL_NUMBERS: Final = (0x10, 0x18)


class Plan:
    """What the scan must know of one message type."""

    __slots__ = ("arrays", "children", "is_attribute", "is_record", "repeated")

    def __init__(self, descriptor: Descriptor) -> None:
        """Read the official descriptor; the plans of nested types follow in `plan_of`."""
        self.is_record = descriptor.name in _RECORDS
        self.is_attribute = descriptor.name == "KeyValue"
        self.children: dict[int, Plan] = {}  #: Tag of a nested message -> its plan.
        self.arrays: dict[int, int] = {}  #: Tag of packed numbers -> least bytes for each.
        self.repeated: frozenset[int] = frozenset()  #: Tags of single elements of repeated scalars and texts.


@cache
def plan_of(descriptor: Descriptor) -> Plan:
    """The plan for a message type and everything inside it; made once."""
    return _build(descriptor, {})


def _build(descriptor: Descriptor, done: dict[str, Plan]) -> Plan:
    if descriptor.full_name in done:
        return done[descriptor.full_name]
    plan = done[descriptor.full_name] = Plan(descriptor)
    repeated: set[int] = set()
    for field in descriptor.fields:
        tag = field.number << 3
        if field.message_type is not None:
            plan.children[tag | _BYTES] = _build(field.message_type, done)
        elif field.is_repeated:
            repeated.update(tag | wire for wire in (_VARINT, _FIXED64, _FIXED32))
            if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
                repeated.add(tag | _BYTES)
            else:
                plan.arrays[tag | _BYTES] = _FIXED_WIDTHS.get(field.type, 1)
    plan.repeated = frozenset(repeated)
    return plan


def check(body: bytes, descriptor: Descriptor, limits: Limits) -> int:
    """How many records (spans, log records, data points) the body holds; nothing is parsed or kept.

    Raises:
        BodyTooLargeError: More records, nested messages or numbers than the limits allow.
        MalformedBodyError: The bytes are not protobuf, or nested deeper than `limits.depth`.
    """
    try:
        return _walk(body, plan_of(descriptor), limits)
    except IndexError:
        raise MalformedBodyError(_TRUNCATED) from None


def _walk(body: bytes, plan: Plan, limits: Limits) -> int:  # noqa: C901, PLR0912, PLR0915  one loop: a call for each field would cost thrice
    """Walk over every tag, without recursion and with one-byte numbers read in place."""
    position, end = 0, len(body)
    stack: list[tuple[Plan, int]] = []  # where the messages around this one go on
    records = parts = numbers = fields = 0
    most_records, most_parts, most_numbers, most_fields = limits.records, limits.parts, limits.numbers, limits.fields
    while True:
        while position >= end:
            if position > end:  # what is longer than the message it lies in is caught here too
                raise MalformedBodyError(_TRUNCATED)
            if not stack:
                return records
            plan, end = stack.pop()
        fields += 1
        tag = body[position]
        position += 1
        if tag >= _MORE:
            tag, position = _varint(body, position - 1)
        if tag in plan.repeated:
            numbers += 1
        wire = tag & 7
        if wire == _BYTES:
            size = body[position]
            position += 1
            if size >= _MORE:
                size, position = _varint(body, position - 1)
            stop = position + size
            child = plan.children.get(tag)
            if child is None:
                if tag in plan.arrays:
                    numbers += size // plan.arrays[tag]
                position = stop
            else:
                parts += 1
                records += child.is_record
                if child.is_attribute and _is_plain(body, position, stop):
                    position = stop
                else:
                    stack.append((plan, end))
                    plan, end = child, stop
                    if len(stack) > limits.depth:
                        raise MalformedBodyError(f"The body is nested deeper than {limits.depth} messages.")
        elif wire == _VARINT:
            while body[position] >= _MORE:
                position += 1
            position += 1
        elif wire == _FIXED64:
            position += 8
        elif wire == _FIXED32:
            position += 4
        else:
            raise MalformedBodyError(_NOT_OTLP)
        if fields > most_fields or records > most_records or parts > most_parts or numbers > most_numbers:
            raise _over(limits, records=records)


def _over(limits: Limits, *, records: int) -> BodyTooLargeError:
    if records > limits.records:
        return BodyTooLargeError(f"The body holds more than {limits.records} records: send smaller batches.")
    return BodyTooLargeError("The body holds too many values: send smaller batches.")


def _is_plain(body: bytes, position: int, stop: int) -> bool:
    """Whether an attribute is nothing but a short key and one short text or number, as nearly all are: no need to descend.

    Exact, byte by byte: whatever this let pass uncounted could be repeated a million times.
    """
    if stop - position < 4 or body[position] != _TEXT or body[position + 1] >= _MORE:  # noqa: PLR2004  two tags, two lengths
        return False
    value = position + 2 + body[position + 1]
    if value + 3 >= stop or body[value] != _VALUE or value + 2 + body[value + 1] != stop:
        return False
    first = body[value + 2]
    if first == _TEXT:
        return value + 4 + body[value + 3] == stop
    if first == _DOUBLE:
        return value + 11 == stop
    return first in _SMALL_NUMBERS and value + 4 == stop and body[value + 3] < _MORE


def _varint(body: bytes, position: int) -> tuple[int, int]:
    """A varint of several bytes, and the position after it."""
    value = shift = 0
    for _ in range(_LONGEST_VARINT):
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, position
        shift += 7
    raise MalformedBodyError(_NOT_OTLP)
