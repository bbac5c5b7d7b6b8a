"""Leases: of several processes with the same schedule, one runs a task, and another may when that one has died."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import Table

from stagelight import _clock
from stagelight.store.columns import key, metadata, owner, text, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.store.database import Database

MINUTE_NS = 60 * 1_000_000_000
EVERYBODY = "*"  #: A task works on the rows of all tenants.

table = Table(
    "leases",
    metadata,
    *owner(key=True),
    key("name"),
    text("holder"),
    whole("until_ns"),
    whole("done_ns"),  # when a holder last finished
)


class Leases:
    """Who may run what, and until when; `Store.leases`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, name: str, holder: str, *, seconds: float) -> bool:
        """Hold `name` for some seconds, or hold it longer; False where somebody else does.

        Raises:
            StoreUnavailableError: The database cannot be reached.
        """
        now = _clock.wall_ns()
        row = {"tenant": EVERYBODY, "workspace": EVERYBODY, "name": name, "holder": holder}
        insert = self._database.insert(table)
        # A lease that ends later than any can was taken by a clock that has been set back since.
        latest = now + 2 * max(int(seconds * 1e9), MINUTE_NS)
        free = sa.or_(table.c.until_ns <= now, table.c.until_ns > latest, table.c.holder == holder)
        changed = {"holder": insert.excluded.holder, "until_ns": insert.excluded.until_ns}
        upsert = insert.on_conflict_do_update(index_elements=["tenant", "workspace", "name"], set_=changed, where=free)
        # Not by the count of rows: of an INSERT PostgreSQL's driver keeps none.
        held = upsert.returning(table.c.holder)
        with self._database.writing() as connection:
            return connection.execute(held, row | {"until_ns": now + int(seconds * 1e9)}).first() is not None

    def release(self, name: str, holder: str, *, done: bool) -> None:
        """Let others have it; `done` notes that the task was finished."""
        mine = table.c.name == name, table.c.holder == holder
        values: dict[str, int] = {"until_ns": 0} | ({"done_ns": _clock.wall_ns()} if done else {})
        with self._database.writing() as connection:
            connection.execute(sa.update(table).where(*mine).values(values))

    def done_ns(self, name: str) -> int:
        """Return when the task was last finished, in nanoseconds since 1970; 0 for never."""
        with self._database.reading() as connection:
            return connection.execute(sa.select(table.c.done_ns).where(table.c.name == name)).scalar() or 0

    @contextmanager
    def held(self, name: str, *, seconds: float) -> Iterator[bool]:
        """Give whether the block may run; afterwards others may."""
        holder = _clock.new_id()
        taken = self.take(name, holder, seconds=seconds)
        done = False
        try:
            yield taken
            done = True
        finally:
            if taken:
                self.release(name, holder, done=done)
