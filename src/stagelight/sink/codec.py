"""Rows as JSON and back, checked on both sides: before they leave a program, and when they come in from one."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, Final

from stagelight.errors import RowError, did_you_mean
from stagelight.sink.checks import IDS, KINDS, MAX_DEPTH, Kind, checked, id_of, kind_of, named

if TYPE_CHECKING:
    from stagelight.sink.rows import Row

__all__ = ["IDS", "KINDS", "MAX_DEPTH", "Kind", "checked", "from_json", "id_of", "kind_of", "to_json"]

LISTS: Final = ("eligible", "context")  #: Fields of a decision that are lists in JSON.
_NEEDED: Final = {"prediction": ("type",), "feedback": ("kind", "signal"), "decision": ("arm",), "truth": ("event",)}


def to_json(row: Row) -> dict[str, Any]:
    """The row's fields as JSON's types; what holds its default is left out."""
    out: dict[str, Any] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if field.default is MISSING or value != field.default:
            out[field.name] = _plain(value)
    return out


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, str | int | float) else dict(value)  # type: ignore[call-overload]  # features


def from_json(kind: Kind, data: object, *, now: float, new_id: str) -> Row:
    """The row that `data` describes, checked.

    Args:
        kind: What it is to be.
        data: A JSON object with the fields of the row.
        now: `observed_at` where none is given, seconds since 1970.
        new_id: The id where none is given.

    Raises:
        RowError: A field is unknown, missing, or holds what it must not.

    >>> from_json("truth", {"event": "cancelled", "entity": "c7"}, now=1.0, new_id="t1").entity
    'c7'
    """
    if not isinstance(data, dict):
        raise RowError(f"a {kind} must be an object, not {named(data)}")
    known = {field.name for field in fields(KINDS[kind])}
    for name in data:
        if name not in known:
            raise RowError(f"a {kind} has no field {str(name)[:40]!r}.{did_you_mean(str(name)[:40], known)}")
    given = {name: value for name, value in data.items() if value is not None}
    for name in _NEEDED[kind]:
        if name not in given:
            raise RowError(f"a {kind} needs {name!r}")
    made: Any = KINDS[kind]
    given |= {name: tuple(given[name]) for name in LISTS if isinstance(given.get(name), list)}
    return checked(made(**{IDS[kind]: new_id, "observed_at": now, **given}))
