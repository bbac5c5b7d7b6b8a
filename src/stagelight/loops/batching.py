"""How many rewards a turn of the loop learns from at once: as many as the queue asks for, as long as that stays quick."""

from __future__ import annotations

GROWTH = 40  #: The largest batch, in batches of the configured size: 1,000 at 25.
SLOW_S = 1.0  #: A batch that takes longer halves the largest one; the promise is 5 seconds for 99 % of batches.


class BatchSize:
    """Follows the depth of the queue, from the configured size up to 40 times it.

    >>> size = BatchSize(25)
    >>> size.next(depth=10), size.next(depth=400), size.next(depth=5000)
    (25, 400, 1000)
    >>> size.took(seconds=2.0)
    >>> size.next(depth=5000)
    500
    """

    def __init__(self, base: int) -> None:
        """Never take fewer than `base` at once."""
        self._base = max(1, base)
        self._most = self._base * GROWTH

    def next(self, depth: int) -> int:
        """Return how many to take when `depth` are known to wait."""
        return min(max(self._base, depth), self._most)

    def took(self, seconds: float) -> None:
        """Halve the largest batch after a slow one, and let it grow by half again after a quick one."""
        if seconds > SLOW_S:
            self._most = max(self._base, self._most // 2)
        else:
            self._most = min(self._base * GROWTH, self._most + max(1, self._most // 2))
