"""Truth out of files and tables that somebody else has written: CSV, JSON lines, Parquet, rows of a query.

Each record names the event, the prediction or the entity, and when it happened. Reading the same file twice adds nothing:
a record without an id of its own gets one made of what it says.
"""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Final

from stagelight.errors import ConfigurationError, MissingExtraError, RowError, StagelightError, did_you_mean
from stagelight.sink import codec
from stagelight.sink.rows import Truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

COLUMNS: Final = (
    "truth_id",
    "event",
    "prediction_id",
    "entity",
    "value",
    "label",
    "observed_at",
    "tenant",
    "workspace",
)
NUMBERED: Final = ("value",)
FORMATS: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet"}
ROWS: Final = 10_000  #: Read at once from Parquet.
FLAGS: Final = {"true": 1.0, "false": 0.0}


def records(path: Path, kind: str = "") -> Iterator[tuple[int, Any]]:
    """Yield the records of a file with their line or row, from 1; memory does not grow with the file.

    Args:
        path: The file.
        kind: csv, jsonl or parquet; by the name's ending if empty.

    Raises:
        ConfigurationError: The format is not known.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
        OSError: It cannot be read.
    """
    found = kind or FORMATS.get(path.suffix.lower(), "")
    if found == "parquet":
        yield from _told(_parquet(path))
    elif found in ("csv", "jsonl"):
        with path.open(encoding="utf-8-sig", newline="" if found == "csv" else None) as file:
            yield from read_text(file, found)
    else:
        raise ConfigurationError(f"{path.name}: expected a name that ends with {', '.join(FORMATS)}, or --format")


def read_text(file: IO[str], kind: str) -> Iterator[tuple[int, Any]]:
    """Yield the records of an open text file, CSV with a header or JSON lines."""
    return _told(_lines(file, kind))


def _told(rows: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """Have the last record say what nobody can read: another encoding, a field without an end, a broken file."""
    number = 0
    try:
        for number, record in rows:
            yield number, record
    except StagelightError:
        raise
    except (ValueError, NotImplementedError, csv.Error) as error:
        yield number + 1, RowError(f"cannot be read, nor what follows: {error}")


def _lines(file: IO[str], kind: str) -> Iterator[tuple[int, Any]]:
    if kind == "csv":
        reader = csv.DictReader(file, restkey="")
        for record in reader:
            yield reader.line_num, record
        return
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, _json(line)


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        return RowError(f"not JSON: {error}")


def _parquet(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("parquet", "reading Parquet") from error
    number = 0
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROWS):
            for record in batch.to_pylist():
                number += 1
                yield number, record


def truth_of(record: Any, *, names: Mapping[str, str], event: str = "", tenant: str, workspace: str) -> Truth:
    """Return what a record says.

    Args:
        record: A mapping, as `records` yields it.
        names: Our column's name -> the record's.
        event: The event of all records, where they name none.
        tenant: Whose, where the record does not say.
        workspace: Whose, where the record does not say.

    Raises:
        RowError: It cannot be kept as it is; the message says which column, what was found and what was expected.

    >>> row = {"customer": "c7", "happened": "2026-03-01T00:00:00Z"}
    >>> truth_of(row, names={"entity": "customer", "observed_at": "happened"}, event="cancelled",
    ...          tenant="default", workspace="default").observed_at
    1772323200.0
    """
    if isinstance(record, RowError):
        raise record
    if not isinstance(record, dict):
        raise RowError(f"expected an object of columns and values, not a {type(record).__name__}")
    found = {column: _value(column, record.get(names.get(column, column))) for column in COLUMNS}
    given = {column: value for column, value in found.items() if value is not None}
    for column, fallback in (("event", event), ("tenant", tenant), ("workspace", workspace)):
        given.setdefault(column, fallback)
    if not given["event"]:
        raise RowError(f"no event{_hint(names.get('event', 'event'), record)}; --event names one for all")
    if "observed_at" not in given:
        raise RowError(
            f"no observed_at, which says when it happened{_hint(names.get('observed_at', 'observed_at'), record)}"
        )
    given.setdefault("truth_id", _id(given))
    made = Truth(**given)
    codec.checked(made)
    return made


def _hint(name: str, record: Mapping[Any, Any]) -> str:
    near = did_you_mean(name, [str(key) for key in record])
    return f".{near} --map names their columns" if near else ""


def _value(column: str, found: Any) -> Any:
    """A cell as our column wants it; None for an empty one."""
    if found is None or (isinstance(found, str) and not found.strip()):
        return None
    if column == "observed_at":
        return moment(found)
    if column in NUMBERED:
        return _number(column, found)
    return found.strip() if isinstance(found, str) else str(found)


def _number(column: str, found: Any) -> float:
    if isinstance(found, str) and found.strip().lower() in FLAGS:
        return FLAGS[found.strip().lower()]
    try:
        return float(found)
    except (TypeError, ValueError, OverflowError):
        raise RowError(f"{column}: found {str(found)[:40]!r}, expected a number, true or false") from None


def moment(found: Any) -> float:
    """Return a time as seconds since 1970: a number of seconds, or a date and time with its zone.

    Raises:
        RowError: It is neither. A time without a zone is refused: it would mean something else on another machine.

    >>> moment("2026-03-29T02:30:00+01:00"), moment("1772323200.5")
    (1774747800.0, 1772323200.5)
    """
    if isinstance(found, str):
        found = _parsed(found.strip())
    if isinstance(found, datetime):
        if found.tzinfo is None:
            raise RowError(
                f"observed_at: found {found.isoformat()!r} without a zone, expected one as in 2026-03-01T12:00:00Z"
            )
        return found.timestamp()
    if isinstance(found, date):
        return datetime.combine(found, time(), UTC).timestamp()
    if isinstance(found, int | float | Decimal) and not isinstance(found, bool):
        return float(found)
    raise RowError(f"observed_at: found {str(found)[:40]!r}, expected seconds since 1970 or 2026-03-01T12:00:00Z")


def _parsed(text: str) -> Any:
    # Days before seconds: 20260301 is the first of March, and no moment of 1970.
    for read in (date.fromisoformat, float, datetime.fromisoformat):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _id(given: Mapping[str, Any]) -> str:
    """An id made of what the record says: the same record twice is one truth."""
    said = json.dumps([given.get(column, "") for column in COLUMNS[1:]])
    return "sha256:" + hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def named(pairs: Iterable[str]) -> dict[str, str]:
    """Return which of their columns are ours, out of `ours=theirs`.

    Raises:
        ConfigurationError: One is not written so, or ours does not exist.

    >>> named(["entity=customer_id"])
    {'entity': 'customer_id'}
    """
    found = {}
    for pair in pairs:
        ours, sign, theirs = pair.partition("=")
        if not sign or not theirs or ours not in COLUMNS:
            expected = f"ours=theirs, ours being one of {', '.join(COLUMNS)}"
            raise ConfigurationError(f"--map: found {pair!r}, expected {expected}.{did_you_mean(ours, COLUMNS)}")
        found[ours] = theirs
    return found
