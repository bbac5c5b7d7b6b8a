"""Writers and workers that are killed, many times a second: forked from one process that has everything loaded.

A program of its own, `python killing.py <what> <folder> <kills> <seed>`, which prints what it found as one line of JSON;
it has no threads, and its children open the store themselves.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import sqlalchemy as sa

from queues import HERE, WHO, adding, decision, drained, feedback, item, learned, numbers_of, sums
from stagelight.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagelight.store import Store
    from stagelight.store.loop import Item

SIDE_BY_SIDE = 4
LEASE_S = 0.15
JOB_S = 0.004
LONGEST_S = 0.02  #: That a process works before it is killed.
BATCH = 10


def main(what: str, folder: str, kills: str, seed: str) -> None:
    """Do it, and say what came of it."""
    path = Path(folder) / f"{what}.db"
    open_store(path).close()
    print(json.dumps(WHAT[what](path, int(kills), random.Random(int(seed)))))


def writers(path: Path, kills: int, chance: random.Random) -> dict[str, Any]:
    """Kill processes in the middle of writing feedback; what they acknowledged must be there, once, with its delivery."""
    with open_store(path) as store:
        store.rows.write(rows(0))  # the children inherit the statements, compiled, and open connections of their own
        acknowledged = [0, *killed(lambda lane: partial(write, store, 1_000 * lane), kills, chance)]
        kept = [int(row.feedback_id[1:]) for row in store.rows.export("feedback")]
        queued = store.loop_reports.queue(WHO).waiting
        store.rows.write([row for number in acknowledged for row in rows(number)])  # sent again, as to be sure
        again = [store.rows.count("feedback"), store.loop_reports.queue(WHO).waiting]
    return {
        "kills": kills,
        "acknowledged": len(acknowledged),
        "lost": len(set(acknowledged) - set(kept)),
        "kept": len(kept),
        "queued": queued,
        "kept and queued after all was sent again": again,
        "integrity": sound(path),
    }


def write(store: Store, first: int, tell: Callable[[int], None]) -> None:
    """Write feedback and decisions, and acknowledge each after its receipt."""
    for number in range(first, first + 1_000):
        assert all(receipt.accepted for receipt in store.rows.write(rows(number)))
        tell(number)


def rows(number: int) -> list[Any]:
    """A verdict and what it judges."""
    return [feedback(number, decision_id=f"d{number}"), decision(number)]


def workers(path: Path, kills: int, chance: random.Random) -> dict[str, Any]:
    """Kill workers in mid-job; everything must be learned once, and handed out again when a lease ends."""
    numbers = range(max(400, 50 * kills))
    with open_store(path) as store:
        store.deliveries.put([item(number) for number in numbers])
        killed(lambda _lane: partial(work, store), kills, chance)
        held = store.loop_reports.queue(WHO).leased
        began = time.monotonic()
        waited = 0.0
        while store.deliveries.depth(WHO):
            if store.policies.settle(store.deliveries.take(WHO, 500), adding).done:
                waited = time.monotonic() - began
        unlucky = store.deliveries.requeue(WHO)  # killed with five times: kept, and learned when asked for
        drained(store, limit=500)
        replayed = sorted(numbers_of(list(store.policies.replay("default", **HERE))))
        return {
            "kills": kills,
            "held by the killed": held,
            "all of it learned within seconds": round(waited, 3),
            "dead": unlucky,
            "learned": learned(store),
            "expected": sums(numbers),
            "each once": replayed == list(numbers),
            "integrity": sound(path),
        }


def work(store: Store, tell: Callable[[int], None]) -> None:
    """Take and learn, slowly enough to be killed in the middle of it."""

    def slowly(state: Mapping[str, Any] | None, items: list[Item]) -> Any:
        time.sleep(JOB_S)
        return adding(state, items)

    tell(0)
    while True:
        if items := store.deliveries.take(WHO, BATCH, lease_seconds=LEASE_S):
            store.policies.settle(items, slowly)


def steps(path: Path, _kills: int, _chance: random.Random) -> dict[str, Any]:
    """Kill a process before each of its statements and commits in turn, and live its life again: all must be as if not."""
    wrong: list[str] = []
    step = 0
    while True:
        copy = path.with_name(f"step{step}.db")
        shutil.copy(path, copy)
        pid, pipe = child(lambda tell, copy=copy, step=step: one_life(copy, step, tell))
        finished = bool(heard(pipe))
        os.waitpid(pid, 0)
        with open_store(copy) as store:
            whole_life(store)
            found = learned(store), store.rows.count("feedback"), len(list(store.policies.replay("default", **HERE)))
        if found != (sums([1, 2, 3]), 2, 3) or not sound(copy):
            wrong.append(f"killed before step {step}: {found}")
        if finished:
            return {"steps": step, "wrong": wrong}
        step += 1


def one_life(path: Path, step: int, tell: Callable[[int], None]) -> None:
    """Do everything once; end by SIGKILL before statement or commit number `step`."""
    with open_store(path) as store:
        left = count(step, -1)

        def next_step(*_: object) -> None:
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        for name in ("begin", "before_cursor_execute", "commit"):
            sa.event.listen(store._database.engine, name, next_step)
        whole_life(store)
    tell(step)


def whole_life(store: Store) -> None:
    """Queue three items in the ways there are, and learn them."""
    store.rows.write([feedback(1, decision_id="d1")])
    store.rows.write([decision(1), decision(2)])
    store.rows.write([feedback(2, decision_id="d2")])
    store.deliveries.put([item(3)])
    while items := store.deliveries.take(WHO, 2, lease_seconds=0):
        store.policies.settle(items, by_id)


def by_id(state: Mapping[str, Any] | None, items: list[Item]) -> Any:
    """Learn the number in the item's id, for feedback brings no other."""
    return adding(state, [one._replace(body={"number": int(one.feedback_id[1:])}) for one in items])


def child(work: Callable[[Callable[[int], None]], None]) -> tuple[int, int]:
    """Fork a process that does `work`; it tells numbers through the pipe that is returned with its id."""
    read, written = os.pipe()
    pid = os.fork()
    if not pid:
        ended_badly(lambda: work(lambda number: tell(written, number)))
    os.close(written)
    return pid, read


def tell(pipe: int, number: int) -> None:
    """Acknowledge: a write so short is there whole or not at all."""
    os.write(pipe, f"{number}\n".encode())


def ended_badly(work: Callable[[], None]) -> NoReturn:
    """Do `work` and end the process without any of its parent's ending."""
    try:
        work()
        os._exit(0)
    except BaseException as error:  # noqa: BLE001  the parent sees it
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(1)


def killed(
    make: Callable[[int], Callable[[Callable[[int], None]], None]], kills: int, chance: random.Random
) -> list[int]:
    """Run processes, some side by side, kill each while it works, and return what all have told."""
    told: list[int] = []
    alive: list[tuple[int, int]] = []
    for number in range(1, kills + SIDE_BY_SIDE):
        if number <= kills:
            alive.append(child(make(number)))
        if number < SIDE_BY_SIDE:
            continue
        pid, pipe = alive.pop(0)
        select.select([pipe], [], [], 20)  # it has begun
        time.sleep(chance.uniform(0, LONGEST_S))
        os.kill(pid, signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
        told += [int(line) for line in heard(pipe).split()]
    return told


def heard(pipe: int) -> bytes:
    """Everything that was told, until the end."""
    with os.fdopen(pipe, "rb") as told:
        return told.read()


def sound(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file."""
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


WHAT: dict[str, Callable[[Path, int, random.Random], dict[str, Any]]] = {
    "writers": writers,
    "workers": workers,
    "steps": steps,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
