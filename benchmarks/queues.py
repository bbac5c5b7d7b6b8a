"""The rows of the table about the queue: ours and other people's, beside a bare loop of sqlite3 that does the same."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from benchmarks.crew import Worker, WorkerError, in_turns
from benchmarks.table import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ITEM = "queue end to end, in batches of 100 put and 500 taken"
GOAL = 0.4  #: Of the bare loop's items a second.
TURNS, ROUNDS = 20_000, 3
OURS = "stagelight, SQLite"
SUBJECTS = {
    "normal": {
        "bare sqlite3 loop of the same, synchronous=NORMAL": "bare normal",
        "bare loop without keys and JSON": "unsafe normal",
        f"{OURS} NORMAL": "ours normal",
        "stagelight with random keys": "ours random",
        "stagelight, Redis Streams in front": "ours streams",
        "Redis Streams": "streams",
        "Celery on Redis": "celery",
        "RQ": "rq",
    },
    "full": {
        "bare sqlite3 loop of the same, synchronous=FULL": "bare full",
        "bare loop without keys and JSON": "unsafe full",
        f"{OURS} FULL": "ours full",
    },
}
NEEDS_REDIS = ("ours streams", "streams", "celery", "rq")
READY_S = 10.0


def lines(*, quick: bool, peers: bool, tick: Callable[[], object]) -> Iterator[Line]:
    """Yield the lines: items a second, and their ratio to the bare loop's."""
    turns, rounds = (500, 1) if quick else (TURNS, ROUNDS)
    with redis(wanted=peers) as url:
        for key, subjects in SUBJECTS.items():
            chosen = {name: case for name, case in subjects.items() if peers or case not in NEEDS_REDIS}
            best, failed = measured(chosen, url, turns=turns, rounds=rounds, tick=tick)
            base = best.get(next(iter(chosen)))
            for name in chosen:
                yield _line(f"queue_{key}", name, best.get(name), base, failed.get(name, ""))


def measured(
    subjects: dict[str, str], url: str, *, turns: int, rounds: int, tick: Callable[[], object]
) -> tuple[dict[str, float], dict[str, str]]:
    """Return nanoseconds per item by subject, the least of all rounds, and why there are none."""
    best: dict[str, float] = {}
    failed = {
        name: "redis-server is not installed" for name, case in subjects.items() if case in NEEDS_REDIS and not url
    }
    with ExitStack() as stack:
        team = {
            name: stack.enter_context(Worker("queues", case, environ={"BENCH_REDIS": url}))
            for name, case in subjects.items()
            if name not in failed
        }
        for name, found in in_turns(team, rounds, turns, tick):
            if isinstance(found, WorkerError):
                failed[name] = f"failed: {found}"
            else:
                best[name] = min(best.get(name, found[0]), found[0])
    return best, failed


def _line(key: str, name: str, cost: float | None, base: float | None, why: str) -> Line:
    if cost is None:
        return Line(key=key, figure="", subject=name, cost=None, unit="/s", why=why)
    ratio = base / cost if base else None
    ours = name.startswith(OURS) and ratio is not None
    return Line(
        key=key,
        figure="",
        subject=name,
        cost=1e9 / cost,
        unit="/s",
        ratio=ratio,
        goal=f">={GOAL:g}x" if ours else "",
        met=ratio >= GOAL if ours and ratio is not None else None,
    )


@contextmanager
def redis(*, wanted: bool) -> Iterator[str]:
    """Run a Redis that writes its log every second, and give its address; nothing where it is not installed."""
    program = shutil.which("redis-server")
    if not wanted or program is None:
        yield ""
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"]
        with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
            try:
                _await(port)
                yield f"redis://127.0.0.1:{port}/0"
            finally:
                process.kill()


def _await(port: int) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as held:
            held.sendall(b"PING\r\n")
            if held.recv(16).startswith(b"+PONG"):
                return
        time.sleep(0.02)
