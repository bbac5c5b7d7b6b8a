"""Streams: every value is counted once, whatever threads do, and cheaply."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from stagelight.drift.reference import Reference
from stagelight.drift.stream import BATCH, MOST_RAW, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

REFERENCE = Reference.of(np.random.default_rng(0).normal(size=2_000))


def test_threads_lose_nothing_and_count_nothing_twice() -> None:
    """Eight threads feed while another takes: in the end each value was taken once, by both of those who ask."""
    stream, taken, counted, done = Stream(REFERENCE), [], [], threading.Event()

    def feed() -> None:
        for value in np.random.default_rng(1).normal(size=50_000).tolist():
            stream.observe(value)

    def take() -> None:
        while not done.is_set():
            taken.append(stream.take())
            counted.append(stream.take_counts())

    feeders = [threading.Thread(target=feed) for _ in range(8)]
    taker = threading.Thread(target=take)
    for thread in (taker, *feeders):
        thread.start()
    for thread in feeders:
        thread.join()
    done.set()
    taker.join()
    taken.append(stream.take())
    counted.append(stream.take_counts())

    assert sum(sketch.rows for sketch in taken if sketch is not None) == 400_000
    assert sum(int(counts.sum()) for counts in counted if counts is not None) == 400_000


def test_a_stream_counts_what_its_reference_counts() -> None:
    """Batch by batch the counts are those of all values at once; nothing new gives nothing."""
    values = [*np.random.default_rng(2).normal(size=3 * BATCH + 7).tolist(), None, float("inf"), "much"]
    stream = Stream(REFERENCE)
    for value in values:
        stream.observe(value)
    taken = stream.take()

    assert taken is not None
    assert np.array_equal(taken.counts, REFERENCE.count(values).counts)
    assert stream.take() is None


def test_without_a_reference_values_wait_up_to_a_limit() -> None:
    """A hundred thousand are kept as they are; those that make the reference are not compared with it."""
    stream = Stream()
    for value in np.random.default_rng(3).normal(size=MOST_RAW + 5_000).tolist():
        stream.observe(value)
    assert stream.take() is None
    assert stream.freeze(MOST_RAW + 1) is None

    made = stream.freeze(1_000)

    assert made is not None
    assert made is stream.reference
    assert made.rows == 1_000
    taken = stream.take()
    assert taken is not None
    assert taken.rows == MOST_RAW - 1_000
    assert stream.freeze(1) is None


def test_another_reference_begins_anew() -> None:
    """What was binned by the former reference is forgotten when another one holds."""
    stream = Stream(REFERENCE)
    stream.observe(0.5)
    stream.refer(Reference.of(["red", "blue"]))
    stream.observe("red")
    taken = stream.take()

    assert taken is not None
    assert taken.counts.tolist() == [0, 0, 0, 1]


def test_a_value_that_cannot_be_told_is_reported_not_raised(guarded: Callable[[], int]) -> None:
    """Whatever a program hands over, its own code goes on."""

    class Odd:
        def __float__(self) -> float:
            raise RuntimeError("odd")

    stream = Stream(REFERENCE)
    some: list[Any] = [Odd()]
    for value in some:
        stream.observe(value)
    stream.settle()

    assert guarded() == 1
