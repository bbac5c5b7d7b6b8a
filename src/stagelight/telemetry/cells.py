"""The values of a gauge, kept by ourselves.

OpenTelemetry's synchronous gauge can neither add nor forget a series; an observable one shows exactly what a callback
returns. So a gauge keeps its numbers here, and its callback shows them.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions

    from stagelight.telemetry.labels import Key


class Cells:
    """A number for each label set."""

    def __init__(self) -> None:
        """Begin with none."""
        self._cells: dict[Key, tuple[dict[str, str], float]] = {}
        # Re-entrant: a finaliser may run in the middle of any line, this one included.
        self._lock = threading.RLock()

    def set(self, key: Key, attributes: dict[str, str], value: float) -> None:
        """Show `value` for `key`."""
        with self._lock:
            self._cells[key] = (attributes, value)

    def add(self, key: Key, attributes: dict[str, str], n: float) -> None:
        """Show `n` more for `key`, from 0 where it showed nothing."""
        with self._lock:
            self._cells[key] = (attributes, self._cells.get(key, (attributes, 0.0))[1] + n)

    def remove(self, key: Key) -> None:
        """Show nothing for `key` any more."""
        with self._lock:
            self._cells.pop(key, None)

    def copy(self) -> Cells:
        """Return cells of their own with the same numbers."""
        copied = Cells()
        with self._lock:
            copied._cells = dict(self._cells)
        return copied

    def observe(self, _options: CallbackOptions | None = None) -> list[Observation]:
        """Return every number with its attributes; the callback of an observable gauge."""
        with self._lock:
            return [Observation(value, attributes) for attributes, value in self._cells.values()]
