"""Queues, end to end: items are put in batches, taken in batches, and learned from exactly once where the queue can do so.

Every case makes and parses the same bodies of about 150 bytes of JSON. A measure gives nanoseconds per item.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.kit import Case, Measure

    Job = tuple[str, dict[str, Any]]

PUT, TAKE = 100, 500  #: Items of a batch.
SLOW = {"rq": 200, "celery": 50}  #: These get so many times fewer items: a round would take minutes.
WAIT_S = 60.0
BEGAN_MS = 1_795_251_087_000  #: When the first job was made.
TABLES = (
    "CREATE TABLE job (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body TEXT NOT NULL, state INTEGER NOT NULL)",
    "CREATE INDEX job_open ON job (id) WHERE state < 2",
    "CREATE TABLE policy (state TEXT NOT NULL)",
    "INSERT INTO policy VALUES ('{\"sum\": 0}')",
)
BARE = "CREATE TABLE job (id INTEGER PRIMARY KEY, body TEXT NOT NULL, state INTEGER NOT NULL)", *TABLES[1:]


def jobs(count: int, *, ordered: bool = True) -> list[Job]:
    """Ids in the order of time, as `log_feedback` makes them, or wholly random; bodies as the feedback loop has them."""
    drawn = random.Random(1)
    return [
        (
            f"{BEGAN_MS + number // 50:012x}{drawn.getrandbits(80):020x}"
            if ordered
            else f"{drawn.getrandbits(128):032x}",
            {
                "decision": f"{drawn.getrandbits(128):032x}",
                "arm": "large",
                "reward": 1.0,
                "context": [0.25, 0.5],
                "propensity": 0.7,
                "observed_at": 1795251087.5,
            },
        )
        for number in range(count)
    ]


def measured(work: Callable[[list[Job]], float], share: int = 1, *, ordered: bool = True) -> Measure:
    """Return the measure of `work`, which learns from jobs and returns the sum of their rewards."""

    def measure(times: int) -> list[float]:
        given = jobs(max(10, times // share), ordered=ordered)
        began = time.perf_counter_ns()
        learned = work(given)
        spent = time.perf_counter_ns() - began
        assert learned == len(given), f"learned {learned} of {len(given)}"
        return [spent / len(given)]

    return measure


@contextmanager
def folder() -> Iterator[Path]:
    """A folder on the disk that temporary files are on."""
    with tempfile.TemporaryDirectory(prefix="stagelight-bench-") as name:
        yield Path(name)


def batches(given: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut into batches as they are put."""
    for first in range(0, len(given), PUT):
        yield given[first : first + PUT]


def bare(synchronous: str, *, tables: Sequence[str] = TABLES) -> Case:
    """A loop of sqlite3 and nothing else: a transaction to put, one to lease, one to learn and settle.

    `tables=BARE` leaves out what makes a queue safe and useful: no idempotency key, and bodies that are neither made
    nor parsed.
    """
    safe = tables is TABLES

    def work(given: list[Job]) -> float:
        with folder() as here, closing(sqlite3.connect(here / "bare.db", isolation_level=None)) as held:
            do = held.execute
            do("PRAGMA journal_mode=WAL")
            do(f"PRAGMA synchronous={synchronous}")
            for statement in tables:
                do(statement)
            text = json.dumps(given[0][1])
            for batch in batches(given):
                do("BEGIN IMMEDIATE")
                if safe:
                    rows = [(key, json.dumps(body)) for key, body in batch]
                    held.executemany("INSERT INTO job (key, body, state) VALUES (?, ?, 0) ON CONFLICT DO NOTHING", rows)
                else:
                    held.executemany("INSERT INTO job (body, state) VALUES (?, 0)", [(text,)] * len(batch))
                do("COMMIT")
            learned = 0.0
            while True:
                do("BEGIN IMMEDIATE")
                found = do(
                    "SELECT id, body FROM job WHERE state < 2 AND state = 0 ORDER BY id LIMIT ?", (TAKE,)
                ).fetchall()
                if not found:
                    do("COMMIT")
                    return learned
                part = found[0][0], found[-1][0]
                do("UPDATE job SET state = 1 WHERE id BETWEEN ? AND ?", part)
                do("COMMIT")
                do("BEGIN IMMEDIATE")
                learned += sum(json.loads(body)["reward"] for _, body in found) if safe else len(found)
                do("UPDATE policy SET state = ?", (json.dumps({"sum": learned}),))
                do("UPDATE job SET state = 2 WHERE id BETWEEN ? AND ?", part)
                do("COMMIT")

    return lambda: measured(work)


