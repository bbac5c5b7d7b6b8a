"""CounterFactory, GaugeFactory, HistogramFactory: instruments by name, for code that does not know the catalogue.

A name that the catalogue declares gives the declared instrument; any other gives a new one, with bounded labels and the
same checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight.catalogue import METRICS, Kind, Label, Metric
from stagelight.catalogue import labels as shared
from stagelight.catalogue.rows import SECONDS
from stagelight.errors import InstrumentError
from stagelight.telemetry.instruments import Counter, Gauge, Histogram, counter, gauge, histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

BOUND = 100  #: Values that a label keeps where the catalogue does not know it.
SHARED = {label.name: label for label in vars(shared).values() if isinstance(label, Label)}
IDS = frozenset({"request_id", "trace_id", "span_id"})
RESERVED = frozenset({"le", "quantile", "job", "instance"})


def CounterFactory(name: str, help_text: str, labelnames: Sequence[str] = ()) -> Counter:  # noqa: N802  contract name
    """Return the counter called `name`; it exists at 0 from now on if it has no labels.

    Args:
        name: As seen in Prometheus; ends in `_total`.
        help_text: What is counted, in a sentence.
        labelnames: Names of its labels.

    Raises:
        InstrumentError: The name or a label cannot be used, or the name is taken by another kind or other labels.

    >>> CounterFactory("answers_total", "Answers that were given.").inc()
    """
    if not name.endswith("_total") and name not in METRICS:
        raise InstrumentError(f"{name!r}: a counter's name ends in _total; did you mean {name + '_total'!r}?")
    return counter(_row("counter", name, help_text, labelnames))


def GaugeFactory(name: str, help_text: str, labelnames: Sequence[str] = ()) -> Gauge:  # noqa: N802  contract name
    """Return the gauge called `name`; see `CounterFactory` for arguments and errors.

    >>> GaugeFactory("answers_waiting", "Answers not yet given.").set(3)
    """
    return gauge(_row("gauge", name, help_text, labelnames))


def HistogramFactory(  # noqa: N802  contract name
    name: str, help_text: str, labelnames: Sequence[str] = (), buckets: Sequence[float] | None = None
) -> Histogram:
    """Return the histogram called `name`; see `CounterFactory` for arguments and errors.

    Args:
        name: As seen in Prometheus, with its unit at the end: `answer_seconds`.
        help_text: What is measured, in a sentence.
        labelnames: Names of its labels.
        buckets: Upper bounds, rising; seconds from 5 ms to 60 s if None.

    >>> HistogramFactory("answer_seconds", "Time to answer.", buckets=[0.1, 1]).observe(0.3)
    """
    return histogram(_row("histogram", name, help_text, labelnames, buckets))


def _row(
    kind: Kind, name: str, help_text: str, labelnames: Sequence[str], buckets: Sequence[float] | None = None
) -> Metric:
    """The row that is asked for; what the caller leaves open is taken from the declared one."""
    if isinstance(labelnames, str):
        raise InstrumentError(f"{name!r}: labelnames is the text {labelnames!r}; it takes a list of names")
    declared = METRICS.get(name)
    bounds = tuple(map(float, buckets)) if buckets is not None else (declared.buckets if declared else SECONDS)
    if list(bounds) != sorted(set(bounds)):
        raise InstrumentError(f"{name!r}: buckets have to rise; found {list(bounds)}")
    try:
        return Metric(
            name=name,
            kind=kind,
            help=help_text.strip() or name.replace("_", " "),
            labels=tuple(_label(name, label) for label in labelnames),
            unit=declared.unit if declared else "",
            buckets=bounds,
        )
    except ValueError as error:
        taken = f"{name!r} is declared as a {declared.kind}, not as a {kind}" if declared else str(error)
        raise InstrumentError(taken) from None


def _label(metric: str, name: str) -> Label:
    if name in IDS:
        raise InstrumentError(f"{metric!r}: {name!r} would make a series for every request; put it on the span instead")
    if name in RESERVED or name.startswith("__"):
        raise InstrumentError(f"{metric!r}: the label {name!r} belongs to Prometheus; choose another name")
    return SHARED.get(name) or Label(name, bound=BOUND)
