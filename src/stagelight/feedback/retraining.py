"""Judged predictions as training data: JSON lines, or Parquet where pyarrow is installed."""

from __future__ import annotations

import json
from dataclasses import fields
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final

from stagelight.errors import MissingExtraError
from stagelight.store.feedback_model import Example

if TYPE_CHECKING:
    from collections.abc import Iterable

PERSONAL: Final = ("entity", "user", "comment")
NUMBERS: Final = ("score", "value", "reward", "observed_at", "predicted_at")
GROUP: Final = 10_000  #: Rows held in memory, and in one group of a Parquet file.


def line(example: Example, *, personal: bool = False) -> dict[str, Any]:
    """Return what stands on a line: every field but those of persons, unless `personal`."""
    return {name: getattr(example, name) for name in _names(personal=personal)}


def write_parquet(examples: Iterable[Example], file: IO[bytes], *, personal: bool = False) -> int:
    """Write a Parquet file, the features as a column of JSON text, and return how many rows it has.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("parquet", "Parquet") from error
    names = _names(personal=personal)
    schema = pa.schema([(name, pa.float64() if name in NUMBERS else pa.string()) for name in names])
    rest, number = iter(examples), 0
    with parquet.ParquetWriter(file, schema) as writer:
        while group := list(islice(rest, GROUP)):
            columns = {name: [_cell(one, name) for one in group] for name in names}
            writer.write_table(pa.table(columns, schema=schema))
            number += len(group)
    return number


def _names(*, personal: bool) -> list[str]:
    return [field.name for field in fields(Example) if personal or field.name not in PERSONAL]


def _cell(example: Example, name: str) -> object:
    value = getattr(example, name)
    if name == "features":
        # Text, for two predictions may give one feature different types, which no column can hold.
        return json.dumps(value, separators=(",", ":"))
    return value
