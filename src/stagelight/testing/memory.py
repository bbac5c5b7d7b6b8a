"""Telemetry that stays in this process, to look at."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from stagelight import _clock, config
from stagelight.telemetry import convert, pipeline
from stagelight.telemetry.current import replaced
from stagelight.waterfall import text, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.metrics.export import HistogramDataPoint, NumberDataPoint

    from stagelight.telemetry.pipeline import Telemetry
    from stagelight.wire.records import SpanRecord


class InMemory:
    """What a program has sent so far."""

    def __init__(self, telemetry: Telemetry, exporter: InMemorySpanExporter, reader: InMemoryMetricReader) -> None:
        """Look into `telemetry` through its `exporter` and `reader`; use `in_memory()` to make one."""
        self.telemetry = telemetry
        self._exporter = exporter
        self._reader = reader

    def flush(self) -> bool:
        """Wait for what is under way; the readers below do it by themselves."""
        return self.telemetry.flush(5.0)

    @property
    def spans(self) -> list[SpanRecord]:
        """The spans that ended, in the order of their ends."""
        self.flush()
        return [convert.record(span) for span in self._exporter.get_finished_spans()]

    def span(self, name: str) -> SpanRecord:
        """Return the one span of this name.

        Raises:
            LookupError: There is none, or several; the message shows the tree.
        """
        found = [span for span in self.spans if span.name == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} spans are called {name!r} in\n{self.tree()}")
        return found[0]

    def tree(self, *, durations: bool = False) -> str:
        """Return the spans as a tree of text, a line each."""
        return text.render(tree.build(self.spans), durations=durations)

    def value(self, metric: str, /, **labels: str) -> float:
        """Return the sum of a metric's points whose labels include these; a histogram's count; 0 where there is none."""
        return sum(
            _number(point) for point in self.points(metric) if labels.items() <= dict(point.attributes or {}).items()
        )

    def points(self, metric: str) -> list[Any]:
        """Return the data points of a metric as OpenTelemetry's SDK has them."""
        self.flush()
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric
            for point in found.data.data_points
        ]

    def clear(self) -> None:
        """Forget the spans; metrics go on counting."""
        self.flush()
        self._exporter.clear()


@contextmanager
def in_memory(
    *, clock: _clock.Clock | None = None, ids: _clock.Ids | None = None, **settings: object
) -> Iterator[InMemory]:
    """Use telemetry in memory inside the block, whatever the environment says.

    Args:
        clock: Where time comes from, as a `SteppingClock`.
        ids: Where ids come from, as `CountingIds`.
        settings: Settings by name, as `configure()` takes them.
    """
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    with ExitStack() as stack:
        stack.enter_context(_clock.replaced(clock=clock, ids=ids))
        built = pipeline.build(
            config.load(environ={}, start=None, **settings), span_exporter=exporter, metric_readers=[reader], ids=ids
        )
        stack.callback(built.shutdown, 5.0)
        stack.enter_context(replaced(built))
        yield InMemory(built, exporter, reader)


def _number(point: NumberDataPoint | HistogramDataPoint) -> float:
    return float(point.count if hasattr(point, "count") else point.value)
