"""Rows as JSON's types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def plain(value: object) -> Any:
    """Return dataclasses and named tuples as objects, other tuples and sets as lists; a number that JSON has not becomes None.

    >>> from stagelight.wire.records import SpanLink
    >>> plain([SpanLink(trace_id="a", span_id="b")])
    [{'trace_id': 'a', 'span_id': 'b', 'attributes': {}}]
    """
    if isinstance(value, str | int | bool | None):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, frozenset | set):
        return [plain(inner) for inner in sorted(value)]
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return [plain(inner) for inner in value]  # type: ignore[attr-defined]  # rows hold nothing but sequences besides
