"""`Streams`: what this process saw of each feature, as far back as a check looks."""

from __future__ import annotations

import threading
from collections import deque
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from stagelight.drift import published
from stagelight.drift.held import Held, Key
from stagelight.drift.stream import Stream

if TYPE_CHECKING:
    from stagelight.drift.held import References
    from stagelight.drift.sketch import Sketch


class Streams:
    """A stream for each feature, and the sketches that were taken out of it."""

    def __init__(self, window: float) -> None:
        """Look back `window` seconds."""
        self._window = window
        self._streams: dict[Key, Stream] = {}
        self._taken: dict[Key, deque[tuple[float, Sketch]]] = {}
        self._lock = threading.Lock()

    def of(self, key: Key, held: Held | None) -> Stream:
        """Return the stream of a feature."""
        with self._lock:
            if key not in self._streams:
                self._streams[key] = Stream(None if held is None else held.reference)
            return self._streams[key]

    def refer(self, key: Key, held: Held) -> None:
        """Bin by another reference from now on."""
        stream = self._streams.get(key)
        if stream is not None and stream.reference is not held.reference:
            stream.refer(held.reference)
            self._taken.pop(key, None)  # it has become the reference, or lies in other bins

    def frozen(self, rows: int) -> dict[Key, Held]:
        """Have the streams that have no reference make one of their first `rows` values; return those that did."""
        made = {key: stream.freeze(rows) for key, stream in list(self._streams.items())}
        return {key: Held(reference) for key, reference in made.items() if reference is not None}

    def seen(self, now: float) -> dict[Key, Sketch]:
        """Return what was seen of each feature within the window, by the references that hold."""
        for key, stream in list(self._streams.items()):
            sketch = stream.take()
            if sketch is not None:
                self._taken.setdefault(key, deque()).append((now, sketch))
        for taken in self._taken.values():
            while taken and taken[0][0] < now - self._window:
                taken.popleft()
        return {key: reduce(add, (sketch for _, sketch in taken)) for key, taken in self._taken.items() if taken}

    def publish(self, references: References) -> None:
        """Count what has come since the last time, for Prometheus."""
        held = references.held
        for key, stream in list(self._streams.items()):
            counts = stream.take_counts()
            if key in held and counts is not None:
                published.counted(references.labels(key), held[key].reference, counts)
