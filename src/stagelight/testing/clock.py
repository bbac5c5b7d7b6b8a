"""A clock that moves when told, and ids that count."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stagelight import _clock

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY_S = 86_400.0
DEFAULT_START_S = 1_767_225_600.0  # 2026-01-01 00:00 UTC


class SteppingClock:
    """A clock that stands still until it is advanced, or steps a little at each reading.

    >>> clock = SteppingClock()
    >>> before = clock.monotonic_ns()
    >>> clock.advance(hours=1)
    >>> (clock.monotonic_ns() - before) / 1e9
    3600.0
    """

    def __init__(self, *, start_s: float = DEFAULT_START_S, step_s: float = 0.0) -> None:
        """Stand at `start_s` seconds since 1970 and move `step_s` seconds on at each reading."""
        self._lock = threading.Lock()
        self._wall_ns = int(start_s * 1e9)
        self._monotonic_ns = 0
        self._step_ns = int(step_s * 1e9)

    @classmethod
    def days_ago(cls, days: float) -> SteppingClock:
        """Stand at the beginning (UTC) of the day that was so many days ago: a replay then ends today.

        >>> 0 <= SteppingClock.days_ago(0).now % 86_400 < 1
        True
        """
        today = _clock.wall_ns() // 1e9 // DAY_S * DAY_S
        return cls(start_s=today - days * DAY_S)

    @property
    def now(self) -> float:
        """Seconds since 1970; looking does not step."""
        return self._wall_ns / 1e9

    def advance(self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0) -> None:
        """Let time pass."""
        passed = int((seconds + 60 * minutes + 3600 * hours + 86400 * days) * 1e9)
        with self._lock:
            self._wall_ns += passed
            self._monotonic_ns += passed

    def set_back(self, *, seconds: float) -> None:
        """Step the wall clock back, as a time server may; the monotonic clock goes on."""
        with self._lock:
            self._wall_ns -= int(seconds * 1e9)

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        with self._lock:
            self._wall_ns += self._step_ns
            self._monotonic_ns += self._step_ns
            return self._wall_ns

    def monotonic_ns(self) -> int:
        """Nanoseconds since the clock was made."""
        self.wall_ns()
        return self._monotonic_ns


class CountingIds:
    """Ids that count from 1, so that a test can say which it expects.

    >>> ids = CountingIds()
    >>> ids.generate_trace_id(), ids.generate_span_id(), ids.generate_span_id()
    (1, 1, 2)
    """

    def __init__(self) -> None:
        self._traces = itertools.count(1)
        self._spans = itertools.count(1)

    def generate_trace_id(self) -> int:
        """The next trace id."""
        return next(self._traces)

    def generate_span_id(self) -> int:
        """The next span id."""
        return next(self._spans)


@contextmanager
def time_of(clock: SteppingClock) -> Iterator[None]:
    """Have dates come from `clock` inside the block, to live through weeks in seconds; durations and time-outs stay real.

    >>> with time_of(SteppingClock()):
    ...     _clock.now().year
    2026
    """
    with _clock.replaced(clock=_Dates(clock)):
        yield


class _Dates:
    """The wall clock of one, the monotonic clock of the machine: what waits for a server must not wait for a test."""

    monotonic_ns = staticmethod(_clock.SystemClock.monotonic_ns)

    def __init__(self, clock: SteppingClock) -> None:
        self.wall_ns = clock.wall_ns
