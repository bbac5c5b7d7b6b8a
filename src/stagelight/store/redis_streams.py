"""Redis Streams in front of the queue: they hand out the ids of what waits, so that idle workers need not ask the database.

SQL stays the truth. A stream carries ids alone; an item is leased, settled and counted by its row, so Redis may lose,
repeat or forget anything: an id whose row is not due is passed over, and what no stream names is found in the database.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from stagelight import _clock
from stagelight.errors import ConfigurationError, MissingExtraError
from stagelight.store.codec import clean
from stagelight.store.delivery import INNOCENT, SUSPECT, Deliveries, within
from stagelight.store.delivery_sql import due, ids, moment, numbered, oldest
from stagelight.store.loop import SHARDS, Item, shard_of
from stagelight.store.loop_tables import delivery

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from stagelight.store.database import Database

GROUP = "stagelight"
SECOND = 1_000_000_000
TIMEOUT_S = 1.0  #: For one answer of Redis: after that the database serves.
AWAY_NS = 5 * SECOND  #: How long Redis is left alone after it failed.
SWEEP_NS = SECOND  #: How often the database is asked for what no stream names, while it has nothing such.
ABANDONED_MS = 10_000  #: Ids that were read so long ago and are still there: their reader was killed.
LONGEST = 1_000_000  #: Ids in one stream; more are found in the database.
REFILL = 10_000  #: Ids named anew at a time, where Redis turns out to have lost them.

KEY = "id", "consumer", "tenant", "workspace", "feedback_id"
BY_NAME = sa.select(*(delivery.c[name] for name in KEY)).where(
    delivery.c.feedback_id.in_(sa.bindparam("names", expanding=True))
)

_log = logging.getLogger("stagelight")


class Named(NamedTuple):
    """An id in a stream."""

    stream: str
    entry: str
    key: tuple[str, str, str]  #: Tenant, workspace, feedback id.


class StreamedDeliveries(Deliveries):
    """The queue with Redis in front; `Store.deliveries` where a store was opened with `redis_url`."""

    def __init__(self, database: Database, url: str) -> None:
        """Prepare to use the Redis at `url`; nothing is connected yet.

        Raises:
            MissingExtraError: `stagelight[redis]` is not installed.
            ConfigurationError: `url` is not the address of a Redis.
        """
        super().__init__(database)
        try:
            import redis
        except ModuleNotFoundError as error:
            raise MissingExtraError("redis", "STAGELIGHT_REDIS_URL") from error
        try:
            self._redis: Any = redis.Redis.from_url(
                url, decode_responses=True, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
            )
        except ValueError as error:
            raise ConfigurationError(
                f"STAGELIGHT_REDIS_URL: found {_without_password(url)!r}, expected an address such as redis://localhost:6379/0"
            ) from error
        self._failures = redis.RedisError
        self._refusals = redis.ResponseError
        self._worker = _clock.new_id()
        self._away_until_ns = 0  # monotonic, as all here
        self._sweep_at_ns: dict[str, int] = {}

    def put(self, items: Sequence[Item]) -> int:
        """Queue `items`, all or none, and return how many are new; one that is known already changes nothing."""
        new = super().put(items)
        if new:
            self.announce(items)
        return new

    def announce(self, items: Iterable[Item]) -> None:
        """Name `items`, which are committed, in their streams; without Redis they are found in the database."""
        self._name([(item.consumer, item.tenant, item.workspace, item.feedback_id) for item in items])

    def take(
        self,
        consumer: str,
        limit: int,
        *,
        lease_seconds: float = 30.0,
        shards: Container[int] | None = None,
        tenant: str | None = None,
    ) -> list[Item]:
        """Lease up to `limit` items: those that the streams name, else what the database alone knows of."""
        if limit < 1:
            return []
        if tenant is not None:  # streams know shards alone; an id that is left in one is found settled later
            return super().take(consumer, limit, lease_seconds=lease_seconds, shards=shards, tenant=tenant)
        found: list[Item] = []
        while len(found) < limit and not _suspect(found):
            named = self._named(consumer, limit - len(found), shards)
            if not named:
                break
            found += self._leased(consumer, named, lease_seconds, *_company(found))
            self._forget(named)  # after the lease: who is killed before it leaves the ids to others
        if len(found) < limit and not _suspect(found) and self._may_sweep(consumer):
            chosen = oldest().where(*within(shards), *_company(found))
            found += self._swept(consumer, limit - len(found), chosen, lease_seconds)
        return found

    def _leased(
        self, consumer: str, named: Sequence[Named], lease_seconds: float, *conditions: sa.ColumnElement[bool]
    ) -> list[Item]:
        """Lease what is named and due."""
        keys = {one.key for one in named}
        with self._database.reading() as connection:
            rows = connection.execute(BY_NAME, {"names": [name for _, _, name in keys]}).all()
        numbers = [row.id for row in rows if row.consumer == clean(consumer) and tuple(row[2:]) in keys]
        chosen = numbered(is_sqlite=self._database.is_sqlite).where(*conditions)
        return self._lease(chosen, ids(self._database, numbers), lease_seconds) if numbers else []

    def _may_sweep(self, consumer: str) -> bool:
        return not self._answers() or _clock.monotonic_ns() >= self._sweep_at_ns.get(consumer, 0)

    def _swept(self, consumer: str, limit: int, chosen: sa.Select[Any], lease_seconds: float) -> list[Item]:
        """Lease what no stream names: its lease has ended, or Redis has lost it."""
        found = self._lease(chosen, {"who": clean(consumer), "most": limit}, lease_seconds)
        self._sweep_at_ns[consumer] = 0 if found else _clock.monotonic_ns() + SWEEP_NS
        if len(found) == limit:
            self.refill(consumer)
        return found

    def release(self, items: Iterable[Item]) -> int:
        """Give back what was leased and not tried, at once and uncounted; return how many were still ours."""
        given = list(items)
        released = super().release(given)
        self.announce(given)
        return released

    def requeue(self, consumer: str, feedback_ids: Sequence[str] | None = None, *, tenant: str | None = None) -> int:
        """Let dead items wait again, these or all of them, and return how many did."""
        requeued = super().requeue(consumer, feedback_ids, tenant=tenant)
        self._sweep_at_ns.pop(consumer, None)
        return requeued

    def refill(self, consumer: str) -> int:
        """Name the oldest of what waits, as where Redis has lost its data; return how many ids that were."""
        columns = delivery.c.tenant, delivery.c.workspace, delivery.c.feedback_id
        chosen = sa.select(*columns).where(delivery.c.consumer == clean(consumer), due())
        with self._database.reading() as connection:
            oldest = chosen.order_by(delivery.c.id).limit(REFILL)
            rows = connection.execute(oldest, moment(_clock.wall_ns())).all()
        return len(rows) if self._name([(consumer, *row) for row in rows]) else 0

    def close(self) -> None:
        """Close the connections to Redis."""
        self._redis.close()

    def _name(self, keys: Sequence[tuple[str, str, str, str]]) -> bool:
        """Add ids to their streams; False where Redis does not answer, which loses nothing."""
        if not keys or not self._answers():
            return False
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for consumer, *key in keys:
                    stream = _stream(consumer, shard_of(key[0]))
                    pipeline.xadd(stream, {"id": json.dumps([clean(part) for part in key])}, maxlen=LONGEST)
                pipeline.execute()
        except self._failures as error:
            self._leave_alone(error)
            return False
        return True

    def _named(self, consumer: str, limit: int, shards: Container[int] | None) -> list[Named]:
        """Return the next ids that the streams name; nothing where Redis does not answer."""
        if not self._answers():
            return []
        streams = [_stream(consumer, shard) for shard in range(SHARDS) if shards is None or shard in shards]
        found: list[Named] = []
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for stream in streams:
                    pipeline.xlen(stream)
                held = [stream for stream, length in zip(streams, pipeline.execute(), strict=True) if length]
            for stream in held:
                if len(found) < limit:
                    found += self._entries(stream, limit - len(found))
        except self._failures as error:
            self._leave_alone(error)
        return found

    def _entries(self, stream: str, limit: int) -> list[Named]:
        """Return some entries of a stream: new ones, then those whose reader was killed."""
        try:
            answer = self._redis.xreadgroup(GROUP, self._worker, {stream: ">"}, count=limit)
        except self._refusals:  # a new stream has no group yet
            with suppress(self._refusals):  # somebody else was quicker
                self._redis.xgroup_create(stream, GROUP, id="0")
            answer = self._redis.xreadgroup(GROUP, self._worker, {stream: ">"}, count=limit)
        entries = [entry for _, found in answer or () for entry in found]
        if len(entries) < limit:
            left = self._redis.xautoclaim(stream, GROUP, self._worker, ABANDONED_MS, count=limit - len(entries))
            entries += left[1]
        return [Named(stream, entry, _key(fields["id"])) for entry, fields in entries]

    def _forget(self, named: Sequence[Named]) -> None:
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for one in named:
                    pipeline.xack(one.stream, GROUP, one.entry)
                    pipeline.xdel(one.stream, one.entry)
                pipeline.execute()
        except self._failures as error:
            self._leave_alone(error)  # they will be claimed, and passed over

    def _answers(self) -> bool:
        return _clock.monotonic_ns() >= self._away_until_ns

    def _leave_alone(self, error: Exception) -> None:
        self._away_until_ns = _clock.monotonic_ns() + AWAY_NS
        _log.warning("stagelight: Redis does not serve (%s); meanwhile the database hands out what waits", error)


def _suspect(found: Sequence[Item]) -> bool:
    return bool(found) and found[0].attempts > SUSPECT


def _company(found: Sequence[Item]) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the condition on what may join `found` in a batch."""
    return (INNOCENT,) if found else ()


def _stream(consumer: str, shard: int) -> str:
    return f"stagelight:{clean(consumer)}:{shard}"


def _key(text: str) -> tuple[str, str, str]:
    tenant, workspace, feedback_id = json.loads(text)
    return tenant, workspace, feedback_id


def _without_password(url: str) -> str:
    """Fit to be shown: what stands before the last @ may be a password.

    >>> _without_password("rediss//me:secret@host")
    '…@host'
    """
    return f"…@{url.rpartition('@')[2]}" if "@" in url else url
