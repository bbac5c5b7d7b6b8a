"""What every subject measures with. Standard library alone: peers run it in environments of their own."""

from __future__ import annotations

import gc
import time
import tracemalloc
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

Measure: TypeAlias = "Callable[[int], list[float]]"  #: Do it so many times; return the cost of one, in the row's units.
Case: TypeAlias = "Callable[[], Measure]"  #: Set everything up, once for a process, and return the measure.

NS_PER_SECOND = 1_000_000_000
STRETCH_NS = 2_000_000  #: What is timed together, about.
FEWEST, MOST = 50, 500  #: Turns of a stretch; a root span around too few would weigh in.
PAUSE_NS = 100_000  #: Of other work between two stages, where latency is measured.


def empty() -> None:
    """Do nothing; what is traced, so that tracing is all that is measured."""


def boom() -> None:
    """Raise, so that the way of an exception through the tracing is measured."""
    raise ValueError("x")


def swallowed(function: Callable[[], object]) -> Callable[[], None]:
    """Return `function` with its ValueError caught by the caller."""

    def call() -> None:
        try:  # noqa: SIM105  contextlib.suppress would be measured too
            function()
        except ValueError:
            pass

    return call


def repeated(function: Callable[[], object]) -> Callable[[int], None]:
    """Return a loop around `function`."""

    def loop(times: int) -> None:
        for _ in range(times):
            function()

    return loop


def within(root: Callable[[], AbstractContextManager[object]], function: Callable[[], object]) -> Callable[[int], None]:
    """Return a loop around `function` inside one block of `root`."""
    loop = repeated(function)

    def run(times: int) -> None:
        with root():
            loop(times)

    return run


def timed(loop: Callable[[int], None]) -> Measure:
    """Measure nanoseconds per turn of `loop`: the least of short stretches, with the garbage collector off as in `timeit`.

    A stretch is shorter than the time a busy machine leaves a process alone, so that some stretch is undisturbed.
    """
    warm = min(_stretch(loop, FEWEST) for _ in range(3))
    turns = int(min(MOST, max(FEWEST, STRETCH_NS / warm)))
    gc.collect()
    gc.freeze()  # what was imported need not be looked through again before each round

    def measure(times: int) -> list[float]:
        gc.collect()
        gc.disable()
        try:
            return [min(_stretch(loop, turns) for _ in range(max(1, times // turns)))]
        finally:
            gc.enable()

    return measure


def _stretch(loop: Callable[[int], None], times: int) -> float:
    started = time.perf_counter_ns()
    loop(times)
    return (time.perf_counter_ns() - started) / times


def spent(loop: Callable[[int], None], flush: Callable[[], object]) -> Measure:
    """Measure nanoseconds of processor time, of all threads, per turn of `loop` until `flush` has returned."""

    def measure(times: int) -> list[float]:
        gc.collect()
        started = time.process_time_ns()
        loop(times)
        flush()
        return [(time.process_time_ns() - started) / times]

    return measure


def held(loop: Callable[[int], None], clear: Callable[[], object]) -> Measure:
    """Measure bytes that stay allocated per turn of `loop`; `clear` lets go of them."""

    def measure(times: int) -> list[float]:
        loop(10)
        clear()
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            loop(times)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        clear()
        return [(after - before) / times]

    return measure


def slowest(function: Callable[[], object]) -> Measure:
    """Measure the 99.9th and 99.99th percentile of a call's nanoseconds, with other work in between."""

    def measure(times: int) -> list[float]:
        clock = time.perf_counter_ns
        taken = []
        for _ in range(times):
            started = clock()
            function()
            ended = clock()
            taken.append(ended - started)
            while clock() - ended < PAUSE_NS:
                pass
        taken.sort()
        return [float(taken[int(times * share)]) for share in (0.999, 0.9999)]

    return measure
