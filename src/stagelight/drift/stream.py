"""`Stream`: counts one feature of one model version as its values come, in hardly more time than a call takes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from stagelight import _guard
from stagelight.drift.reference import Reference
from stagelight.drift.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BATCH = 1 << 15  #: Values that wait, before the call that brings the last one bins them all: half a millisecond.
MOST_RAW = 100_000  #: Values kept while there are no bins to put them in.
NEIGHBOURS = 512  #: Rows of a batch whose neighbours are compared.


class Stream:
    """Values of one feature, kept as they come and binned in batches; safe to feed from any thread.

    `observe(value)` only appends to a list; `settle`, now and then, bins what waits. Where nobody calls it, every 32,768th value
    does.
    """

    __slots__ = ("_counted", "_lock", "_raw", "_reference", "_since", "_waiting", "observe")

    observe: Callable[[Any], None]  #: Take in one value: a number, a boolean, a category; None where it is missing.

    def __init__(self, reference: Reference | None = None) -> None:
        """Begin with no values; without a `reference` they are kept as they are, up to a hundred thousand."""
        self._waiting: list[Any] = []
        self._raw: list[Any] = []
        self._lock = threading.RLock()
        self._reference = reference
        self._since: Sketch | None = None
        self._counted: NDArray[Any] | None = None
        self.observe = _observer(self._waiting, self.settle)

    @property
    def reference(self) -> Reference | None:
        """What the values are binned by."""
        return self._reference

    def refer(self, reference: Reference) -> None:
        """Bin by `reference` from now on; what was counted by another one is forgotten."""
        self.settle()
        with self._lock:
            self._reference, self._since, self._counted = reference, None, None
            self._raw = []

    def freeze(self, rows: int) -> Reference | None:
        """Make the first `rows` values the reference, and bin what came after them; None while there are not enough."""
        self.settle()
        with self._lock:
            if self._reference is not None or len(self._raw) < rows:
                return None
            raw = self._raw
            self.refer(Reference.of(raw[:rows]))
            self._waiting[:0] = raw[rows:]
            return self._reference

    def settle(self) -> None:
        """Bin what waits."""
        with _guard.guard("drift"), self._lock:
            # Others append meanwhile: what is taken out is exactly what was looked at.
            taken = self._waiting[: len(self._waiting)]
            del self._waiting[: len(taken)]
            if not taken:
                return
            if self._reference is None:
                self._raw += taken[: MOST_RAW - len(self._raw)]
                return
            sketch = Sketch.of(self._reference.bins, taken, looked_at=NEIGHBOURS)
            self._since = sketch if self._since is None else self._since + sketch
            self._counted = sketch.counts if self._counted is None else self._counted + sketch.counts

    def take(self) -> Sketch | None:
        """Return the sketch of what came since the last time; None where nothing did."""
        self.settle()
        with self._lock:
            taken, self._since = self._since, None
            return taken

    def take_counts(self) -> NDArray[Any] | None:
        """Return the counts of what came since this was last asked; apart from `take`, so that both see every value."""
        self.settle()
        with self._lock:
            taken, self._counted = self._counted, None
            return taken


def _observer(waiting: list[Any], settle: Callable[[], None]) -> Callable[[Any], None]:
    """A closure, because looking up attributes of `self` would take a third of the whole time."""
    append = waiting.append

    def observe(value: Any) -> None:
        append(value)
        if len(waiting) >= BATCH:
            settle()

    return observe
