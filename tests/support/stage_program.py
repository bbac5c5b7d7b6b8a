"""A program with stages, as a user writes one: runs beside the test until it is told to end."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Runs its stages once for each line it is sent, and answers with the trace's id once all of it was exported.
PROGRAM = '''
import sys

from stagelight import catalogue, configure, context, trace_stage
from stagelight.stages import here
from stagelight.telemetry.instruments import instrument

telemetry = configure()


@trace_stage
def retrieve(question):
    if "fail" in question:
        raise ValueError(question)
    return question


@trace_stage("answer")
def answer(question):
    retrieve(question)
    return here().trace_id


def everything():
    """Use each metric of the catalogue, with a value for each label: an empty one is no label to Prometheus."""
    for row in catalogue.METRICS.values():
        labels = {label.name: (label.values or ("some",))[0] for label in row.labels}
        made = instrument(row).labels(**labels)
        act = {"counter": "inc", "gauge": "set", "histogram": "observe"}[row.kind]
        getattr(made, act)(1)


for line in sys.stdin:
    question, _, tenant = line.strip().partition("@")
    try:
        with context(model_version="v1", tenant=tenant or None):
            trace_id = answer(question)
    except ValueError:
        trace_id = "failed"
    if "everything" in line:
        everything()
    print(trace_id if telemetry.flush() else "lost", flush=True)
'''


class Asked:
    """The running program."""

    def __init__(self, process: subprocess.Popen[str], into: IO[str], out: IO[str]) -> None:
        """Speak to `process` by its pipes."""
        self.pid = process.pid
        self._into, self._out = into, out

    def ask(self, question: str = "why", *, tenant: str = "") -> str:
        """Run its stages once, have all exported, and return the trace id."""
        self._into.write(f"{question}@{tenant}\n")
        self._into.flush()
        said = self._out.readline().strip()
        assert said not in ("", "lost"), f"the program exported nothing: {said!r}"
        return said


@contextmanager
def asked(**variables: str) -> Iterator[Asked]:
    """Run the program with these variables inside the block; fails where it ends badly."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with process.stdin, process.stdout:
            yield Asked(process, process.stdin, process.stdout)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
