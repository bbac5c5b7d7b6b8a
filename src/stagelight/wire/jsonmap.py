"""OTLP's JSON objects into the official protobuf messages, field by field as their descriptors say.

OTLP departs from protobuf's own JSON mapping in one thing: ids are hex, not base64. Names may be camelCase or snake_case,
int64 a number or a text of digits, enums numbers or names; unknown fields are ignored; null means not set.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor import FieldDescriptor

from stagelight.errors import MalformedBodyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

    Put = Callable[[Message, Any], None]
    Convert = Callable[[Any], Any]

_IDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,400}(\.[0-9]{0,400})?([eE][+-]?[0-9]{1,4})?")
_NOT_FINITE: Final = ("NaN", "Infinity", "-Infinity")


def fill(message: Message, data: Any) -> None:
    """Set the fields of `message` from a JSON object.

    Raises:
        MalformedBodyError: A known field has a value its type does not allow; the message names field, wish and find.
    """
    if not isinstance(data, dict):
        raise MalformedBodyError(f"{message.DESCRIPTOR.name} wants an object, found {_shown(data)}.")
    puts = _puts(message.DESCRIPTOR)
    for name, value in data.items():
        put = puts.get(name)
        if put is not None and value is not None:
            put(message, value)


@cache
def _puts(descriptor: Descriptor) -> Mapping[str, Put]:
    """For each name a field may have in JSON: the function which sets it."""
    puts: dict[str, Put] = {}
    for field in descriptor.fields:
        puts[field.name] = puts[field.json_name] = _put(field)
    return puts


def _put(field: FieldDescriptor) -> Put:
    if field.message_type is not None:
        return _put_messages(field) if field.is_repeated else _put_message(field)
    return _put_scalars(field) if field.is_repeated else _put_scalar(field)


def _put_message(field: FieldDescriptor) -> Put:
    name = field.name

    def put(message: Message, value: Any) -> None:
        inner = getattr(message, name)
        inner.SetInParent()
        fill(inner, value)

    return put


def _put_messages(field: FieldDescriptor) -> Put:
    name = field.name

    def put(message: Message, value: Any) -> None:
        add = getattr(message, name).add
        for item in _list(field, value):
            fill(add(), item)

    return put


def _put_scalar(field: FieldDescriptor) -> Put:
    name, convert = field.name, _converter(field)

    def put(message: Message, value: Any) -> None:
        try:
            setattr(message, name, convert(value))
        except (TypeError, ValueError, OverflowError):
            raise _wrong(field, value) from None

    return put


def _put_scalars(field: FieldDescriptor) -> Put:
    name, convert = field.name, _converter(field)

    def put(message: Message, value: Any) -> None:
        values = _list(field, value)
        try:
            getattr(message, name).extend([convert(item) for item in values])
        except (TypeError, ValueError, OverflowError):
            raise _wrong(field, value) from None

    return put


def _list(field: FieldDescriptor, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedBodyError(f"{_named(field)} wants a list, found {_shown(value)}.")
    return value


def _converter(field: FieldDescriptor) -> Convert:
    if field.enum_type is not None:
        return _enum(field)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return bytes.fromhex if field.name in _IDS else _base64
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return _double
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _bool
    return _integer


def _enum(field: FieldDescriptor) -> Convert:
    numbers = {value.name: value.number for value in field.enum_type.values}

    def convert(value: Any) -> int:
        return numbers[value] if value in numbers else _integer(value)

    return convert


def _integer(value: Any) -> int:
    """A whole number, as 5, "5" or 5.0; the message itself refuses what is out of its field's range."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(_not_bool(value))
    raise ValueError


def _double(value: Any) -> float:
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value) and value not in _NOT_FINITE:
            raise ValueError
        return float(value)
    number = float(_not_bool(value))
    if not math.isfinite(number):  # 1e999: the text is finite, what fits in a double is not
        raise ValueError
    return number


def _not_bool(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _base64(value: Any) -> bytes:
    """Standard or URL-safe alphabet, with or without padding, as protobuf's mapping allows."""
    text = _text(value).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError from None


_WISHES: Final = {
    FieldDescriptor.TYPE_STRING: "text without lone surrogates",
    FieldDescriptor.TYPE_BOOL: "true or false",
    FieldDescriptor.TYPE_DOUBLE: "a number",
    FieldDescriptor.TYPE_ENUM: "a number or a name of its enum",
}


def _wrong(field: FieldDescriptor, value: Any) -> MalformedBodyError:
    if field.type == FieldDescriptor.TYPE_BYTES:
        wish = "hex digits" if field.name in _IDS else "base64"
    else:
        wish = _WISHES.get(field.type, "a whole number in its range")
    return MalformedBodyError(f"{_named(field)} wants {wish}, found {_shown(value)}.")


def _named(field: FieldDescriptor) -> str:
    return f"{field.containing_type.name}.{field.json_name}"


def _shown(value: Any) -> str:
    """The value as ASCII on one line, cut; objects and lists by their kind alone."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return ascii(value[:40] if isinstance(value, str) else value)[:60]
