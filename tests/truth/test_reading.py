"""Truth from other people's files and databases: which column is what, and what cannot be read."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from stagelight.errors import ConfigurationError, MissingExtraError, RowError, StoreUnavailableError
from stagelight.store import foreign
from stagelight.truth import reading

if TYPE_CHECKING:
    from pathlib import Path

    from stagelight.sink.rows import Truth

GOOD = {"event": "cancelled", "entity": "c7", "observed_at": "2026-03-01T00:00:00Z"}


def truth(record: Any, names: dict[str, str] | None = None, event: str = "") -> Truth:
    return reading.truth_of(record, names=names or {}, event=event, tenant="default", workspace="default")


@pytest.mark.parametrize(
    "found",
    [
        "2026-03-01T00:00:00Z",
        "2026-03-01T05:30:00+05:30",
        "2026-03-01",
        "20260301",
        "1772323200",
        1772323200,
        Decimal(1772323200),
        date(2026, 3, 1),
        datetime(2026, 3, 1, tzinfo=UTC),
    ],
)
def test_a_moment_is_read_in_any_form_that_has_a_zone(found: object) -> None:
    """Text, numbers, a database's own types: the same second."""
    assert reading.moment(found) == 1772323200.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"observed_at": "2026-03-01T00:00:00"}, "without a zone, expected one as in 2026-03-01T12:00:00Z"),
        ({"observed_at": "yesterday"}, "observed_at: found 'yesterday', expected seconds since 1970 or"),
        ({"observed_at": True}, "observed_at: found 'True'"),
        ({"observed_at": ""}, "no observed_at, which says when it happened"),
        ({"observed_at": "nan"}, "observed_at: found nan"),
        ({"event": " "}, "no event"),
        ({"entity": ""}, "a truth needs the prediction_id or the entity"),
        ({"value": "many"}, "value: found 'many', expected a number, true or false"),
        ({"label": "x" * 300}, "label: 300"),
    ],
)
def test_what_cannot_be_kept_is_told(change: dict[str, object], sentence: str) -> None:
    """Which column, what was found, what was expected."""
    with pytest.raises(RowError, match=sentence):
        truth(GOOD | change)


def test_a_column_that_is_nearly_ours_is_named() -> None:
    """A header that differs by a letter is shown, with the option that maps it."""
    record = {"event": "cancelled", "entity": "c7", "observed_on": "2026-03-01"}

    with pytest.raises(RowError, match=r"Did you mean 'observed_on'\? --map names their columns"):
        truth(record)
    with pytest.raises(RowError, match="not JSON"):
        truth(RowError("not JSON: Expecting value"))
    with pytest.raises(RowError, match="expected an object of columns and values, not a list"):
        truth([1])


def test_a_record_without_an_id_gets_one_made_of_what_it_says() -> None:
    """The same record is the same truth, another one is another, an id that is given is kept."""
    assert truth(GOOD).truth_id == truth(dict(reversed(GOOD.items()))).truth_id
    assert truth(GOOD).truth_id != truth(GOOD | {"value": "1"}).truth_id
    assert truth(GOOD | {"truth_id": "t9"}).truth_id == "t9"


def test_columns_are_mapped_and_flags_are_numbers() -> None:
    """Their names for ours, one event for all, true and false as 1 and 0, numbers as texts."""
    record = {"customer": 7, "when": 5, "left": "TRUE", "ignored": "x"}

    found = truth(record, {"entity": "customer", "observed_at": "when", "value": "left"}, "cancelled")

    assert (found.entity, found.observed_at, found.value, found.event) == ("7", 5.0, 1.0, "cancelled")


@pytest.mark.parametrize("pair", ["entity", "entity=", "entitty=x"])
def test_a_wrong_mapping_says_what_ours_are(pair: str) -> None:
    """`ours=theirs`, ours out of a list."""
    with pytest.raises(ConfigurationError, match=f"--map: found '{pair}', expected ours=theirs, ours being one of"):
        reading.named([pair])


