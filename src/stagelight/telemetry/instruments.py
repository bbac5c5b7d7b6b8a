"""A row of the catalogue becomes a live instrument: same name, same object.

Instruments follow the telemetry in use: whatever `configure()` or a test installs, the same object records there. Nothing
here raises while the program runs; only a declaration that contradicts an earlier one does.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from opentelemetry import metrics
from opentelemetry.metrics import NoOpCounter

from stagelight import _guard
from stagelight._version import __version__
from stagelight.catalogue import METRICS, Metric
from stagelight.catalogue.internal import INTERNAL_ERRORS, LABEL_OVERFLOW, SPANS
from stagelight.catalogue.rows import OVERFLOW
from stagelight.errors import InstrumentError
from stagelight.telemetry.amounts import finite, increment
from stagelight.telemetry.cells import Cells
from stagelight.telemetry.current import current
from stagelight.telemetry.labels import Key, LabelSets
from stagelight.telemetry.spans import SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context
    from opentelemetry.metrics import CallbackOptions, Meter, Observation

H = TypeVar("H", bound="BoundCounter | BoundGauge | BoundHistogram")
MAX_HANDLES = 4_000  #: Handles remembered for each instrument, so that asking again for the same labels is quick.


class Instrument(Generic[H]):
    """What counters, gauges and histograms share: their row, their labels, their place in the meter in use."""

    _handle: type[H]

    def __init__(self, row: Metric) -> None:
        """Make a live instrument of `row`; use `instrument(row)` instead, which makes each only once."""
        self.row = row
        self._sets = LabelSets(row, _overflowed)
        self._names = row.label_names
        self._handles: dict[tuple[object, ...], H] = {}
        self._lock = threading.RLock()
        self._places: WeakKeyDictionary[Meter, Any] = WeakKeyDictionary()
        self._place: tuple[Meter | None, Any] = (None, None)
        rest = (OVERFLOW,) * len(self._names)
        self._rest = self._handle(self, rest, self._sets.attributes(rest))

    def labels(self, **labels: object) -> H:
        """Return the handle for these labels; keep it where speed matters.

        A label that is missing takes its default, an unknown one is dropped, a value past its bound becomes `__other__`.
        """
        with _guard.guard("telemetry"):
            given = tuple([labels.get(name) for name in self._names])
            if len(labels) == len(given):
                handle = self._handles.get(given)
                if handle is not None:
                    return handle
            return self._made(given, labels)
        return self._rest

    def live(self) -> Any:
        """Return what records for the meter in use: an OpenTelemetry instrument, or a gauge's cells."""
        telemetry = current()
        meter = _global_meter() if telemetry is None else telemetry.meter
        place = self._place
        return place[1] if place[0] is meter else self.bind(meter)

    def bind(self, meter: Meter) -> Any:
        """Record into `meter` from now on; what was declared exists there at once."""
        with self._lock:
            place = self._places.get(meter)
            if place is None:
                place = self._places[meter] = self._new(meter)
            self._place = (meter, place)
            return place

    def _made(self, given: tuple[object, ...], labels: dict[str, object]) -> H:
        key = self._sets.key(labels)
        handle = self._handle(self, key, self._sets.attributes(key))
        # Only plain text is remembered: 1, 1.0 and True are one key of a dict, and an object might change.
        if len(labels) == len(given) and given == key and all(type(value) is str for value in given):
            with self._lock:
                if len(self._handles) < MAX_HANDLES:
                    handle = self._handles.setdefault(given, handle)
        return handle

    def _new(self, meter: Meter) -> Any:
        raise NotImplementedError


class BoundCounter:
    """A counter with its labels."""

    __slots__ = ("_attributes", "_instrument")

    def __init__(self, instrument: Instrument[Any], _key: Key, attributes: dict[str, str]) -> None:
        """Count into `instrument` under these labels."""
        self._instrument, self._attributes = instrument, attributes

    def inc(self, n: float = 1) -> None:
        """Count `n` more; what is negative or not a number is reported and not counted."""
        with _guard.guard("telemetry"):
            self._instrument.live().add(increment(n), self._attributes)