def ours(synchronous: str, *, redis: bool = False, ordered: bool = True) -> Case:
    """The feedback loop's queue; with Redis in front where `redis` says so."""

    def teach(state: dict[str, Any] | None, items: Sequence[Any]) -> tuple[dict[str, Any], dict[str, str]]:
        return {"sum": (state or {"sum": 0.0})["sum"] + sum(item.body["reward"] for item in items)}, {}

    def work(given: list[Job], template: Path) -> float:
        from stagelight.store import open_store
        from stagelight.store.loop import Item

        url = f"sqlite:///{template}?synchronous={synchronous}"
        with open_store(url, max_bytes=2**40, redis_url=os.environ["BENCH_REDIS"] if redis else "") as store:
            for batch in batches(given):
                store.deliveries.put([Item("default", "default", "router:bench", key, body) for key, body in batch])
            while items := store.deliveries.take("router:bench", TAKE):
                store.policies.settle(items, teach)
            row = store.policies.get("bench", tenant="default", workspace="default")
            return float(row.state["sum"]) if row else 0.0

    def prepare() -> Measure:
        from stagelight.store import open_store

        def measure(times: int) -> list[float]:
            with folder() as here:
                open_store(here / "ours.db").close()  # the tables are not what is measured
                return measured(lambda given: work(given, here / "ours.db"), ordered=ordered)(times)

        return measure

    return prepare


def streams() -> Measure:
    """Redis Streams by themselves: pipelines of 100, groups of 500, acknowledged; no key, no policy."""
    from redis import Redis

    held: Any = Redis.from_url(os.environ["BENCH_REDIS"], decode_responses=True)

    def work(given: list[Job]) -> float:
        held.delete("bench")
        held.xgroup_create("bench", "workers", id="0", mkstream=True)
        for batch in batches(given):
            with held.pipeline(transaction=False) as pipeline:
                for _, body in batch:
                    pipeline.xadd("bench", {"body": json.dumps(body)})
                pipeline.execute()
        learned = 0.0
        while answer := held.xreadgroup("workers", "one", {"bench": ">"}, count=TAKE):
            entries = answer[0][1]
            learned += sum(json.loads(fields["body"])["reward"] for _, fields in entries)
            held.xack("bench", "workers", *(number for number, _ in entries))
        return learned

    return measured(work)


def rq() -> Measure:
    """RQ as its documentation starts it: a worker that forks for each job, JSON for its serializer."""
    from redis import Redis
    from rq import Queue, Worker
    from rq.serializers import JSONSerializer

    held = Redis.from_url(os.environ["BENCH_REDIS"])

    def work(given: list[Job]) -> float:
        held.delete("bench:learned")
        queue = Queue("bench", connection=held, serializer=JSONSerializer)
        queue.enqueue_many(
            [
                Queue.prepare_data("benchmarks.subjects.queued.learn", (body,), job_id=key, result_ttl=0)
                for key, body in given
            ]
        )
        Worker([queue], connection=held, serializer=JSONSerializer).work(burst=True, logging_level="ERROR")
        return float(held.get("bench:learned") or 0)

    return measured(work, SLOW["rq"])


def celery() -> Measure:
    """Celery with Redis for its broker: one worker process, tasks sent one by one, acknowledged late."""
    from redis import Redis

    from benchmarks.subjects import queued

    held = Redis.from_url(os.environ["BENCH_REDIS"])
    # It ends with the pipe, that is with this process, however this one ends.
    subprocess.Popen([sys.executable, "-m", "benchmarks.subjects.queued"], stdin=subprocess.PIPE)

    def learned() -> float:
        return float(held.get("bench:learned") or 0)

    def work(given: list[Job]) -> float:
        held.delete("bench:learned")
        for key, body in given:
            queued.learn_task.apply_async((body,), task_id=key)
        deadline = time.monotonic() + WAIT_S
        while learned() < len(given) and time.monotonic() < deadline:
            time.sleep(0.002)
        return learned()

    work(jobs(1))  # the worker is up
    return measured(work, SLOW["celery"])


CASES: dict[str, Case] = {
    "bare normal": bare("normal"),
    "bare full": bare("full"),
    "unsafe normal": bare("normal", tables=BARE),
    "unsafe full": bare("full", tables=BARE),
    "ours normal": ours("normal"),
    "ours full": ours("full"),
    "ours random": ours("normal", ordered=False),
    "ours streams": ours("normal", redis=True),
    "streams": streams,
    "rq": rq,
    "celery": celery,
}
