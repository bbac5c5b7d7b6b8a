"""From what senders report to what happened in between: cumulative points become deltas. Pure.

A cumulative series is told apart by its sender and by when it began, so a restarted program begins at nothing and two
programs never look like one that jumps. What is added up is always what was last reported, however often points are
sent again, out of order, or begin anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stagelight.wire.records import MetricPoint

REMEMBERED = 64  #: Deltas of a series that are recognised when they are sent again.


@dataclass(frozen=True, slots=True)
class State:
    """What was last reported of one series by one sender."""

    time_ns: int = 0
    value: float = 0.0
    count: int = 0
    buckets: tuple[int, ...] = ()
    recent: tuple[int, ...] = ()  #: Times of the last deltas.


@dataclass(frozen=True, slots=True)
class Delta:
    """What happened since the point before."""

    value: float = 0.0
    count: int = 0
    buckets: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything did."""
        return bool(self.value or self.count or any(self.buckets))


def step(state: State | None, point: MetricPoint) -> tuple[State, Delta | None]:
    """Return the state after `point`, and what it adds; None for a point that is known already."""
    if point.temporality == "delta":
        return _after_delta(state or State(), point)
    return _after_cumulative(state, point)


def _after_cumulative(state: State | None, point: MetricPoint) -> tuple[State, Delta | None]:
    if state is not None and point.time_ns <= state.time_ns:
        return state, None
    after = State(point.time_ns, point.value, point.count, point.buckets)
    if state is None or _began_anew(state, point):
        return after, Delta(point.value, point.count, point.buckets)
    grown = tuple(new - old for new, old in zip(point.buckets, state.buckets, strict=True))
    return after, Delta(point.value - state.value, point.count - state.count, grown)


def _began_anew(state: State, point: MetricPoint) -> bool:
    """Whether a series went down, which a counter does only when it is set to nothing."""
    if point.kind == "histogram":
        if len(point.buckets) != len(state.buckets) or point.count < state.count:
            return True
        return any(new < old for new, old in zip(point.buckets, state.buckets, strict=True))
    return point.value < state.value


def _after_delta(state: State, point: MetricPoint) -> tuple[State, Delta | None]:
    if point.time_ns in state.recent or (len(state.recent) >= REMEMBERED and point.time_ns < min(state.recent)):
        return state, None
    recent = tuple(sorted((*state.recent, point.time_ns))[-REMEMBERED:])
    total = State(max(state.time_ns, point.time_ns), state.value + point.value, state.count + point.count, (), recent)
    return total, Delta(point.value, point.count, point.buckets)


def level(state: State | None, point: MetricPoint) -> State:
    """Return the state of a gauge after `point`: the latest value, or for one sent as changes their sum."""
    if point.temporality == "delta" and point.kind == "sum":
        after, _ = _after_delta(state or State(), point)
        return after
    if state is not None and point.time_ns <= state.time_ns:
        return state
    return replace(state or State(), time_ns=point.time_ns, value=point.value)
