"""The rows of the table about drift: twenty columns of a hundred thousand rows, and a stream's update."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.crew import Worker, WorkerError, in_turns
from benchmarks.peers import ENVIRONMENTS
from benchmarks.table import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ITEM = "drift: 20 columns of 100,000 rows, and one value of a stream"
ROUNDS, TURNS = 6, 2
OWN = ENVIRONMENTS / "evidently" / "bin" / "python"
MISSING = "not installed: make bench-peers"
LONGEST_MS = 0.25  #: For the scores of counts that are kept.
DEAREST = 3.0  #: A stream's update, in calls of an empty method.


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is measured, beside what, and how much faster it should be."""

    name: str
    case: str
    base: str = ""  #: The case that is 1x; itself if empty.
    faster: float = 0.0  #: Goal, as a multiple of the base's speed.
    unit: str = "ms"


SUBJECTS = (
    Subject("evidently's PSI function", "evidently"),
    Subject("numpy by hand, PSI alone", "plain", "evidently"),
    Subject("scipy's KS, by itself", "scipy", "evidently"),
    Subject("stagelight, all seven, reference rebuilt", "rebuilt", "evidently", 10.0),
    Subject("stagelight, all seven, reference kept", "kept", "evidently", 40.0),
    Subject("stagelight, all seven, of kept counts", "counts"),
    Subject("an empty method, called", "empty", unit="ns"),
    Subject("stagelight, a stream's update", "update", "empty", unit="ns"),
    Subject("stagelight, binning it later", "binning", "empty", unit="ns"),
)


def lines(*, quick: bool, peers: bool, tick: Callable[[], object]) -> Iterator[Line]:
    """Yield the lines: what each took, and how many times faster it was than what is 1x."""
    rounds, turns = (1, 1) if quick else (ROUNDS, TURNS)
    best, failed = measured(peers=peers, rows=500 if quick else 100_000, rounds=rounds, turns=turns, tick=tick)
    for subject in SUBJECTS:
        if subject.case in best:
            yield line(subject, best[subject.case], best.get(subject.base or subject.case))
        elif peers or subject.case != "evidently":
            why = failed.get(subject.case, MISSING)
            yield Line(key="drift", figure="", subject=subject.name, cost=None, unit=subject.unit, why=why)


def measured(
    *, peers: bool, rows: int, rounds: int, turns: int, tick: Callable[[], object]
) -> tuple[dict[str, float], dict[str, str]]:
    """Return nanoseconds by case, the least of all rounds, each in turn; and why there are none."""
    best: dict[str, float] = {}
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        team = {case: stack.enter_context(worker) for case, worker in started(peers=peers, rows=rows)}
        for case, found in in_turns(team, rounds, turns, tick):
            if isinstance(found, WorkerError):
                failed[case] = f"failed: {found}"
            else:
                best[case] = min(best.get(case, found[0]), found[0])
    return best, failed


def started(*, peers: bool, rows: int) -> Iterator[tuple[str, Worker]]:
    """Start a process for each case; evidently's where it is installed."""
    environ = {"OPENBLAS_NUM_THREADS": "1", "BENCH_ROWS": str(rows)}
    for subject in SUBJECTS:
        foreign = subject.case == "evidently"
        if not foreign or (peers and OWN.exists()):
            python = str(OWN) if foreign else sys.executable
            yield subject.case, Worker("drift", subject.case, python=python, environ=environ)


def line(subject: Subject, cost: float, base: float | None) -> Line:
    """Return the line of a subject that took `cost` nanoseconds where what is 1x took `base`."""
    shown = cost / 1e6 if subject.unit == "ms" else cost
    ratio = base / cost if base else None
    goal, met = "", None
    if subject.faster and ratio is not None:
        goal, met = f">={subject.faster:g}x", ratio >= subject.faster
    elif subject.case == "counts":
        goal, met = f"<={LONGEST_MS:g} ms", shown <= LONGEST_MS
    elif subject.case == "update" and ratio is not None:
        goal, met = f">={1 / DEAREST:.2f}x", 1 / ratio <= DEAREST
    return Line(
        key="drift", figure="", subject=subject.name, cost=shown, unit=subject.unit, ratio=ratio, goal=goal, met=met
    )
