"""Page-Hinkley: notices within a stream, without windows, that its mean has risen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class PageHinkley:
    """Adds up by how much values exceed their mean, and speaks when the sum has risen too far above its lowest point.

    Page (1954), "Continuous inspection schemes"; Hinkley (1971). One number in, one answer out; it begins anew after
    each alarm, since what is then is the new normal.

    >>> detector = PageHinkley()
    >>> errors = [0.0, 0.0, 0.0, 0.0, 1.0] * 100 + [0.0, 1.0, 1.0] * 100
    >>> alarms = [at for at, error in enumerate(errors) if detector.update(error)]
    >>> 500 < alarms[0] < 700
    True
    """

    tolerance: float = 0.05  #: Rise of the mean, in the values' unit, that is of no interest.
    limit: float = 30.0  #: Sum that is too much: larger means later, and fewer false alarms.
    minimum: int = 30  #: Values before it speaks at all.
    seen: int = 0  #: Values since the last alarm.
    mean: float = 0.0
    risen: float = 0.0  #: How far the sum is above its lowest point.

    def update(self, value: float) -> bool:
        """Take in one value, as 1.0 for an error and 0.0 for none; say whether the mean has risen."""
        if value != value:  # noqa: PLR0124  NaN says nothing
            return False
        self.seen += 1
        self.mean += (value - self.mean) / self.seen
        self.risen = max(0.0, self.risen + value - self.mean - self.tolerance)
        if self.seen < self.minimum or self.risen <= self.limit:
            return False
        self.seen, self.mean, self.risen = 0, 0.0, 0.0
        return True
