"""OpenTelemetry's own SDK, used as its documentation says: the 1x of the table."""

from __future__ import annotations

import os
import time
import urllib.request
from typing import TYPE_CHECKING, Any

from benchmarks import kit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import Tracer

    from benchmarks.kit import Case, Measure

LABELS = {"stage": "f", "pipeline": "p"}
TWO = {"app.stage": "f", "app.pipeline": "p"}
SIX = {**TWO, "app.rows": 12, "app.share": 0.5, "app.cached": True, "app.region": "eu"}
QUEUE = 100_000  #: Spans; larger than any round.


def drop() -> SpanExporter:
    """Return an exporter that forgets, so that the way to it is measured alone."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Drop(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002  the interface's
            return SpanExportResult.SUCCESS

    return Drop()


def provider(exporter: SpanExporter, *, sampler: Sampler | None = None, **batch: Any) -> TracerProvider:
    """Return a provider that exports in batches through `exporter`."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    made = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE, **batch))
    return made


def meters() -> MeterProvider:
    """Return a meter provider that is never read."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    return MeterProvider(metric_readers=[InMemoryMetricReader()], shutdown_on_exit=False)


def within(tracer: Tracer, function: Callable[[], object]) -> Callable[[int], None]:
    """Return a loop of child spans under one root."""
    return kit.within(lambda: tracer.start_as_current_span("root"), function)


def unconfigured() -> Measure:
    """Time the API with no SDK behind it."""
    from opentelemetry import trace

    return kit.timed(kit.repeated(trace.get_tracer("x").start_as_current_span("f")(kit.empty)))


def recorded() -> Measure:
    """Time a recorded child around an empty function."""
    tracer = provider(drop()).get_tracer("x")
    return kit.timed(within(tracer, tracer.start_as_current_span("f")(kit.empty)))


def _unsampled() -> Tracer:
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    return provider(drop(), sampler=ParentBased(TraceIdRatioBased(0.0))).get_tracer("x")


def unsampled_child() -> Measure:
    """Time a child whose root was not sampled."""
    tracer = _unsampled()
    return kit.timed(within(tracer, tracer.start_as_current_span("f")(kit.empty)))


def unsampled_root() -> Measure:
    """Time a root that is not sampled."""
    return kit.timed(kit.repeated(_unsampled().start_as_current_span("f")(kit.empty)))


def with_metrics() -> Measure:
    """Time what a stage does, by hand: a span, a counter and a histogram."""
    tracer, meter = provider(drop()).get_tracer("x"), meters().get_meter("x")
    calls, seconds = meter.create_counter("calls"), meter.create_histogram("seconds")

    def stage() -> None:
        started = time.perf_counter()
        with tracer.start_as_current_span("f", attributes=TWO):
            try:
                kit.empty()
            finally:
                seconds.record(time.perf_counter() - started, LABELS)
                calls.add(1, LABELS)

    return kit.timed(within(tracer, stage))


def foreign_processors() -> Measure:
    """Time a recorded child with a second span processor of somebody else's."""
    from opentelemetry.sdk.trace import SpanProcessor

    class Other(SpanProcessor):
        pass

    made = provider(drop())
    made.add_span_processor(Other())
    tracer = made.get_tracer("x")
    return kit.timed(within(tracer, tracer.start_as_current_span("f")(kit.empty)))


def exception() -> Measure:
    """Time a child whose function raises."""
    tracer = provider(drop()).get_tracer("x")
    return kit.timed(within(tracer, kit.swallowed(tracer.start_as_current_span("f")(kit.boom))))


def exported() -> Measure:
    """Spend processor time on spans until the last is delivered over OTLP/HTTP."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    address = os.environ["BENCH_SINK"]
    made = provider(OTLPSpanExporter(endpoint=f"{address}/v1/traces"))
    tracer = made.get_tracer("x")
    return exported_through(
        address, within(tracer, tracer.start_as_current_span("f", attributes=TWO)(kit.empty)), made.force_flush
    )


def exported_through(address: str, loop: Callable[[int], None], flush: Callable[[], object]) -> Measure:
    """Spend processor time on `loop` and `flush`; insist that the sink at `address` got every span."""

    def received() -> int:
        with urllib.request.urlopen(address) as answer:
            return int(answer.read())

    def measure(times: int) -> list[float]:
        before = received()
        costs = kit.spent(loop, flush)(times)
        came = received() - before
        if came != times + 1:  # the root is one more
            raise RuntimeError(f"{came} spans came, of {times + 1}")
        return costs

    return measure


def queued(attributes: dict[str, Any]) -> Case:
    """Return the case of a span with these attributes, waiting for its batch."""

    def case() -> Measure:
        made = provider(drop(), max_export_batch_size=QUEUE, schedule_delay_millis=3_600_000)
        tracer = made.get_tracer("x")
        traced = tracer.start_as_current_span("f", attributes=attributes)(kit.empty)
        return kit.held(within(tracer, traced), made.force_flush)

    return case


def latency() -> Measure:
    """Time the slowest calls while spans are exported over OTLP/HTTP."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=f"{os.environ['BENCH_SINK']}/v1/traces")
    tracer = provider(exporter, schedule_delay_millis=200).get_tracer("x")
    return kit.slowest(tracer.start_as_current_span("f", attributes=TWO)(kit.empty))


def counter() -> Measure:
    """Time one count."""
    calls = meters().get_meter("x").create_counter("calls")
    return kit.timed(kit.repeated(lambda: calls.add(1, LABELS)))


def histogram() -> Measure:
    """Time one observation."""
    seconds = meters().get_meter("x").create_histogram("seconds")
    return kit.timed(kit.repeated(lambda: seconds.record(0.01, LABELS)))


CASES: dict[str, Case] = {
    "unconfigured": unconfigured,
    "recorded": recorded,
    "unsampled_child": unsampled_child,
    "unsampled_root": unsampled_root,
    "with_metrics": with_metrics,
    "foreign_processors": foreign_processors,
    "exception": exception,
    "exported": exported,
    "queued_2": queued(TWO),
    "queued_6": queued(SIX),
    "latency": latency,
    "counter": counter,
    "histogram": histogram,
}
