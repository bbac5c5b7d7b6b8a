"""The only clock and the only source of ids, so that tests can step time and count ids.

Wall time is for people and for the wire; every duration and deadline is monotonic, because a wall clock may step.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock(Protocol):
    """What tells the time."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment; never goes back."""
        ...


class Ids(Protocol):
    """What makes ids; the method names are those of OpenTelemetry's `IdGenerator`, so that one object serves both."""

    def generate_trace_id(self) -> int:
        """128 bits, not 0."""
        ...

    def generate_span_id(self) -> int:
        """64 bits, not 0."""
        ...


class SystemClock:
    """The machine's clock."""

    wall_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.monotonic_ns)


class RandomIds:
    """Random ids; Python reseeds `random` in a forked child, so parent and child do not collide."""

    def generate_trace_id(self) -> int:
        """128 random bits, not 0."""
        return random.getrandbits(128) or 1

    def generate_span_id(self) -> int:
        """64 random bits, not 0."""
        return random.getrandbits(64) or 1


MILLISECOND = 1_000_000
MASK_48, MASK_80 = (1 << 48) - 1, (1 << 80) - 1

_clock: Clock = SystemClock()
_ids: Ids = RandomIds()


def wall_ns() -> int:
    """Nanoseconds since 1970, UTC."""
    return _clock.wall_ns()


def monotonic_ns() -> int:
    """Nanoseconds since some moment; never goes back."""
    return _clock.monotonic_ns()


def now() -> datetime:
    """The wall clock as an aware datetime in UTC."""
    return datetime.fromtimestamp(wall_ns() / 1e9, UTC)


def ids() -> Ids:
    """The source of trace and span ids in use."""
    return _ids


def new_id() -> str:
    """A fresh id for a row, 32 hex digits: milliseconds, then 80 random bits.

    Ids of one time lie side by side in an index; wholly random ones would touch a page of it each.
    """
    return f"{_clock.wall_ns() // MILLISECOND & MASK_48:012x}{_ids.generate_trace_id() & MASK_80:020x}"


@contextmanager
def replaced(*, clock: Clock | None = None, ids: Ids | None = None) -> Iterator[None]:
    """Use another clock or other ids inside the block; for tests (see `stagelight.testing`)."""
    global _clock, _ids
    before = _clock, _ids
    _clock, _ids = clock or _clock, ids or _ids
    try:
        yield
    finally:
        _clock, _ids = before
