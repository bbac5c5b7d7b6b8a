"""The one clock and the one source of ids."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from stagelight import _clock
from stagelight.testing import CountingIds, SteppingClock


def test_ids_are_different_and_never_zero():
    """Ten thousand ids are all different, in range and not 0."""
    ids = _clock.ids()
    traces = {ids.generate_trace_id() for _ in range(10_000)}
    spans = {ids.generate_span_id() for _ in range(10_000)}

    assert len(traces) == len(spans) == 10_000
    assert 0 < min(traces) <= max(traces) < 2**128
    assert 0 < min(spans) <= max(spans) < 2**64


def test_clock_and_ids_are_replaced_inside_a_block_and_no_longer():
    """A test's clock and ids hold inside the block, even if it fails, and the machine's come back."""
    clock = SteppingClock(start_s=0)
    with suppress(KeyError), _clock.replaced(clock=clock, ids=CountingIds()):
        clock.advance(days=1)
        assert _clock.now() == datetime(1970, 1, 2, tzinfo=UTC)
        assert _clock.new_id() == f"{86_400_000:012x}{1:020x}"
        {}["fails"]

    assert _clock.now() > datetime(2026, 1, 1, tzinfo=UTC)
    assert _clock.new_id() != f"{86_400_000:012x}{2:020x}"


def test_ids_of_rows_sort_by_their_time():
    """An index of them grows at its end; within a millisecond chance keeps them apart, and a clock out of range breaks none."""
    clock = SteppingClock(start_s=1_795_251_087, step_s=0.001)
    with _clock.replaced(clock=clock):
        made = [_clock.new_id() for _ in range(1_000)]
    with _clock.replaced(clock=SteppingClock(start_s=-1)):
        assert len(_clock.new_id()) == 32
    with _clock.replaced(clock=SteppingClock(start_s=2**40)):
        together = {_clock.new_id() for _ in range(1_000)}

    assert made == sorted(made)
    assert len(together) == 1_000
    assert {len(one) for one in (*made, *together)} == {32}


def test_a_stepping_clock_steps_both_its_hands():
    """Each reading moves wall and monotonic time by the step; setting back moves the wall alone."""
    clock = SteppingClock(start_s=100, step_s=1)
    assert clock.wall_ns() - 100 * 10**9 == 10**9
    before = clock.monotonic_ns()
    clock.set_back(seconds=50)
    assert clock.now < 100
    assert clock.monotonic_ns() > before
