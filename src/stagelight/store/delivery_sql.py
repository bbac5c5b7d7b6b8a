"""The queue's statements; both databases run the same, but for how a list of numbers is passed."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from stagelight import _clock
from stagelight.store.codec import clean, json_text
from stagelight.store.database import parts
from stagelight.store.loop import Item, shard_of
from stagelight.store.loop_tables import delivery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stagelight.store.database import Database

SECOND = 1_000_000_000
LONGEST_LEASE_S = 300.0  #: One that ends later was made before the clock stepped back, and holds nothing.

NOBODY = 2**62  #: Holds what waits. As long as a real lease and a real time: a row that grew would split its page.
FREE: dict[str, Any] = {"lease": NOBODY}
NAMES = ("tenant", "workspace", "consumer", "feedback_id", "body", "attempts", "queued_ns", "lease", "state", "reason")
COLUMNS = (*(delivery.c[name] for name in NAMES), delivery.c.id)  #: In the order of `Item`'s fields.
ATTEMPTS = NAMES.index("attempts")
# Many rows in a statement, and straight to the driver: at a hundred thousand items a second every layer shows.
INSERT = (
    "INSERT INTO delivery"
    " (tenant, workspace, consumer, shard, feedback_id, arm, body, queued_ns, lease_until_ns, state, lease) VALUES "
)
VALUES = f"(?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', {NOBODY})"
AT_ONCE = 100  #: Rows in a statement.
#: Neither done nor dead; a literal, because the index of what is open is used only where it is named like this.
OPEN = sa.literal_column("settled_ns") == sa.literal_column("0")
DEAD = sa.literal_column("state") == sa.literal_column("'dead'")


def insert(connection: sa.Connection, database: Database, items: Iterable[Item]) -> int:
    """Queue `items` that are not known yet; return how many were new."""
    now, new = _clock.wall_ns(), 0
    for part in parts(items, AT_ONCE):
        given: list[Any] = []
        for item in part:
            given += _values(item, now)
        new += connection.exec_driver_sql(_insert(len(part), is_sqlite=database.is_sqlite), tuple(given)).rowcount
    return new


@cache
def _insert(rows: int, *, is_sqlite: bool) -> str:
    statement = f"{INSERT}{', '.join([VALUES] * rows)} ON CONFLICT DO NOTHING"
    return statement if is_sqlite else statement.replace("?", "%s")


def _values(item: Item, now: int) -> tuple[Any, ...]:
    tenant, workspace, consumer, feedback_id, body, _, queued_ns = item[:7]
    arm = body.get("arm")
    arm = clean(arm) if isinstance(arm, str) else ""
    return *_queue(tenant, workspace, consumer), clean(feedback_id), arm, _text_of(body), queued_ns or now, now


@lru_cache(1024)
def _queue(tenant: str, workspace: str, consumer: str) -> tuple[str, str, str, int]:
    return clean(tenant), clean(workspace), clean(consumer), shard_of(tenant)


def due() -> sa.ColumnElement[bool]:
    """Return the condition that an item waits, or that whoever held it has lost it; its parameters are `moment`."""
    until, nobody = delivery.c.lease_until_ns, delivery.c.lease == sa.literal_column(str(NOBODY))
    return sa.and_(OPEN, sa.or_(nobody, until <= _whole("at_ns"), until > _whole("far_ns")))


def moment(now: int) -> dict[str, int]:
    """Return the parameters of `due`."""
    return {"at_ns": now, "far_ns": now + round(LONGEST_LEASE_S * SECOND)}


def among(*, is_sqlite: bool) -> sa.ColumnElement[bool]:
    """Return the condition that a row is one of `ids`: a single parameter, however many they are; see `ids`."""
    if is_sqlite:
        values = sa.func.json_each(sa.bindparam("ids", type_=sa.Text)).table_valued("value")
        return delivery.c.id.in_(sa.select(values.c.value))
    return delivery.c.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.BigInteger)))


def ids(database: Database, numbers: Sequence[int]) -> dict[str, Any]:
    """Return the parameter of `among`."""
    return {"ids": orjson.dumps(numbers).decode() if database.is_sqlite else list(numbers)}


# A statement is made once: making it takes as long as running it.


@cache
def oldest() -> sa.Select[Any]:
    """Return the SELECT of the first items that are due, locked for us."""
    chosen = sa.select(*COLUMNS).where(delivery.c.consumer == sa.bindparam("who"), due()).order_by(delivery.c.id)
    return chosen.limit(sa.bindparam("most")).with_for_update(skip_locked=True)


@cache
def numbered(*, is_sqlite: bool) -> sa.Select[Any]:
    """Return the SELECT of those of `ids` that are due, locked for us."""
    # Without their consumer: SQLite would rather look through all that waits for it.
    chosen = sa.select(*COLUMNS).where(among(is_sqlite=is_sqlite), due()).order_by(delivery.c.id)
    return chosen.with_for_update(skip_locked=True)


@cache
def lease(*, is_sqlite: bool) -> sa.Update:
    """Return the UPDATE that leases items."""
    taken = {"lease": sa.bindparam("holder"), "lease_until_ns": sa.bindparam("until_ns"), "state": "leased"}
    taken["attempts"] = delivery.c.attempts + 1
    return sa.update(delivery).where(among(is_sqlite=is_sqlite)).values(taken)


@cache
def still_held(*, is_sqlite: bool) -> sa.Select[Any]:
    """Return the SELECT of those of `ids` that a holder still has and has not settled, locked for us."""
    ours = among(is_sqlite=is_sqlite), OPEN, delivery.c.lease == sa.bindparam("holder", type_=sa.BigInteger)
    return sa.select(delivery.c.id).where(*ours).order_by(delivery.c.id).with_for_update()


@cache
def done(*, is_sqlite: bool) -> sa.Update:
    """Return the UPDATE that marks items learned."""
    values: dict[str, Any] = {"settled_ns": sa.bindparam("at_ns"), "version": sa.bindparam("learned_by")}
    return sa.update(delivery).where(among(is_sqlite=is_sqlite)).values(values | FREE | {"state": "done"})


def _whole(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)


def items_of(rows: Sequence[Any]) -> list[Item]:
    """Return the items that rows of `COLUMNS` hold."""
    return [
        Item(row[0], row[1], row[2], row[3], body, row[5], row[6], "" if row[7] == NOBODY else str(row[7]), *row[8:])
        for row, body in zip(rows, _bodies(rows), strict=True)
    ]


def leased(rows: Sequence[Any], holder: str) -> list[Item]:
    """Return the items that rows of `COLUMNS` hold, as they are after `holder` has leased them."""
    return [
        Item(row[0], row[1], row[2], row[3], body, row[5] + 1, row[6], holder, "leased", "", row[10])
        for row, body in zip(rows, _bodies(rows), strict=True)
    ]


def _text_of(body: Mapping[str, Any]) -> str:
    """Return `body` as JSON; what has no place in strict JSON, as lone surrogates, goes the long way."""
    try:
        text = orjson.dumps(body).decode()
    except TypeError:
        return json_text(dict(body))
    # What is not a number becomes null there: a reward that is missing teaches nothing, where one that is wrong is refused.
    return json_text(dict(body)) if "null" in text else text


def _bodies(rows: Sequence[Any]) -> list[Any]:
    """Return the bodies of `rows`, parsed at once: calling the parser for each costs more than the parsing."""
    text = f"[{','.join([row[4] for row in rows])}]"
    try:
        found: list[Any] = orjson.loads(text)
    except orjson.JSONDecodeError:  # not a number, which Python alone reads
        found = json.loads(text)
    return found
