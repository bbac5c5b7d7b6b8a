"""The queue on real servers: PostgreSQL, and Redis Streams in front of either database; and processes that share one."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from ports import free_ports
from queues import HERE, WHO, ProcessConformance, QueueConformance, adding, drained, item, learned, numbers_of, sums
from stagelight import _clock
from stagelight.errors import ConfigurationError
from stagelight.store import Store, open_store
from stagelight.store import redis_streams as streams
from stagelight.testing import SteppingClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres import Postgres

REDIS = pytest.importorskip("redis").Redis
NAMES = count()


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    """The address of a database with the tables."""
    return postgres.create(f"queue{next(NAMES)}")


@pytest.fixture(scope="module")
def opened(database: str) -> Iterator[Store]:
    """A store in PostgreSQL."""
    with open_store(database) as store:
        yield store


class TestPostgres(QueueConformance, ProcessConformance):
    """Rows are locked and skipped, so that workers do not wait for each other."""

    @pytest.fixture
    def address(self, database: str) -> tuple[str, str]:
        """The server's."""
        return database, ""

    @pytest.fixture
    def store(self, opened: Store) -> Store:
        """The store, emptied."""
        opened.admin.reset()
        return opened

    def test_a_worker_does_not_wait_for_another(self, store: Store, database: str) -> None:
        """What another transaction has locked is passed over, and is there again when that has ended."""
        store.deliveries.put([item(number) for number in range(3)])
        with open_store(database) as other, other._database.reading() as held:
            held.exec_driver_sql("SELECT id FROM delivery WHERE feedback_id = 'f0' FOR UPDATE")
            assert numbers_of(store.deliveries.take(WHO, 10)) == [1, 2]

        assert numbers_of(store.deliveries.take(WHO, 10)) == [0]


class TestStreams(QueueConformance, ProcessConformance):
    """Redis names what waits; SQLite is the truth."""

    @pytest.fixture
    def address(self, path: Path, redis: Any) -> tuple[str, str]:
        """Both."""
        return str(path), redis.url

    @pytest.fixture
    def store(self, address: tuple[str, str], redis: Any) -> Iterator[Store]:
        """A new store in a file, and empty streams."""
        redis.flushall()
        with open_store(address[0], redis_url=address[1]) as made:
            yield made


class TestProcesses(ProcessConformance):
    """Four processes share a file, written as it usually is and so that it outlives power cuts."""

    @pytest.fixture(params=["normal", "full"])
    def address(self, path: Path, request: pytest.FixtureRequest) -> tuple[str, str]:
        """The file, and how it is written."""
        return f"sqlite:///{path}?synchronous={request.param}", ""

    @pytest.fixture
    def store(self, address: tuple[str, str]) -> Iterator[Store]:
        """A new store in a file."""
        with open_store(address[0]) as made:
            yield made


@pytest.fixture
def stepping() -> Iterator[SteppingClock]:
    """Time that passes when told."""
    clock = SteppingClock()
    with _clock.replaced(clock=clock):
        yield clock


@pytest.fixture
def streamed(path: Path, redis: Any) -> Iterator[Store]:
    """A store in a file with streams in front, empty."""
    redis.flushall()
    with open_store(path, redis_url=redis.url) as made:
        yield made


def named(redis: Any) -> int:
    """How many ids the streams name."""
    return sum(redis.xlen(key) for key in redis.scan_iter("stagelight:*"))


def test_streams_carry_ids_alone(streamed: Store, redis: Any) -> None:
    """Nothing of what users said is in Redis; what was taken is forgotten there."""
    streamed.deliveries.put([item(1, secret="only in SQL")])

    (key,) = redis.keys("*")
    ((_, fields),) = redis.xrange(key)
    assert fields == {"id": '["default", "default", "f1"]'}
    assert drained(streamed) == 1
    assert named(redis) == 0


@pytest.mark.parametrize("loss", ["flushed", "killed"])
def test_a_redis_that_lost_everything_is_filled_again(
    streamed: Store, redis: Any, loss: str, stepping: SteppingClock
) -> None:
    """After FLUSHALL or a kill the database hands out what waits and names it anew; nothing is lost or doubled."""
    streamed.deliveries.put([item(number) for number in range(100)])
    streamed.policies.settle(streamed.deliveries.take(WHO, 10), adding)
    if loss == "flushed":
        redis.flushall()
    else:
        redis.server.kill()
        streamed.deliveries.put([item(number) for number in range(100, 110)])
        streamed.policies.settle(streamed.deliveries.take(WHO, 10), adding)
        redis.server.start()
        stepping.advance(seconds=6)

    streamed.policies.settle(streamed.deliveries.take(WHO, 10), adding)

    assert named(redis) == 80
    assert drained(streamed) == 80
    assert learned(streamed) == sums(range(100 if loss == "flushed" else 110))
    assert named(redis) == 0


def test_ids_that_come_twice_or_late_are_passed_over(streamed: Store, redis: Any) -> None:
    """An id in a stream is no promise: its row decides."""
    items = [item(number) for number in range(5)]
    streamed.deliveries.put(items)
    streamed.deliveries.announce([*items, *items, item(77)])

    assert sorted(numbers_of(streamed.deliveries.take(WHO, 100))) == [0, 1, 2, 3, 4]
    assert streamed.deliveries.take(WHO, 100) == []
    assert named(redis) == 0


def test_ids_read_by_a_killed_worker_are_read_again(
    streamed: Store, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies between the stream and the database leaves its ids to the next one."""
    monkeypatch.setattr(streams, "ABANDONED_MS", 0)
    streamed.deliveries.put([item(1)])
    (key,) = redis.keys("*")
    redis.xgroup_create(key, streams.GROUP, id="0")
    assert redis.xreadgroup(streams.GROUP, "killed", {key: ">"}, count=10)

    assert numbers_of(streamed.deliveries.take(WHO, 10)) == [1]
    assert named(redis) == 0


def test_a_redis_that_is_away_costs_little(
    path: Path, stepping: SteppingClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Without Redis the database serves; it is tried again after a while, and one line says so each time."""
    (port,) = free_ports(1)
    with open_store(path, redis_url=f"redis://127.0.0.1:{port}/0") as store:
        store.deliveries.put([item(number) for number in range(3)])
        store.policies.settle(store.deliveries.take(WHO, 10), adding)
        assert learned(store) == sums(range(3))
        assert len(caplog.records) == 1
        stepping.advance(seconds=6)
        assert store.deliveries.take(WHO, 10) == []
        assert len(caplog.records) == 2
    assert "the database hands out what waits" in caplog.text


def test_an_address_that_is_none_is_refused(path: Path) -> None:
    """Setting-up mistakes raise at the caller's line."""
    with pytest.raises(ConfigurationError, match="STAGELIGHT_REDIS_URL: found 'localhost:6379'"):
        open_store(path, redis_url="localhost:6379")


@pytest.mark.long
def test_a_killed_postgres_loses_nothing(postgres: Postgres, opened: Store) -> None:
    """After a power cut in mid-job every queued item is there, and what was learned is learned once."""
    opened.admin.reset()
    opened.deliveries.put([item(number) for number in range(20)])
    held = opened.deliveries.take(WHO, 5)
    opened.policies.settle(opened.deliveries.take(WHO, 5), adding)
    postgres.kill()
    with pytest.raises(RuntimeError, match="cannot be used"):
        opened.policies.settle(held, adding)
    postgres.start()

    assert opened.policies.settle(held, adding).lost == 0
    assert drained(opened) == 10
    assert learned(opened) == sums(range(20))
    assert len(list(opened.policies.replay("default", **HERE))) == 20
