"""What attributes there are to filter by: a bounded sample, for suggestions only; filters themselves miss nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from stagelight import _clock
from stagelight.store.codec import text_of
from stagelight.store.database import owned
from stagelight.store.tables import attribute_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from stagelight.store.database import Database
    from stagelight.store.summary import TraceSpans
    from stagelight.wire.records import Tenancy

VALUES_PER_KEY = 100
KEYS = 1_000
LONGEST = 120  #: Characters of a key or value; longer ones are no choice to offer.
FRESH_NS = 3_600 * 1_000_000_000
KEYS_SHOWN = 200


class _Noted:
    """The values of one attribute that were written within the hour."""

    __slots__ = ("full", "since_ns", "values")

    def __init__(self, now: int) -> None:
        self.since_ns = now
        self.values: set[str] = set()
        self.full = False

    def is_new(self, text: str, now: int) -> bool:
        """Note `text`; return whether it was not there."""
        if not 0 <= now - self.since_ns < FRESH_NS:
            self.since_ns, self.values, self.full = now, set(), False
        if text in self.values:
            return False
        self.values.add(text)
        self.full = len(self.values) >= VALUES_PER_KEY
        return True


class Suggestions:
    """Names and values of attributes that occur."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[Tenancy, dict[str, _Noted]] = {}

    def save(self, connection: sa.Connection, groups: Iterable[TraceSpans]) -> None:
        """Note what occurs in these spans, unless this process did so within the hour."""
        now = _clock.wall_ns()
        rows = [
            {"tenant": tenancy.tenant, "workspace": tenancy.workspace, "key": key, "value": value, "seen_ns": now}
            for tenancy, key, value in self._unnoted(groups, now)
        ]
        if rows:
            insert = self._database.insert(attribute_values)
            key = ["tenant", "workspace", "key", "value"]
            connection.execute(
                insert.on_conflict_do_update(index_elements=key, set_={"seen_ns": insert.excluded.seen_ns}), rows
            )

    def _unnoted(self, groups: Iterable[TraceSpans], now: int) -> Iterator[tuple[Tenancy, str, str]]:
        resources: set[tuple[Tenancy, int]] = set()
        for group in groups:
            keys = self._noted.setdefault(group.tenancy, {})
            for span in group.spans.values():
                pairs = self._new_pairs(keys, span.attributes, now)
                yield from ((group.tenancy, key, value) for key, value in pairs)
                if (group.tenancy, id(span.resource)) not in resources:
                    resources.add((group.tenancy, id(span.resource)))
                    yield from ((group.tenancy, key, value) for key, value in self._new_pairs(keys, span.resource, now))

    @staticmethod
    def _new_pairs(keys: dict[str, _Noted], found: Mapping[str, Any], now: int) -> Iterator[tuple[str, str]]:
        for key, value in found.items():
            noted = keys.get(key)
            if noted is None:
                if len(keys) >= KEYS or len(key) > LONGEST:
                    continue
                noted = keys[key] = _Noted(now)
            if noted.full and 0 <= now - noted.since_ns < FRESH_NS:
                continue
            text = value if type(value) is str else text_of(value)
            if len(text) <= LONGEST and noted.is_new(text, now):
                yield text_of(key), text_of(text)

    def keys(self, prefix: str, *, tenant: str | None) -> list[str]:
        """Return names that begin with `prefix`, in order."""
        column = attribute_values.c.key
        chosen = (
            sa.select(column)
            .distinct()
            .where(column.startswith(prefix, autoescape=True), *owned(attribute_values, tenant))
        )
        with self._database.reading() as connection:
            return list(connection.execute(chosen.order_by(column).limit(KEYS_SHOWN)).scalars())

    def values(self, key: str, *, tenant: str | None) -> list[str]:
        """Return values of `key`, in order."""
        column = attribute_values.c.value
        chosen = sa.select(column).distinct().where(attribute_values.c.key == key, *owned(attribute_values, tenant))
        with self._database.reading() as connection:
            return list(connection.execute(chosen.order_by(column).limit(VALUES_PER_KEY)).scalars())
