"""What is to be made, decided before anything is: a setting that cannot be used leaves no thread and no socket behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from opentelemetry import metrics, trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import ProxyTracerProvider

from stagelight.config import variable
from stagelight.config.parse import text
from stagelight.telemetry import sampling
from stagelight.telemetry.delivery import Bounds
from stagelight.telemetry.endpoints import page_address
from stagelight.telemetry.exporters import Chosen, chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace.sampling import Sampler

    from stagelight.config import Settings
    from stagelight.telemetry.scrape import Scrape

GIVEN_QUEUE = 65_536  #: Spans that may wait for an exporter which a program or a test hands us ready-made.

#: Providers that we made: what we set as global ourselves is not the application's to be adopted.
ours: WeakSet[Any] = WeakSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Exporters that are chosen and not yet made, and providers to adopt instead."""

    adopted_traces: trace.TracerProvider | None
    adopted_meters: metrics.MeterProvider | None
    spans: list[Chosen]
    metrics: list[Chosen]
    logs: list[Chosen]
    readers: list[Any]  #: Metric readers that were handed to us ready-made.
    page: Scrape | None
    sampler: Sampler
    span_bounds: Bounds
    interval_ms: int
    log_queue_max: int

    @classmethod
    def of(cls, settings: Settings, span_exporter: Any, metric_readers: Sequence[Any] | None) -> Plan:
        """Decide from `settings`, and from what was handed to us instead.

        Raises:
            ConfigurationError: Something cannot be used.
        """
        traces = _adopted(trace.get_tracer_provider()) if span_exporter is None else None
        meters = _adopted(metrics.get_meter_provider()) if metric_readers is None else None
        push = meters is None and metric_readers is None
        return cls(
            adopted_traces=traces,
            adopted_meters=meters,
            spans=[] if traces else _spans(settings, span_exporter),
            metrics=chosen(settings, "metrics", settings.metrics_exporter, others=("prometheus",)) if push else [],
            logs=chosen(settings, "logs", settings.logs_exporter),
            readers=list(metric_readers or ()),
            sampler=sampling.chosen(),
            span_bounds=Bounds(
                delay_ms=max(1, settings.spans_delay_ms),
                queue_max=_whole("OTEL_BSP_MAX_QUEUE_SIZE", 2_048) if span_exporter is None else GIVEN_QUEUE,
                batch_max=_whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
            ),
            interval_ms=max(1, settings.metrics_interval_ms),
            log_queue_max=_whole("OTEL_BLRP_MAX_QUEUE_SIZE", 2_048),
            page=_page(settings) if push else None,
        )


def is_ours(provider: object) -> bool:
    """Whether we made `provider`."""
    return provider in ours


def unset(provider: Any) -> bool:
    """Whether this is the API's stand-in before anyone set a provider; that for metrics has no public name."""
    if isinstance(provider, ProxyTracerProvider):
        return True
    return type(provider).__module__.startswith("opentelemetry.metrics.") and not isinstance(
        provider, NoOpMeterProvider
    )


def _adopted(provider: Any) -> Any:
    """`provider` if the application has set it, else None."""
    return None if unset(provider) or is_ours(provider) else provider


def _spans(settings: Settings, span_exporter: Any) -> list[Chosen]:
    if span_exporter is None:
        return chosen(settings, "traces", settings.traces_exporter)
    return [Chosen(type(span_exporter), type(span_exporter).__name__, ready=span_exporter)]


def _page(settings: Settings) -> Scrape | None:
    wanted = page_address(settings)
    if wanted is None:
        return None
    from stagelight.telemetry.scrape import Scrape

    return Scrape(*wanted)


def _whole(name: str, default: int) -> int:
    return max(1, int(text(int, variable(name, str(default)), where=name)))
