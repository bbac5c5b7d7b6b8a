"""A row of the table: every subject in its own process, asked in turn, the least of each kept."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.crew import ROOT, Worker, WorkerError, in_turns
from benchmarks.peers import PEERS
from benchmarks.rows import IMPORT_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.rows import Row

RAW, OURS, YARDSTICK = "raw OpenTelemetry", "stagelight", "yardstick"

#: What a program imports to use a subject; the fair opponent of `import stagelight` is the SDK.
IMPORTS = {OURS: "stagelight", RAW: "opentelemetry.sdk.trace"}


@dataclass(frozen=True, slots=True)
class Result:
    """What one subject cost in one row; empty figures where it could not be measured."""

    subject: str
    figures: tuple[float, ...]
    why: str = ""  #: Why there are no figures.


def measured(
    row: Row, pythons: Mapping[str, str | None], *, address: str, quick: bool, tick: Callable[[], object]
) -> dict[str, Result]:
    """Return a result per subject, and that of the yardstick, for `row`.

    Args:
        row: What to measure.
        pythons: The interpreter of each peer, None where it is not installed.
        address: Where exporters send.
        quick: One round of a tenth of the turns; shows that everything works, not how fast.
        tick: Called after each round.
    """
    turns, rounds = (max(20, row.turns // 10), 1) if quick else (row.turns, row.rounds)
    results = {
        name: Result(name, (), "not installed") for name, python in _peers(row, pythons).items() if python is None
    }
    best: dict[str, list[float]] = {}
    with ExitStack() as stack:
        team = _started(row, pythons, address, stack)
        for name, found in in_turns(team, rounds, turns, tick):
            if isinstance(found, WorkerError):
                results[name] = Result(name, (), f"failed: {found}")
            else:
                best[name] = [min(pair) for pair in zip(best.get(name, found), found, strict=True)]
    return {name: Result(name, tuple(costs)) for name, costs in best.items()} | results


def _peers(row: Row, pythons: Mapping[str, str | None]) -> dict[str, str | None]:
    return {peer.subject: pythons.get(peer.subject) for peer in PEERS if row.peers in peer.cases}


def _started(row: Row, pythons: Mapping[str, str | None], address: str, stack: ExitStack) -> dict[str, Worker]:
    """Start everybody at once; the first round waits until each is set up."""
    environ = {"BENCH_SINK": address}
    wanted = {YARDSTICK: ("raw", row.yardstick, sys.executable)} if row.base else {}
    wanted |= {RAW: ("raw", row.raw, sys.executable), OURS: ("ours", row.ours, sys.executable)}
    wanted |= {name: (name, row.peers, python) for name, python in _peers(row, pythons).items() if python}
    return {
        name: stack.enter_context(Worker(subject, case, python=python, environ=environ))
        for name, (subject, case, python) in wanted.items()
    }


def imports(pythons: Mapping[str, str | None], *, quick: bool, tick: Callable[[], object]) -> dict[str, Result]:
    """Return milliseconds that each subject's import adds to a fresh interpreter, the least of several."""
    wanted = {name: (sys.executable, module) for name, module in IMPORTS.items()}
    results = {}
    for peer in PEERS:
        python = pythons.get(peer.subject)
        if python is None:
            results[peer.subject] = Result(peer.subject, (), "not installed")
        else:
            wanted[peer.subject] = (python, peer.module)
    best: dict[str, float] = {}
    for _ in range(2 if quick else IMPORT_ROUNDS):
        for name, (python, module) in wanted.items():
            best[name] = min(best.get(name, float("inf")), import_ms(python, module))
        tick()
    return results | {name: Result(name, (ms,)) for name, ms in best.items()}


def import_ms(python: str, module: str) -> float:
    """Return milliseconds that `import module` takes in a fresh process of `python`."""
    code = f"import time; t = time.perf_counter(); import {module}; print((time.perf_counter() - t) * 1000)"
    done = subprocess.run([python, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])
