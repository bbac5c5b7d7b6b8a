"""Starts a process per measured case, asks them in turn, and keeps the best of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Told = tuple[str, "list[float] | WorkerError"]

ROOT = Path(__file__).parent.parent


class WorkerError(RuntimeError):
    """A worker ended before its answer; the message is the end of what it wrote on stderr."""


class Worker:
    """One case of one subject, in a process of its own."""

    def __init__(self, subject: str, case: str, *, python: str = sys.executable, environ: Mapping[str, str]) -> None:
        """Start it with `python`; `environ` is added to the variables of this process that are not OpenTelemetry's."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "STAGELIGHT_"))}
        # A file: a pipe that nobody empties would block a chatty peer.
        self._told = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  closed in __exit__
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", subject, case],
            cwd=ROOT,
            env={**inherited, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._told,
            text=True,
        )

    def __enter__(self) -> Self:
        """Return the worker."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._told.close()

    def ready(self) -> None:
        """Wait until it is set up.

        Raises:
            WorkerError: It could not be.
        """
        self._line()

    def measured(self, times: int) -> list[float]:
        """Return what one round of `times` turns cost.

        Raises:
            WorkerError: The worker failed.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{times}\n")
        self._process.stdin.flush()
        answer = self._line()
        assert isinstance(answer, list)
        return answer

    def _line(self) -> object:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._told.seek(0)
            raise WorkerError(" ".join(self._told.read().strip().splitlines()[-1:]) or "it ended without a word")
        return json.loads(line)


def in_turns(team: dict[str, Worker], rounds: int, turns: int, tick: Callable[[], object]) -> Iterator[Told]:
    """Ask each of `team` once a round, and yield its name with what it cost, or with why it failed: it then drops out.

    The first round waits until everybody is set up. `tick` is called after each round.
    """
    for turn in range(rounds + 1):
        for name, worker in list(team.items()):
            try:
                if turn == 0:
                    worker.ready()
                else:
                    yield name, worker.measured(turns)
            except WorkerError as error:
                del team[name]
                yield name, error
        tick()


@contextmanager
def sink() -> Iterator[str]:
    """Run the loopback OTLP server inside the block, and give its address."""
    command = [sys.executable, "-m", "benchmarks.sink"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()
