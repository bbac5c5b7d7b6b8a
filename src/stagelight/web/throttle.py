"""How often somebody may do something: a bucket of turns for each, that fills again with time."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from stagelight import _clock

REMEMBERED: Final = (
    10_000  #: Buckets; past it the one that was asked longest ago is forgotten, which is full by then or soon.
)


class Throttle:
    """Counts turns; used by the event loop alone, so it needs no lock.

    >>> door = Throttle(per_minute=2)
    >>> door.wait("ann"), door.wait("ann"), door.wait("ann") > 0, door.wait("bob")
    (0.0, 0.0, True, 0.0)
    """

    def __init__(self, per_minute: float) -> None:
        """Give everybody `per_minute` turns a minute, as many at once if they saved them up; 0 sets no limit."""
        self._rate = per_minute / 60
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait(self, name: str, *, share: float = 1.0) -> float:
        """Take a turn and return 0, or return how many seconds to wait for the next one.

        Args:
            name: Who asks.
            share: What a turn costs; a hundredth for somebody who speaks for many.
        """
        if not self._rate:
            return 0.0
        now = _clock.monotonic_ns()
        full = max(1.0, self._rate * 60)
        held, at = self._buckets.pop(name, (full, now))
        held = min(full, held + (now - at) / 1e9 * self._rate)
        enough = held >= share
        self._buckets[name] = (held - share if enough else held, now)
        while len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return 0.0 if enough else (share - held) / self._rate
