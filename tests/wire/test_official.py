"""The bytes that OpenTelemetry's own exporters send are understood; nothing here is encoded by us."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context

from stagelight import wire
from stagelight.wire.records import Scope, SpanEvent, SpanLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagelight.wire.decoded import Decoded
    from stagelight.wire.records import MetricPoint

RESOURCE = Resource({"service.name": "shop", "stagelight.tenant": "acme"})


def test_spans_of_the_sdk() -> None:
    """A real span with all its parts, encoded by the official exporter, becomes the record which says the same."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("checkout", "1.2")
    elsewhere = SpanContext(trace_id=0xABC, span_id=0xDEF, is_remote=True, trace_flags=TraceFlags(1))
    with tracer.start_as_current_span("root") as root:
        child = tracer.start_span(
            "call",
            kind=SpanKind.CLIENT,
            attributes={"n": 3, "x": 0.5, "ok": True, "many": ["a", "b"], "raw": b"\x01"},
            links=[Link(elsewhere, {"why": "retry"})],
            start_time=1_000,
        )
        child.add_event("tried", {"times": 2}, timestamp=1_500)
        child.set_status(Status(StatusCode.ERROR, "boom"))
        child.end(end_time=2_000)
    finished = exporter.get_finished_spans()

    got = wire.decode_traces(encode_spans(finished).SerializeToString(), "protobuf")

    record = next(span for span in got if span.name == "call")
    assert record.trace_id == f"{root.get_span_context().trace_id:032x}"
    assert record.span_id == f"{child.get_span_context().span_id:016x}"
    assert record.parent_id == f"{root.get_span_context().span_id:016x}"
    assert (record.kind, record.start_ns, record.end_ns) == ("client", 1_000, 2_000)
    assert (record.status, record.status_message) == ("error", "boom")
    assert record.attributes == {"n": 3, "x": 0.5, "ok": True, "many": ["a", "b"], "raw": "AQ=="}
    assert record.events == (SpanEvent(name="tried", time_ns=1_500, attributes={"times": 2}),)
    assert record.links == (SpanLink(trace_id=f"{0xABC:032x}", span_id=f"{0xDEF:016x}", attributes={"why": "retry"}),)
    assert record.scope == Scope(name="checkout", version="1.2")
    assert record.resource == dict(RESOURCE.attributes)
    assert record.tenancy == ("acme", "default")
    assert next(span for span in got if span.name == "root").parent_id == ""


def test_logs_of_the_sdk() -> None:
    """A log record emitted inside a span carries its ids; one emitted outside carries none."""
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    span = TracerProvider().get_tracer("t").start_span("s")
    logger = provider.get_logger("app")
    logger.emit(
        LogRecord(
            timestamp=5,
            context=set_span_in_context(span),
            severity_text="WARN",
            severity_number=SeverityNumber.WARN,
            body={"said": ["hi", 1]},
            attributes={"a": 1},
            event_name="greeting",
        )
    )
    logger.emit(LogRecord(observed_timestamp=7, body="outside"))

    inside, outside = wire.decode_logs(
        encode_logs(exporter.get_finished_logs()).SerializeToString(),
        "protobuf",
    )

    assert inside.trace_id == f"{span.get_span_context().trace_id:032x}"
    assert inside.span_id == f"{span.get_span_context().span_id:016x}"
    assert (inside.severity, inside.severity_number, inside.event_name) == ("WARN", 13, "greeting")
    assert (inside.body, inside.attributes, inside.time_ns) == ({"said": ["hi", 1]}, {"a": 1}, 5)
    assert (outside.trace_id, outside.span_id, outside.time_ns) == ("", "", 7)


def _exported(record: Callable[[MeterProvider], None], **options: object) -> Decoded[MetricPoint]:
    reader = InMemoryMetricReader(options.get("preferred_temporality"))  # type: ignore[arg-type]  None or a dict
    views = options.get("views", ())
    provider = MeterProvider([reader], resource=RESOURCE, views=views)  # type: ignore[arg-type]  a tuple of views
    record(provider)
    data = reader.get_metrics_data()
    provider.shutdown()
    return wire.decode_metrics(encode_metrics(data).SerializeToString(), "protobuf")


def test_counters_and_gauges_of_the_sdk() -> None:
    """A counter is a monotonic cumulative sum, an up-down counter is not monotonic, a gauge is a gauge."""

    def record(provider: MeterProvider) -> None:
        meter = provider.get_meter("m")
        meter.create_counter("calls_total", unit="{call}", description="Calls.").add(3, {"stage": "read"})
        meter.create_up_down_counter("active").add(-2)
        meter.create_gauge("score").set(0.25)

    points = {point.name: point for point in _exported(record)}

    calls = points["calls_total"]
    assert (calls.kind, calls.value, calls.monotonic, calls.temporality) == ("sum", 3.0, True, "cumulative")
    assert (calls.unit, calls.description, calls.attributes) == ("{call}", "Calls.", {"stage": "read"})
    assert 0 < calls.start_ns <= calls.time_ns
    assert calls.tenancy == ("acme", "default")
    assert (points["active"].kind, points["active"].value, points["active"].monotonic) == ("sum", -2.0, False)
    assert (points["score"].kind, points["score"].value) == ("gauge", 0.25)


def test_histograms_of_the_sdk() -> None:
    """An explicit histogram keeps its bounds, its buckets, its sum and its count."""

    def record(provider: MeterProvider) -> None:
        seconds = provider.get_meter("m").create_histogram("s", explicit_bucket_boundaries_advisory=[1.0, 2.0])
        for value in (0.5, 1.0, 1.5, 9.0):
            seconds.record(value)

    (point,) = _exported(record, preferred_temporality={Histogram: AggregationTemporality.DELTA})

    assert (point.kind, point.temporality) == ("histogram", "delta")
    assert (point.bounds, point.buckets, point.value, point.count) == ((1.0, 2.0), (2, 1, 1), 12.0, 4)


@pytest.mark.parametrize("values", [[0.001, 0.0013, 0.5], [1e-9, 1e-12], [1e9, 1e10, 1e12], [0.0, 7.7, 7.8], [33.0]])
def test_exponential_histograms_of_the_sdk(values: list[float]) -> None:
    """An exponential histogram arrives on the fixed grid, each value in the bucket which holds it."""

    def record(provider: MeterProvider) -> None:
        seconds = provider.get_meter("m").create_histogram("s")
        for value in values:
            seconds.record(value)

    view = View(instrument_name="s", aggregation=ExponentialBucketHistogramAggregation(max_size=160))
    (point,) = _exported(record, views=(view,))

    edges = [float("-inf"), *point.bounds, float("inf")]
    expected = [sum(low < value <= high for value in values) for low, high in pairwise(edges)]
    assert list(point.buckets) == expected
    assert (point.count, point.value) == (len(values), pytest.approx(sum(values)))