class Counter(Instrument[BoundCounter]):
    """Counts what happens."""

    _handle = BoundCounter

    def __init__(self, row: Metric) -> None:
        """Make a live counter of `row`."""
        super().__init__(row)
        self._declared: dict[Key, dict[str, str]] = {}
        if not row.labels:
            self.declare()

    def inc(self, n: float = 1) -> None:
        """Count `n` more under the labels' defaults."""
        self.labels().inc(n)

    def declare(self, **labels: object) -> None:
        """Make the series of these labels exist at 0, so that `rate()` and `increase()` see its first jump."""
        with _guard.guard("telemetry"), self._lock:
            key = self._sets.key(labels, declared=True)
            if key not in self._declared:
                self._declared[key] = self._sets.attributes(key)
            self.live().add(0, self._declared[key])

    def _new(self, meter: Meter) -> Any:
        made = meter.create_counter(self.row.name, description=self.row.help)
        for attributes in self._declared.values():
            made.add(0, attributes)
        return made


class ObservedCounter(Counter):
    """A counter whose numbers stagelight keeps itself and shows by a callback (see `selfwatch`); counting here does nothing."""

    def _new(self, _meter: Meter) -> Any:
        return NoOpCounter(self.row.name)


class BoundGauge:
    """A gauge with its labels."""

    __slots__ = ("_attributes", "_instrument", "_key")

    def __init__(self, instrument: Instrument[Any], key: Key, attributes: dict[str, str]) -> None:
        """Show a value in `instrument` under these labels."""
        self._instrument, self._key, self._attributes = instrument, key, attributes

    def set(self, value: float) -> None:
        """Show `value` from now on."""
        with _guard.guard("telemetry"):
            self._instrument.live().set(self._key, self._attributes, finite(value))

    def inc(self, n: float = 1) -> None:
        """Show `n` more."""
        with _guard.guard("telemetry"):
            self._instrument.live().add(self._key, self._attributes, finite(n))

    def dec(self, n: float = 1) -> None:
        """Show `n` less."""
        with _guard.guard("telemetry"):
            self._instrument.live().add(self._key, self._attributes, -finite(n))

    def remove(self) -> None:
        """Show nothing any more; the series ends."""
        with _guard.guard("telemetry"):
            self._instrument.live().remove(self._key)


class Gauge(Instrument[BoundGauge]):
    """Shows how much there is now."""

    _handle = BoundGauge
    _refresh: Callable[[], None] | None = None

    def refreshed_by(self, refresh: Callable[[], None]) -> None:
        """Call `refresh` each time before the gauge is shown, so that it can set what is true then.

        It must not block, and must set no gauge that does not exist yet: the SDK cannot make one in the middle of this.
        """
        self._refresh = refresh
        self.exist()

    def exist(self) -> None:
        """Have the gauge exist before anything was set."""
        with _guard.guard("telemetry"):
            self.live()

    def set(self, value: float) -> None:
        """Show `value` under the labels' defaults."""
        self.labels().set(value)

    def inc(self, n: float = 1) -> None:
        """Show `n` more under the labels' defaults."""
        self.labels().inc(n)

    def dec(self, n: float = 1) -> None:
        """Show `n` less under the labels' defaults."""
        self.labels().dec(n)

    def remove(self) -> None:
        """Show nothing any more under the labels' defaults."""
        self.labels().remove()

    def _new(self, meter: Meter) -> Cells:
        # What was started before `configure()` ends after it: it has to be subtracted from the same number.
        cells = self._place[1].copy() if self._place[0] is _global_meter() else Cells()

        def observe(options: CallbackOptions) -> list[Observation]:
            if self._refresh is not None:
                _guard.attempt("telemetry", self._refresh)
            return cells.observe(options)

        meter.create_observable_gauge(self.row.name, callbacks=[observe], description=self.row.help)
        return cells


