"""Who sent a span or a log line: kept once, however many carry it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight.store.codec import Resource, clean, json_text, loads, resource_of
from stagelight.store.database import parts
from stagelight.store.tables import resources
from stagelight.wire.records import LogRecord, Scope, SpanRecord, Tenancy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.store.database import Database

REFRESH_NS = 3_600 * 1_000_000_000  #: How far behind `seen_ns` may be.


class Senders:
    """The resources of one write; hashed once for each object, which the records of a batch share."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[tuple[int, Scope], Resource] = {}
        self._used: set[tuple[Tenancy, int]] = set()
        self._by_id: dict[int, Resource] = {}

    def id_of(self, record: SpanRecord | LogRecord, tenancy: Tenancy) -> int:
        """Return the number under which the sender of `record` is kept for `tenancy`."""
        key = id(record.resource), record.scope
        resource = self._known.get(key)
        if resource is None:
            resource = self._known[key] = resource_of(record)
            self._by_id[resource.id] = resource
        self._used.add((tenancy, resource.id))
        return resource.id

    def save(self, connection: sa.Connection, database: Database, now_ns: int) -> None:
        """Write every resource that was asked for."""
        rows = [self._row(tenancy, self._by_id[number], now_ns) for tenancy, number in sorted(self._used)]
        if not rows:
            return
        insert = database.insert(resources)
        stale = resources.c.seen_ns < insert.excluded.seen_ns - REFRESH_NS
        key = ["tenant", "workspace", "id"]
        connection.execute(
            insert.on_conflict_do_update(index_elements=key, set_={"seen_ns": insert.excluded.seen_ns}, where=stale),
            rows,
        )

    @staticmethod
    def _row(tenancy: Tenancy, resource: Resource, now_ns: int) -> dict[str, Any]:
        return {
            "tenant": tenancy.tenant,
            "workspace": tenancy.workspace,
            "id": resource.id,
            "attributes": json_text(dict(resource.attributes)),
            "scope_name": clean(resource.scope.name),
            "scope_version": clean(resource.scope.version),
            "seen_ns": now_ns,
        }


def load(connection: sa.Connection, ids: Iterable[int]) -> dict[int, Resource]:
    """Return the resources with these numbers; the number is the content's hash, so whose copy it is does not matter."""
    found: dict[int, Resource] = {}
    for part in parts(sorted(set(ids))):
        for row in connection.execute(sa.select(resources).where(resources.c.id.in_(part))):
            scope = Scope(name=row.scope_name, version=row.scope_version)
            found[row.id] = Resource(row.id, loads(row.attributes), scope)
    return found