def test_csv_json_lines_and_parquet_say_the_same(tmp_path: Path) -> None:
    """Three formats, one truth; a byte-order mark, empty lines and lines that are no JSON stop nothing."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    (tmp_path / "a.csv").write_text("event,entity,observed_at\ncancelled,c7,2026-03-01T00:00:00Z\n", "utf-8-sig")
    (tmp_path / "a.jsonl").write_text(
        '\n{"event": "cancelled", "entity": "c7", "observed_at": 1772323200}\n{oops\n', "utf-8"
    )
    table = pyarrow.table({"event": ["cancelled"], "entity": ["c7"], "observed_at": [datetime(2026, 3, 1, tzinfo=UTC)]})
    parquet.write_table(table, tmp_path / "a.parquet")

    found = {name: list(reading.records(tmp_path / f"a.{name}")) for name in ("csv", "jsonl", "parquet")}

    assert {name: truth(rows[0][1]) for name, rows in found.items()} == dict.fromkeys(found, truth(GOOD))
    assert [number for number, _ in found["jsonl"]] == [2, 3]
    assert [number for number, _ in found["csv"]] == [2]


@pytest.mark.parametrize(
    ("name", "content", "last", "sentence"),
    [
        ("a.csv", b"event\na\n" * 2 + b"\xff\n", 1, "can't decode byte 0xff"),
        ("b.csv", b"event\na\n" + b"x" * 200_000, 3, "field larger than field limit"),
        ("c.jsonl", b"\xff\xfe{", 1, "can't decode byte 0xff"),
        ("d.parquet", b"PAR1xxxx", 1, "magic bytes not found"),
    ],
)
def test_what_nobody_can_read_is_told_and_what_came_before_is_kept(
    tmp_path: Path, name: str, content: bytes, last: int, sentence: str
) -> None:
    """A file in another encoding, without an end or broken is a refused record with its place, and no traceback."""
    (tmp_path / name).write_bytes(content)

    number, found = list(reading.records(tmp_path / name))[-1]

    assert number == last
    with pytest.raises(RowError, match=f"cannot be read, nor what follows: .*{sentence}"):
        truth(found)


def test_an_unknown_ending_names_the_known_ones(tmp_path: Path) -> None:
    """Nothing is guessed from a file that says not what it is."""
    with pytest.raises(ConfigurationError, match=r"a\.xlsx: expected a name that ends with \.csv, \.jsonl"):
        list(reading.records(tmp_path / "a.xlsx"))


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what to install: stagelight[parquet]."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)

    with pytest.raises(MissingExtraError, match=r"stagelight\[parquet\]"):
        list(reading.records(tmp_path / "a.parquet"))


def test_a_text_stream_is_read_as_it_comes() -> None:
    """What comes through a pipe has no name and no end, and is read line by line."""
    assert list(reading.read_text(io.StringIO("event\na\n"), "csv")) == [(2, {"event": "a"})]


def test_rows_of_a_query(tmp_path: Path) -> None:
    """A SELECT somewhere else gives its rows by name; a wrong one is told in a line."""
    path = tmp_path / "crm.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE left_us (customer, day)")
        made.execute("INSERT INTO left_us VALUES ('c7', 5), ('c8', 6)")
        made.commit()
    url = f"sqlite:///{path}"

    assert list(foreign.rows(url, "SELECT * FROM left_us")) == [
        (1, {"customer": "c7", "day": 5}),
        (2, {"customer": "c8", "day": 6}),
    ]
    for query, sentence in (
        ("SELEC 1", "syntax error"),
        ("SELECT 1 FROM none", "no such table"),
        ("DROP TABLE x", "no such"),
    ):
        with pytest.raises(ConfigurationError, match=f"--query: .*{sentence}"):
            list(foreign.rows(url, query))
    with pytest.raises(ConfigurationError, match="it finds no rows; expected a SELECT"):
        list(foreign.rows(url, "DELETE FROM left_us"))
    assert len(list(foreign.rows(url, "SELECT * FROM left_us"))) == 2  # nothing was committed


def test_an_address_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """No address, an unknown database, a folder that is not there; a password is never printed."""
    for url in ("crm.db", "nodb://x/y"):
        with pytest.raises(ConfigurationError, match="--from: expected an address as"):
            list(foreign.rows(url, "SELECT 1"))
    with pytest.raises(ConfigurationError, match="--from: the driver 'MySQLdb' of that database is not installed"):
        list(foreign.rows("mysql://me@host/db", "SELECT 1"))
    with pytest.raises(StoreUnavailableError, match="cannot be read: unable to open"):
        list(foreign.rows(f"sqlite:///{tmp_path}/none/crm.db", "SELECT 1"))
    with pytest.raises(StoreUnavailableError) as told:
        list(foreign.rows("postgresql+psycopg://me:geheim@127.0.0.1:1/db?connect_timeout=1", "SELECT 1"))
    assert "geheim" not in str(told.value)
