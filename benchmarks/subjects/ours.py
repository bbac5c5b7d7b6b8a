"""stagelight, used as its README says. Every recorded or unsampled stage counts its metrics too; there is no way without."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from benchmarks import kit
from benchmarks.subjects import raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace.export import SpanExporter

    from benchmarks.kit import Case, Measure
    from stagelight.telemetry.pipeline import Telemetry


def telemetry(exporter: SpanExporter | None = None, **variables: object) -> Telemetry:
    """Install telemetry that drops its spans, with `OTEL_*` `variables` set before."""
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    from stagelight import config
    from stagelight.telemetry import current, pipeline

    os.environ["OTEL_BSP_MAX_QUEUE_SIZE"] = str(raw.QUEUE)
    os.environ.update({f"OTEL_{name}": str(value) for name, value in variables.items()})
    made = pipeline.build(config.load(), span_exporter=exporter or raw.drop(), metric_readers=[InMemoryMetricReader()])
    current.install(made)
    return made


def within(function: Callable[[], object]) -> Callable[[int], None]:
    """Return a loop of stages under one root."""
    from stagelight import trace_stage

    return kit.within(lambda: trace_stage("root"), function)


def stage(attributes: dict[str, Any] | None = None) -> Callable[[], object]:
    """Return an empty function as a stage."""
    from stagelight import trace_stage

    return trace_stage("f", attributes=attributes)(kit.empty) if attributes else trace_stage("f")(kit.empty)


def unconfigured() -> Measure:
    """Time a stage without `configure()`."""
    return kit.timed(kit.repeated(stage()))


def recorded() -> Measure:
    """Time a recorded child with its stage metrics."""
    telemetry()
    return kit.timed(within(stage()))


def with_metrics() -> Measure:
    """Time a recorded child with two attributes and its stage metrics."""
    telemetry()
    return kit.timed(within(stage(raw.TWO)))


def unsampled_child() -> Measure:
    """Time a child whose root was not sampled, with its stage metrics."""
    telemetry(TRACES_SAMPLER="parentbased_traceidratio", TRACES_SAMPLER_ARG="0")
    return kit.timed(within(stage()))


def unsampled_root() -> Measure:
    """Time a root that is not sampled, with its stage metrics."""
    telemetry(TRACES_SAMPLER="parentbased_traceidratio", TRACES_SAMPLER_ARG="0")
    return kit.timed(kit.repeated(stage()))


def foreign_processors() -> Measure:
    """Time a recorded child with a second span processor of somebody else's."""
    from opentelemetry.sdk.trace import SpanProcessor

    class Other(SpanProcessor):
        pass

    made: Any = telemetry()
    made.tracer_provider.add_span_processor(Other())
    return kit.timed(within(stage()))


def exception() -> Measure:
    """Time a child whose function raises."""
    from stagelight import trace_stage

    telemetry()
    return kit.timed(within(kit.swallowed(trace_stage("f")(kit.boom))))


def _exporting(**variables: object) -> Telemetry:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return telemetry(OTLPSpanExporter(endpoint=f"{os.environ['BENCH_SINK']}/v1/traces"), **variables)


def exported() -> Measure:
    """Spend processor time on stages until the last is delivered over OTLP/HTTP."""
    made = _exporting()
    return raw.exported_through(os.environ["BENCH_SINK"], within(stage(raw.TWO)), lambda: made.flush(60.0))


def queued(attributes: dict[str, Any]) -> Case:
    """Return the case of a span with these attributes, waiting for its batch."""

    def case() -> Measure:
        made = telemetry(BSP_MAX_EXPORT_BATCH_SIZE=raw.QUEUE, BSP_SCHEDULE_DELAY=3_600_000)
        return kit.held(within(stage(attributes)), lambda: made.flush(60.0))

    return case


def latency() -> Measure:
    """Time the slowest calls while spans are exported over OTLP/HTTP."""
    _exporting(BSP_SCHEDULE_DELAY=200)
    return kit.slowest(stage(raw.TWO))


def counter() -> Measure:
    """Time one count through a handle that is bound to its labels."""
    from stagelight import CounterFactory

    telemetry()
    handle = CounterFactory("calls_total", "Calls.", list(raw.LABELS)).labels(**raw.LABELS)
    return kit.timed(kit.repeated(handle.inc))


def histogram() -> Measure:
    """Time one observation through a handle that is bound to its labels."""
    from stagelight import HistogramFactory

    telemetry()
    handle = HistogramFactory("call_seconds", "Time of a call.", list(raw.LABELS)).labels(**raw.LABELS)
    return kit.timed(kit.repeated(lambda: handle.observe(0.01)))


CASES: dict[str, Case] = {
    "unconfigured": unconfigured,
    "recorded": recorded,
    "unsampled_child": unsampled_child,
    "unsampled_root": unsampled_root,
    "with_metrics": with_metrics,
    "foreign_processors": foreign_processors,
    "exception": exception,
    "exported": exported,
    "queued_2": queued(raw.TWO),
    "queued_6": queued(raw.SIX),
    "latency": latency,
    "counter": counter,
    "histogram": histogram,
}
