"""Metrics added up in 10-second buckets: what the overview reads instead of spans."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store.codec import NAME_CHARS, clean, json_text, whole
from stagelight.store.database import parts
from stagelight.store.tables import rollups, series
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagelight.store.database import Database

BUCKET_S = 10
BUCKET_NS = BUCKET_S * 1_000_000_000
SERIES_PER_NAME = 2_000  #: Of one owner; past it a series is not kept, so that hostile labels cannot fill the disk.
LAST_SECOND = 253_402_300_799  #: The end of the year 9999; a clock may be wrong, a bucket must still be a number.

Key = tuple[Tenancy, str, str]  # owner, metric, digest


@dataclass(frozen=True, slots=True)
class Series:
    """A metric with its labels, whoever sends it."""

    tenancy: Tenancy
    name: str
    labels: str  #: JSON, keys in order.
    kind: str
    bounds: tuple[float, ...] = ()
    unit: str = field(default="", compare=False)
    description: str = field(default="", compare=False)

    @classmethod
    def from_row(cls, tenancy: Tenancy, row: Any) -> Series:
        """Return the series that a row of the table stands for."""
        bounds = tuple(json.loads(row.bounds)) if row.bounds else ()
        return cls(tenancy, row.name, row.labels, row.kind, bounds)

    @property
    def digest(self) -> str:
        """Stands for labels, kind and bounds in the table's key."""
        text = json.dumps([self.labels, self.kind, self.bounds])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    @property
    def key(self) -> Key:
        """What the table knows the series by."""
        return self.tenancy, self.name, self.digest


@dataclass(slots=True)
class Addition:
    """What one bucket of a series gains; for a gauge, what it now shows."""

    series: Series
    bucket: int  #: Seconds since 1970.
    value: float = 0.0
    count: int = 0
    buckets: list[int] = field(default_factory=list)
    source: int = 0


def labels_text(labels: Mapping[str, Any]) -> str:
    """Return labels as JSON with keys in order and values as text.

    >>> labels_text({"b": 1, "a": "x"})
    '{"a":"x","b":"1"}'
    """
    return json_text({clean(str(key)): clean(str(labels[key]))[:NAME_CHARS] for key in sorted(labels)})