class BoundHistogram:
    """A histogram with its labels."""

    __slots__ = ("_attributes", "_instrument")

    def __init__(self, instrument: Instrument[Any], _key: Key, attributes: dict[str, str]) -> None:
        """Distribute values into `instrument` under these labels."""
        self._instrument, self._attributes = instrument, attributes

    def observe(self, value: float, context: Context | None = None) -> None:
        """Count `value` into its bucket; the span in `context`, or else the current one, becomes its exemplar."""
        with _guard.guard("telemetry"):
            self._instrument.live().record(finite(value), self._attributes, context=context)


class Histogram(Instrument[BoundHistogram]):
    """Shows how values are distributed."""

    _handle = BoundHistogram

    def observe(self, value: float, context: Context | None = None) -> None:
        """Count `value` into its bucket under the labels' defaults."""
        self.labels().observe(value, context)

    def _new(self, meter: Meter) -> Any:
        return meter.create_histogram(
            self.row.name, description=self.row.help, explicit_bucket_boundaries_advisory=self.row.buckets
        )


_OBSERVED = frozenset({SPANS.name, INTERNAL_ERRORS.name})
_KINDS: dict[str, type[Counter | Gauge | Histogram]] = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
_made: dict[str, Counter | Gauge | Histogram] = {}
_making = threading.RLock()


def instrument(row: Metric) -> Counter | Gauge | Histogram:
    """Return the live instrument of `row`; the same name gives the same object.

    Raises:
        InstrumentError: The name is taken by another kind, other labels or other buckets.
    """
    found = _made.get(row.name)
    if found is None:
        with _making:
            declared = METRICS.get(row.name, row)
            kind = ObservedCounter if row.name in _OBSERVED else _KINDS[declared.kind]
            found = _made.setdefault(row.name, kind(declared))
    if found.row is not row and _shape(found.row) != _shape(row):
        raise InstrumentError(f"{row.name!r} is {_told(found.row)}; it was asked for as {_told(row)}")
    return found


def counter(row: Metric) -> Counter:
    """Return the live counter of `row`; raises InstrumentError where the name is taken by something else."""
    found = instrument(row)
    return found if isinstance(found, Counter) else _refused(row, "counter")


def gauge(row: Metric) -> Gauge:
    """Return the live gauge of `row`; raises InstrumentError where the name is taken by something else."""
    found = instrument(row)
    return found if isinstance(found, Gauge) else _refused(row, "gauge")


def histogram(row: Metric) -> Histogram:
    """Return the live histogram of `row`; raises InstrumentError where the name is taken by something else."""
    found = instrument(row)
    return found if isinstance(found, Histogram) else _refused(row, "histogram")


def bind_all(meter: Meter) -> None:
    """Make every instrument that exists, and what was declared of it, exist in `meter` too."""
    for made in list(_made.values()):
        with _guard.guard("telemetry"):
            made.bind(meter)


@lru_cache(maxsize=1)
def _global_meter() -> Meter:
    """A proxy that turns real as soon as the application sets a provider."""
    return metrics.get_meter(SCOPE, __version__)


def _overflowed(metric: str, label: str) -> None:
    if metric != LABEL_OVERFLOW.name:
        counter(LABEL_OVERFLOW).labels(metric=metric, label=label).inc()


def _shape(row: Metric) -> tuple[object, ...]:
    return row.kind, frozenset(row.label_names), row.unit, row.buckets if row.kind == "histogram" else ()


def _told(row: Metric) -> str:
    unit = f" in {row.unit}" if row.unit else ""
    buckets = f" and buckets {row.buckets}" if row.kind == "histogram" else ""
    return f"a {row.kind}{unit} with labels {row.label_names}{buckets}"


def _refused(row: Metric, kind: str) -> Any:
    raise InstrumentError(f"{row.name!r} is {_told(row)}; it was asked for as a {kind}")
