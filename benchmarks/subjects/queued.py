"""What the workers of RQ and Celery do with an item: add its reward to a sum in Redis."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis

REDIS = os.environ.get("BENCH_REDIS", "")


def connected() -> Redis:
    """A client, made once for a process."""
    from redis import Redis

    return Redis.from_url(REDIS)


def learn(body: dict[str, Any]) -> None:
    """Learn from `body`."""
    connected().incrbyfloat("bench:learned", body["reward"])


def __getattr__(name: str) -> Any:
    """Make Celery's application when Celery asks for it: RQ's workers need none."""
    if name not in ("app", "learn_task"):
        raise AttributeError(name)
    from celery import Celery

    app = Celery("bench", broker=REDIS)
    app.conf.update(task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=100)
    globals()["app"] = app
    globals()["learn_task"] = app.task(name="learn")(learn)
    return globals()[name]


def main() -> None:
    """Run Celery's worker until stdin ends."""

    def leave() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=leave, daemon=True).start()
    options = ["--pool", "solo", "--concurrency", "1", "--without-gossip", "--without-mingle", "--loglevel", "ERROR"]
    module = importlib.import_module("benchmarks.subjects.queued")
    _ = module.learn_task  # registers it
    module.app.worker_main(["worker", *options])


if __name__ == "__main__":
    main()
