"""The scheduled tasks on a real Celery: beat, worker and Redis, with short periods."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from stagelight.loops import run_full_feedback_loop
from stagelight.sink.rows import Prediction, Truth
from stagelight.store import current, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stagelight.store import Store

RULES = """
schedules:
  short: {every: 1s}
types:
  trigger: {schedule: short, truth: exists, events: [bought], within: 1h}
"""
PATIENCE_SECONDS = 30.0
PREDICTIONS = 2_000


@pytest.fixture
def variables(redis: Any, tmp_path: Path) -> dict[str, str]:
    """What worker and beat are told."""
    (tmp_path / "rules.yaml").write_text(RULES)
    return {
        "STAGELIGHT_STORE": str(tmp_path / "c.db"),
        "STAGELIGHT_TRUTH_RULES": str(tmp_path / "rules.yaml"),
        "STAGELIGHT_REDIS_URL": redis.url,
        "OTEL_SDK_DISABLED": "true",
    }


@pytest.fixture
def celery(variables: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start `celery --app stagelight.loops.celery_app …`; all that were started end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "--app", "stagelight.loops.celery_app", *arguments]
        with (tmp_path / f"{arguments[0]}.log").open("ab") as log:
            started.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, **variables},
                    stdout=log,
                    stderr=log,
                    cwd=tmp_path,
                    start_new_session=True,
                )
            )
        return started[-1]

    yield start
    for process in started:
        ended(process)
    for log in sorted(tmp_path.glob("*.log")):
        print(f"--- {log.name}\n{log.read_text()[-3000:]}")


def ended(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children, as a machine that goes down does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def fill(store: Store, now: float) -> None:
    """Two thousand predictions, half of them followed by what they predicted."""
    made = [
        Prediction(
            prediction_id=f"p{number}", type="trigger", model_version="v1", score=0.9 if number % 2 else 0.1,
            entity=f"e{number}", observed_at=now - 7_200 + number / 1000,
        )
        for number in range(PREDICTIONS)
    ]  # fmt: skip
    truth = [
        Truth(truth_id=f"t{number}", event="bought", entity=f"e{number}", observed_at=now - 7_000)
        for number in range(0, PREDICTIONS, 2)
    ]
    store.rows.write([*made, *truth])


def figures(store: Store, now: float) -> list[Any]:
    """What is known of every prediction, and of the model."""
    judged = [(row.observed_at, row.predicted, row.actual) for row in store.outcomes.judged("trigger", now=now)]
    return [judged, [(one.predictions, one.labelled) for one in store.outcomes.coverage("trigger", now=now)]]


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_a_killed_worker_leaves_figures_that_the_next_run_completes(
    celery: Callable[..., subprocess.Popen[bytes]],
    variables: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beat sends, a worker of the queue `analytics` is killed in mid-task, the next one ends with the figures of a run that nobody disturbed."""
    now = time.time()
    monkeypatch.setenv("STAGELIGHT_TRUTH_RULES", variables["STAGELIGHT_TRUTH_RULES"])
    with open_store(tmp_path / "undisturbed.db") as store, current.using(store):
        fill(store, now)
        assert run_full_feedback_loop(now=now)["status"] == "ok"
        expected = figures(store, now)
    worker = "worker", "--queues", "analytics", "--concurrency", "1", "--loglevel", "INFO"
    with open_store(variables["STAGELIGHT_STORE"]) as store:
        fill(store, now)
        first = celery(*worker)
        celery("beat", "--schedule", str(tmp_path / "beat"), "--loglevel", "INFO")
        until(lambda: not store.leases.take("feedback-loop-short-window", "me", seconds=0), "no task began")
        ended(first)  # it holds the task's lease: the next one waits until that is over
        celery(*worker)
        until(lambda: store.leases.done_ns("feedback-loop-short-window") > 0, "nothing was joined after the kill")
        assert figures(store, now) == expected
    assert expected[1] == [(PREDICTIONS, PREDICTIONS)]
