"""Values made fit for export: whatever a program hands us, one bad value never costs it an exception or its neighbours a batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from stagelight._guard import guard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.util.types import AttributeValue

MAX_TEXT = 16_384  #: Characters of one attribute; more is cut.
UNPRINTABLE = "<unprintable>"


def text(value: object, *, limit: int = MAX_TEXT) -> str:
    r"""Return `value` as text that every exporter can encode: no lone surrogates, at most `limit` characters.

    >>> text(3), text("a\ud800b"), text("abcdef", limit=3)
    ('3', 'a\ufffdb', 'abc')
    """
    found = UNPRINTABLE
    with guard("telemetry"):
        found = str.__str__(value) if isinstance(value, str) else str(value)
    if len(found) > limit:
        found = found[:limit]
    if found.isascii():
        return found
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def attribute(value: object, *, limit: int = MAX_TEXT) -> AttributeValue:
    """Return `value` as an attribute: a number or boolean as it is, a flat list of one kind as a tuple, all else as text."""
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else text(value, limit=limit)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, list | tuple) and value and len(value) <= MAX_ITEMS:
        return _sequence(list(value), limit)
    return text(value, limit=limit)


MAX_ITEMS = 1_000  #: Items of a list kept as a list; a longer one becomes text.


def attributes(given: Mapping[str, object] | None) -> dict[str, AttributeValue]:
    """Return every item of `given` fit for export; None values are left out, as OpenTelemetry has it."""
    if not given:
        return {}
    cleaned: dict[str, AttributeValue] = {}
    with guard("telemetry"):
        for key, value in dict(given).items():
            if value is not None:
                cleaned[text(key, limit=256)] = attribute(value)
    return cleaned


def _sequence(values: list[object], limit: int) -> AttributeValue:
    """One kind of item stays a list; mixed or nested ones become text, item by item."""
    for kind in (bool, int, float, str):
        if all(type(item) is kind for item in values):
            cleaned = [attribute(item, limit=limit) for item in values]
            if all(type(item) is kind for item in cleaned):
                return cast("AttributeValue", cleaned)  # every item is of one kind, as the line above has seen
    return [text(item, limit=limit) for item in values]
