"""Label values, bounded: whatever a program hands us, a metric keeps a limited number of series and never raises."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from stagelight import _guard
from stagelight.catalogue.rows import OVERFLOW
from stagelight.errors import InstrumentError, did_you_mean
from stagelight.telemetry import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagelight.catalogue import Label, Metric

MAX_SERIES = 2_000  #: Label sets that a metric keeps; later ones count under `__other__`.
MAX_VALUE = 256  #: Characters of a label value; more is cut.
DECLARED = (
    2  #: Declared values may fill this many times a bound, so that garbage which came first cannot shut them out.
)
ALL = "*"  #: Stands for the label in the overflow count where no single label, but their combinations, ran over.

Key = tuple[str, ...]


class LabelSets:
    """Turns the labels of a call into one of a bounded number of label sets."""

    def __init__(self, row: Metric, overflowed: Callable[[str, str], None]) -> None:
        """Serve the labels of `row`; call `overflowed(metric, label)` for each value that is past its bound."""
        self._row = row
        self._names = row.label_names
        self._overflowed = overflowed
        self._values = [_Values(label) for label in row.labels]
        self._known: set[Key] = set()
        # Re-entrant: a finaliser may run in the middle of any line, this one included.
        self._lock = threading.RLock()

    def key(self, given: Mapping[str, object], *, declared: bool = False) -> Key:
        """Return the values for `given` in the row's order: defaults for what is missing, `__other__` past a bound."""
        unknown = given.keys() - set(self._names)
        if unknown:
            _guard.report("telemetry", self._unknown(sorted(unknown)))
        with self._lock:
            key = tuple(v.kept(given.get(v.label.name), declared=declared) for v in self._values)
            crowded = not self._admit(key, declared=declared)
        for name, value, wanted in zip(self._names, key, (given.get(n) for n in self._names), strict=True):
            if value == OVERFLOW and wanted != OVERFLOW:
                self._overflowed(self._row.name, name)
        if crowded:
            self._overflowed(self._row.name, ALL)
            return tuple(OVERFLOW if not v.label.values else value for v, value in zip(self._values, key, strict=True))
        return key

    def attributes(self, key: Key) -> dict[str, str]:
        """Return `key` as attributes of OpenTelemetry."""
        return dict(zip(self._names, key, strict=True))

    def _admit(self, key: Key, *, declared: bool) -> bool:
        if key in self._known:
            return True
        if len(self._known) >= MAX_SERIES * (DECLARED if declared else 1):
            return False
        self._known.add(key)
        return True

    def _unknown(self, names: list[str]) -> InstrumentError:
        hint = did_you_mean(names[0], self._names)
        return InstrumentError(f"{self._row.name} has labels {self._names}; dropped {names}.{hint}")


class _Values:
    """The values that one label took."""

    def __init__(self, label: Label) -> None:
        self.label = label
        self._closed = {*label.values, label.default, OVERFLOW}
        self._seen: set[str] = set()

    def kept(self, value: object, *, declared: bool) -> str:
        """Return `value` as safe text, or `__other__` where it is past the bound or outside the closed set."""
        text = self.label.default if value is None else clean.text(value, limit=MAX_VALUE)
        if self.label.unsaid and text == self.label.unsaid:
            return ""
        if text in self._closed or text in self._seen:
            return text
        if self.label.values or len(self._seen) >= self.label.bound * (DECLARED if declared else 1):
            return OVERFLOW
        self._seen.add(text)
        return text
