"""Metrics on their way out: the SDK's periodic reader around an official exporter, with the truth about each export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader

from stagelight.config import variable
from stagelight.telemetry.complaint import listen_to, listening
from stagelight.telemetry.delivery import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.metrics.export import MetricExporter

TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
DELTAS = ("delta", "lowmemory")


class MetricDelivery:
    """Exports all metrics every so often."""

    def __init__(
        self, kind: type[MetricExporter], arguments: Mapping[str, Any], *, where: str, interval_ms: int
    ) -> None:
        """Make an exporter of `kind` with `arguments`, and send to `where` every `interval_ms`."""
        self._watch = Watch("metrics", where, of="exports")
        self._deltas = variable(TEMPORALITY).lower() in DELTAS
        self._exporter: Any = _watched(kind, self._watch)(**arguments)
        listen_to(self._exporter)
        self.reader = PeriodicExportingMetricReader(self._exporter, export_interval_millis=interval_ms)

    @property
    def losses(self) -> int:
        """See `Delivery`; where each export carries the totals, one that failed lost nothing once the next arrives."""
        return self._watch.losses if self._deltas else 0

    def flush(self) -> bool:
        """See `Delivery`."""
        return self.reader.force_flush() and self._watch.good

    def stop(self) -> bool:
        """See `Delivery`; the reader collects and exports once more."""
        with listening():
            self.reader.shutdown()
        return self._watch.good

    def cut(self) -> None:
        """See `Delivery`."""
        with listening():
            self._exporter.shutdown()

    def abandon(self) -> None:
        """See `Delivery`."""
        self._watch.abandon(1)

    def hopeless(self) -> bool:
        """See `Delivery`."""
        return self._watch.refused()


def _watched(kind: type[MetricExporter], watch: Watch) -> type[MetricExporter]:
    """A subclass of `kind` whose exports are watched; wrapping will not do, for readers ask an exporter for its temporality."""
    base: Any = kind

    class Watched(base):  # type: ignore[misc]  # the class is chosen by a setting
        def export(self, metrics_data: Any, timeout_millis: float = 10_000, **others: Any) -> MetricExportResult:
            exported = super().export
            good = watch.export(lambda: exported(metrics_data, timeout_millis, **others), MetricExportResult.SUCCESS, 1)
            return MetricExportResult.SUCCESS if good else MetricExportResult.FAILURE

    return Watched
