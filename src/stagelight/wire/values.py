"""OTLP's attribute values to plain Python values, and back to OTLP JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from sys import intern
from typing import TYPE_CHECKING, Any, Final

from stagelight.errors import MalformedBodyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    from stagelight.wire.records import Attributes, Value

MAX_NANOSECONDS: Final = 2**63 - 1
_INT64: Final = range(-(2**63), 2**63)

#: Values nested deeper are written as text: no reader of protobuf goes below 100 messages.
MAX_NESTING: Final = 16


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    """Attributes as a dict; of a key given twice the last counts.

    Keys are shared between records: thousands of spans repeat the same few.
    """
    return {intern(pair.key): value(pair.value) for pair in pairs}


def value(any_value: AnyValue) -> Value:  # noqa: PLR0911  one return for each kind of value
    """A plain value: bytes as base64 text, NaN and infinities as the texts `NaN`, `Infinity`, `-Infinity`.

    A model which logs a NaN must not lose the spans that travel with it, and a record holds finite numbers alone.
    """
    kind = any_value.WhichOneof("value")
    if kind == "string_value":
        return any_value.string_value
    if kind == "int_value":
        return any_value.int_value
    if kind == "double_value":
        return finite(any_value.double_value)
    if kind == "bool_value":
        return any_value.bool_value
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: value(pair.value) for pair in any_value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(any_value.bytes_value).decode("ascii")
    return None


def finite(number: float) -> float | str:
    """The number, or its name in protobuf's JSON where it is not finite.

    >>> finite(0.5), finite(float("nan")), finite(float("-inf"))
    (0.5, 'NaN', '-Infinity')
    """
    if math.isfinite(number):
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def hex_id(raw: bytes, size: int, field: str) -> str:
    """An id as lower-case hex.

    Raises:
        MalformedBodyError: Not `size` bytes, or all of them zero, which W3C's trace context calls invalid.
    """
    if len(raw) != size:
        raise MalformedBodyError(f"{field} wants {size} bytes ({2 * size} hex digits), found {len(raw)}.")
    if not any(raw):
        raise MalformedBodyError(f"{field} is all zeros, which is no id.")
    return raw.hex()


def hex_id_or_nothing(raw: bytes, size: int, field: str) -> str:
    """An id which may be left out; all zeros count as left out."""
    return hex_id(raw, size, field) if any(raw) or len(raw) not in (0, size) else ""


def nanoseconds(time_ns: int, field: str) -> int:
    """A time or count which fits in 63 bits, as every database's integer does.

    Raises:
        MalformedBodyError: It does not; as a time it would be after the year 2262.
    """
    if time_ns > MAX_NANOSECONDS:
        raise MalformedBodyError(f"{field} is after the year 2262: times are nanoseconds since 1970.")
    return time_ns


def attributes_json(values: Attributes) -> list[dict[str, Any]]:
    """Attributes as OTLP JSON's list of keys and values."""
    return [{"key": text(key), "value": value_json(item)} for key, item in values.items()]


def value_json(item: Any, nesting: int = 0) -> dict[str, Any]:  # noqa: PLR0911  one return for each kind of value
    """One value as OTLP JSON's tagged object; what OTLP cannot carry is written as text.

    >>> value_json(7)
    {'intValue': '7'}
    """
    if isinstance(item, str):
        return {"stringValue": text(item)}
    if isinstance(item, bool):
        return {"boolValue": item}
    if isinstance(item, int) and item in _INT64:
        return {"intValue": str(int(item))}
    if isinstance(item, float):
        return {"doubleValue": finite(float(item))}
    if item is None:
        return {}
    if isinstance(item, bytes):
        return {"bytesValue": base64.b64encode(item).decode("ascii")}
    if nesting < MAX_NESTING:
        if isinstance(item, Mapping):
            pairs = [{"key": text(key), "value": value_json(inner, nesting + 1)} for key, inner in item.items()]
            return {"kvlistValue": {"values": pairs}}
        if isinstance(item, list | tuple):
            return {"arrayValue": {"values": [value_json(inner, nesting + 1) for inner in item]}}
    return {"stringValue": text(item)}


def text(item: object) -> str:
    r"""Text which UTF-8 can carry: lone surrogates become question marks.

    >>> text("ok"), text("\ud800")
    ('ok', '?')
    """
    plain = str(item)
    if plain.isascii():
        return plain
    return plain.encode("utf-8", "replace").decode("utf-8")
