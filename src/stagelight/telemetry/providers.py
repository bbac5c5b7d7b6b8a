"""Makes the SDK's providers out of the settings, or adopts those that the application has set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from opentelemetry import metrics, trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import ProxyTracerProvider

from stagelight import _clock
from stagelight._version import __version__
from stagelight.config import variable
from stagelight.config.parse import text
from stagelight.telemetry import exporters, instruments, sampling, scrape
from stagelight.telemetry.delivery import ProviderDelivery, SpanDelivery
from stagelight.telemetry.finished import FinishedTraces
from stagelight.telemetry.pipeline import Owned, Parts
from stagelight.telemetry.pushed import MetricDelivery
from stagelight.telemetry.resource import resource
from stagelight.telemetry.selfwatch import observe
from stagelight.telemetry.spans import SCOPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.resources import Resource

    from stagelight._clock import Ids
    from stagelight.config import Settings
    from stagelight.telemetry.delivery import Delivery
    from stagelight.telemetry.pipeline import Sink, Telemetry

GIVEN_QUEUE = 65_536  #: Spans that may wait for an exporter which a program or a test hands us ready-made.

#: Providers that we made: what we set as global ourselves is not the application's to be adopted.
_ours: WeakSet[Any] = WeakSet()


def made(
    settings: Settings,
    *,
    sinks: Sequence[Sink],
    span_exporter: Any,
    metric_readers: Sequence[Any] | None,
    ids: Ids | None,
) -> Parts:
    """Make or adopt what `pipeline.build` puts together; see there."""
    who = resource(settings)
    deliveries: dict[str, Delivery] = {}
    finished = FinishedTraces(sinks) if sinks else None
    traces = _traces(settings, who, span_exporter, ids, deliveries)
    if finished is not None:
        deliveries["sinks"] = finished
        if isinstance(traces, TracerProvider):
            traces.add_span_processor(finished)
    page = _page(settings) if metric_readers is None and not _foreign(_global_meters()) else None
    meters = _meters(settings, who, metric_readers, page, deliveries)
    meter = meters.get_meter(SCOPE, __version__)
    observe(meter, [d.ledger for d in deliveries.values() if isinstance(d, SpanDelivery)])
    instruments.bind_all(meter)
    parts = Parts(_tracer(traces), meter, traces, meters, deliveries=deliveries)
    parts.owned = Owned(traces=traces in _ours, metrics=meters in _ours, logs=False)
    if page is not None:
        parts.closing.append(page.close)
        parts.port = page.port
    _logs(settings, who, parts)
    return parts


def set_global(telemetry: Telemetry) -> None:
    """Have libraries which know OpenTelemetry alone use these providers, unless the application has set its own.

    OpenTelemetry lets a process set them once. After a second `configure()` the spans of libraries still come from the
    first provider, which passes them on to the new way out; their metrics end with it.
    """
    found = trace.get_tracer_provider()
    if telemetry.owned.traces and isinstance(found, ProxyTracerProvider):
        trace.set_tracer_provider(telemetry.tracer_provider)
    elif isinstance(found, TracerProvider) and found in _ours and found is not telemetry.tracer_provider:
        for processor in telemetry.span_processors:
            found.add_span_processor(processor)
    if telemetry.owned.metrics and _unset(_global_meters()):
        metrics.set_meter_provider(telemetry.meter_provider)


class _Ids(IdGenerator):
    """Ids from our one source, or from the one that a test gave."""

    def __init__(self, ids: Ids | None) -> None:
        self._ids = ids

    def generate_trace_id(self) -> int:
        return (self._ids or _clock.ids()).generate_trace_id()

    def generate_span_id(self) -> int:
        return (self._ids or _clock.ids()).generate_span_id()

    def is_trace_id_random(self) -> bool:
        return self._ids is None


def _traces(
    settings: Settings, who: Resource, span_exporter: Any, ids: Ids | None, deliveries: dict[str, Delivery]
) -> trace.TracerProvider:
    found = trace.get_tracer_provider()
    if span_exporter is None and not isinstance(found, ProxyTracerProvider) and found not in _ours:
        if hasattr(found, "force_flush"):
            deliveries["spans"] = ProviderDelivery(found)
        return found
    provider = TracerProvider(
        sampler=sampling.KeepingSampler(sampling.chosen()), resource=who, shutdown_on_exit=False, id_generator=_Ids(ids)
    )
    for number, delivery in enumerate(_span_deliveries(settings, span_exporter)):
        provider.add_span_processor(delivery)
        deliveries[f"spans-{number}"] = delivery
    _ours.add(provider)
    return provider


def _span_deliveries(settings: Settings, span_exporter: Any) -> list[SpanDelivery]:
    bounds = {
        "delay_ms": max(1, settings.spans_delay_ms),
        "queue_max": _whole("OTEL_BSP_MAX_QUEUE_SIZE", 2_048),
        "batch_max": _whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
    }
    if span_exporter is not None:
        bounds["queue_max"] = GIVEN_QUEUE
        return [SpanDelivery(span_exporter, where=type(span_exporter).__name__, **bounds)]
    chosen = exporters.chosen(settings, "traces", settings.traces_exporter)
    return [SpanDelivery(one.make(), where=one.where, **bounds) for one in chosen]


def _meters(
    settings: Settings,
    who: Resource,
    readers: Sequence[Any] | None,
    page: scrape.Scrape | None,
    deliveries: dict[str, Delivery],
) -> metrics.MeterProvider:
    found: metrics.MeterProvider = _global_meters()
    if readers is None and _foreign(found):
        if hasattr(found, "force_flush"):
            deliveries["metrics"] = ProviderDelivery(found)
        return found
    used = list(readers or ()) if page is None else [page.reader]
    if readers is None:
        for number, one in enumerate(
            exporters.chosen(settings, "metrics", settings.metrics_exporter, others=("prometheus",))
        ):
            if issubclass(one.kind, MetricReader):
                used.append(one.make())
                continue
            pushed = MetricDelivery(
                one.kind, one.arguments, where=one.where, interval_ms=max(1, settings.metrics_interval_ms)
            )
            deliveries[f"metrics-{number}"] = pushed
            used.append(pushed.reader)
    provider = MeterProvider(metric_readers=used, resource=who, shutdown_on_exit=False)
    _ours.add(provider)
    return provider


def _page(settings: Settings) -> scrape.Scrape | None:
    wanted = scrape.address(settings)
    if wanted is None:
        return None
    page = scrape.Scrape()
    page.serve(*wanted)
    return page


def _tracer(provider: trace.TracerProvider) -> trace.Tracer:
    tracer = provider.get_tracer(SCOPE, __version__)
    sampler = getattr(tracer, "sampler", None)
    if provider not in _ours and sampler is not None:
        # Only our own tracer of an application's provider records what is kept locally; its others stay as they are.
        tracer.sampler = sampling.KeepingSampler(sampler)  # type: ignore[attr-defined]  # the SDK's tracer has one
    return tracer


def _logs(settings: Settings, who: Resource, parts: Parts) -> None:
    chosen = exporters.chosen(settings, "logs", settings.logs_exporter)
    if not chosen:
        return
    from stagelight.telemetry.logs import LogDelivery

    for number, one in enumerate(chosen):
        delivery = LogDelivery(
            one.make(), resource=who, where=one.where, queue_max=_whole("OTEL_BLRP_MAX_QUEUE_SIZE", 2048)
        )
        parts.deliveries[f"logs-{number}"] = delivery
        parts.logger_provider = parts.logger_provider or delivery.provider
        parts.log_handlers.append(delivery.handler)
    parts.owned = Owned(parts.owned.traces, parts.owned.metrics, logs=True)


def _global_meters() -> Any:
    return metrics.get_meter_provider()


def _unset(provider: Any) -> bool:
    """Whether this is the API's stand-in before anyone set a provider; the API has no public name for it."""
    return type(provider).__module__.startswith("opentelemetry.metrics.") and not isinstance(
        provider, NoOpMeterProvider
    )


def _foreign(provider: Any) -> bool:
    return not _unset(provider) and provider not in _ours


def _whole(name: str, default: int) -> int:
    return max(1, int(text(int, variable(name, str(default)), where=name)))
