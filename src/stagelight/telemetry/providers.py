"""Makes the SDK's providers out of a plan, or adopts those that the application has set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import ProxyTracerProvider

from stagelight import _clock
from stagelight._version import __version__
from stagelight.telemetry import instruments, sampling
from stagelight.telemetry.delivery import ProviderDelivery, SpanDelivery
from stagelight.telemetry.finished import FinishedTraces
from stagelight.telemetry.pipeline import Owned, Parts
from stagelight.telemetry.plan import Plan, is_ours, ours, unset
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


def made(
    settings: Settings,
    *,
    sinks: Sequence[Sink],
    span_exporter: Any,
    metric_readers: Sequence[Any] | None,
    ids: Ids | None,
    instance: str = "",
) -> Parts:
    """Make or adopt what `pipeline.build` puts together; see there."""
    plan = Plan.of(settings, span_exporter, metric_readers)
    who = resource(settings, instance=instance)
    deliveries: dict[str, Delivery] = {}
    traces = plan.adopted_traces or _traces(plan, who, ids, deliveries)
    meters = plan.adopted_meters or _meters(plan, who, deliveries)
    for name, provider in (("spans", plan.adopted_traces), ("metrics", plan.adopted_meters)):
        if hasattr(provider, "force_flush"):
            deliveries[name] = ProviderDelivery(provider)
    if sinks:
        finished = deliveries["sinks"] = FinishedTraces(sinks)
        if isinstance(traces, TracerProvider):
            traces.add_span_processor(finished)
    meter = meters.get_meter(SCOPE, __version__)
    observe(meter, [d.ledger for d in deliveries.values() if isinstance(d, SpanDelivery)])
    instruments.bind_all(meter)
    parts = Parts(_tracer(traces), meter, traces, meters, deliveries=deliveries)
    parts.owned = Owned(traces=is_ours(traces), metrics=is_ours(meters), logs=bool(plan.logs))
    if plan.page is not None:
        parts.closing.append(plan.page.close)
        parts.port = plan.page.serve()
    _logs(plan, who, parts)
    return parts


def set_global(telemetry: Telemetry) -> None:
    """Have libraries which know OpenTelemetry alone use these providers, unless the application has set its own.

    OpenTelemetry lets a process set them once. After a second `configure()` the spans of libraries still come from the
    first provider, which passes them on to the new way out; their metrics end with it.
    """
    found = trace.get_tracer_provider()
    if telemetry.owned.traces and isinstance(found, ProxyTracerProvider):
        trace.set_tracer_provider(telemetry.tracer_provider)
    elif isinstance(found, TracerProvider) and is_ours(found) and found is not telemetry.tracer_provider:
        for processor in telemetry.span_processors:
            found.add_span_processor(processor)
    if telemetry.owned.metrics and unset(metrics.get_meter_provider()):
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


def _traces(plan: Plan, who: Resource, ids: Ids | None, deliveries: dict[str, Delivery]) -> TracerProvider:
    provider = TracerProvider(
        sampler=sampling.KeepingSampler(plan.sampler), resource=who, shutdown_on_exit=False, id_generator=_Ids(ids)
    )
    for number, one in enumerate(plan.spans):
        delivery = SpanDelivery(one.make(), where=one.where, bounds=plan.span_bounds)
        provider.add_span_processor(delivery)
        deliveries[f"spans-{number}"] = delivery
    ours.add(provider)
    return provider


def _meters(plan: Plan, who: Resource, deliveries: dict[str, Delivery]) -> MeterProvider:
    readers = list(plan.readers)
    if plan.page is not None:
        readers.append(plan.page.reader)
    for number, one in enumerate(plan.metrics):
        if issubclass(one.kind, MetricReader):
            readers.append(one.make())
            continue
        pushed = MetricDelivery(one.kind, one.arguments, where=one.where, interval_ms=plan.interval_ms)
        deliveries[f"metrics-{number}"] = pushed
        readers.append(pushed.reader)
    provider = MeterProvider(metric_readers=readers, resource=who, shutdown_on_exit=False)
    ours.add(provider)
    return provider


def _tracer(provider: trace.TracerProvider) -> trace.Tracer:
    tracer = provider.get_tracer(SCOPE, __version__)
    sampler = getattr(tracer, "sampler", None)
    if not is_ours(provider) and sampler is not None and not isinstance(sampler, sampling.KeepingSampler):
        # Only our own tracer of an application's provider records what is kept locally; its others stay as they are.
        tracer.sampler = sampling.KeepingSampler(sampler)  # type: ignore[attr-defined]  # the SDK's tracer has one
    return tracer


def _logs(plan: Plan, who: Resource, parts: Parts) -> None:
    if not plan.logs:
        return
    from stagelight.telemetry.logs import LogDelivery

    for number, one in enumerate(plan.logs):
        delivery = LogDelivery(one.make(), resource=who, where=one.where, queue_max=plan.log_queue_max)
        parts.deliveries[f"logs-{number}"] = delivery
        parts.logger_provider = parts.logger_provider or delivery.provider
        parts.log_handlers.append(delivery.handler)