def bucket_of(time_ns: int) -> int:
    """Return where the bucket of a moment begins, in seconds.

    >>> bucket_of(1_000_000_019_999_999_999)
    1000000010
    """
    return min(max(0, time_ns) // BUCKET_NS * BUCKET_S, LAST_SECOND // BUCKET_S * BUCKET_S)


class Rollups:
    """Adds to buckets; reading is `Metrics`'."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def numbers(self, connection: sa.Connection, wanted: Iterable[Series]) -> dict[Key, int]:
        """Return the row number of each series, which is created where there is room."""
        keyed = {one.key: one for one in wanted}
        found = self._known(connection, keyed)
        missing = self._with_room(connection, [one for key, one in keyed.items() if key not in found])
        if missing:
            insert = self._database.insert(series).on_conflict_do_nothing()
            connection.execute(insert, [_series_row(one) for one in missing])
            found |= self._known(connection, {one.key: one for one in missing})
        return found

    @staticmethod
    def _known(connection: sa.Connection, keyed: Mapping[Key, Series]) -> dict[Key, int]:
        found: dict[Key, int] = {}
        columns = series.c.id, series.c.tenant, series.c.workspace, series.c.name, series.c.digest
        for part in parts(keyed):
            rows = sa.tuple_(series.c.tenant, series.c.workspace, series.c.name, series.c.digest).in_(
                [(*tenancy, name, digest) for tenancy, name, digest in part]
            )
            # Locked in order, so that two writers of one bucket wait for each other and never for ever; SQLite has no
            # such lock and needs none, its writers come one by one.
            chosen = sa.select(*columns).where(rows).order_by(series.c.id).with_for_update()
            for row in connection.execute(chosen):
                found[Tenancy(row.tenant, row.workspace), row.name, row.digest] = row.id
        return found

    @staticmethod
    def _with_room(connection: sa.Connection, wanted: list[Series]) -> list[Series]:
        room: dict[tuple[Tenancy, str], int] = {}
        kept = []
        for one in wanted:
            owner = one.tenancy, one.name
            if owner not in room:
                mine = (
                    series.c.tenant == one.tenancy.tenant,
                    series.c.workspace == one.tenancy.workspace,
                    series.c.name == one.name,
                )
                room[owner] = SERIES_PER_NAME - connection.execute(sa.select(sa.func.count()).where(*mine)).scalar_one()
            if room[owner] > 0:
                room[owner] -= 1
                kept.append(one)
        return kept

    def add(self, connection: sa.Connection, additions: Iterable[Addition]) -> None:
        """Add to buckets, creating series and buckets where they are new."""
        additions = list(additions)
        if not additions:
            return
        numbers = self.numbers(connection, {addition.series for addition in additions})
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for addition in additions:
            number = numbers.get(addition.series.key)
            if number is not None:
                key = *addition.series.tenancy, number, addition.bucket, addition.source
                _gather(rows, key, addition)
        if rows:
            self._merge(connection, rows)

    def _merge(self, connection: sa.Connection, rows: dict[tuple[Any, ...], dict[str, Any]]) -> None:
        key = rollups.c.tenant, rollups.c.workspace, rollups.c.series, rollups.c.bucket, rollups.c.source
        for part in parts(rows):
            for old in connection.execute(sa.select(rollups).where(sa.tuple_(*key).in_(part))):
                row = rows[old.tenant, old.workspace, old.series, old.bucket, old.source]
                if not row["is_level"]:
                    row["value"] += old.value
                    row["observations"] += old.observations
                    row["buckets"] = _added(row["buckets"], counts_of(old.buckets))
        insert = self._database.insert(rollups)
        values = {name: insert.excluded[name] for name in ("value", "observations", "buckets")}
        statement = insert.on_conflict_do_update(index_elements=[column.name for column in key], set_=values)
        connection.execute(statement, [_rollup_row(row) for row in rows.values()])


def _series_row(one: Series) -> dict[str, Any]:
    return {
        "tenant": one.tenancy.tenant,
        "workspace": one.tenancy.workspace,
        "name": one.name,
        "digest": one.digest,
        "labels": one.labels,
        "kind": one.kind,
        "bounds": json.dumps(one.bounds) if one.bounds else "",
        "unit": clean(one.unit)[:NAME_CHARS],
        "description": clean(one.description)[:NAME_CHARS],
        "seen_ns": _clock.wall_ns(),
    }


def _gather(rows: dict[tuple[Any, ...], dict[str, Any]], key: tuple[Any, ...], addition: Addition) -> None:
    is_level = addition.series.kind == "gauge"
    row = rows.get(key)
    if row is None or is_level:
        names = ("tenant", "workspace", "series", "bucket", "source")
        rows[key] = dict(zip(names, key, strict=True)) | {
            "value": addition.value,
            "observations": addition.count,
            "buckets": list(addition.buckets),
            "is_level": is_level,
        }
        return
    row["value"] += addition.value
    row["observations"] += addition.count
    row["buckets"] = _added(row["buckets"], addition.buckets)


def _rollup_row(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name != "is_level"}
    # Sums of what is sent may leave the range of a number, which no column holds.
    kept["value"] = kept["value"] if math.isfinite(kept["value"]) else 0.0
    return kept | {"observations": whole(kept["observations"]), "buckets": ",".join(map(str, kept["buckets"]))}


def counts_of(text: str) -> list[int]:
    """Return a histogram's counts from a row's text.

    >>> counts_of("0,3,1"), counts_of("")
    ([0, 3, 1], [])
    """
    return [int(count) for count in text.split(",")] if text else []


def _added(one: list[int], other: list[int]) -> list[int]:
    if not one or not other:
        return list(one or other)
    return [a + b for a, b in zip(one, other, strict=True)]
