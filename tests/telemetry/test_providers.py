"""Providers: made where there are none, adopted where the application has set its own, never a second exporter."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import pytest

from programs import python
from stagelight import config
from stagelight.errors import ConfigurationError
from stagelight.telemetry.resource import resource
from stagelight.testing import in_memory


def test_adopted_providers_stay_the_applications(tmp_path):
    """An application's providers are used as they are: its exporter gets our spans once, our sinks get theirs too."""
    found = python(
        """
import json
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
traces, meters = TracerProvider(), MeterProvider(metric_readers=[reader])
traces.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(traces)
metrics.set_meter_provider(meters)

from stagelight import config
from stagelight.telemetry import CounterFactory, pipeline, spans
from stagelight.telemetry.current import install
from opentelemetry.context import Context, set_value

kept = []
built = pipeline.build(config.load(), sinks=[kept.extend])
install(built)
built.tracer.start_span("ours").end()
trace.get_tracer("theirs").start_span("theirs").end()
CounterFactory("adopted_total", "x").inc()
flushed = built.flush()
names = [m.name for r in reader.get_metrics_data().resource_metrics for s in r.scope_metrics for m in s.metrics]
traces.sampler
ended = built.shutdown()
trace.get_tracer("theirs").start_span("after").end()
print(json.dumps({
    "same": built.tracer_provider is traces and built.meter_provider is meters,
    "owned": [built.owned.traces, built.owned.metrics, built.owned.logs],
    "exported": [span.name for span in exporter.get_finished_spans()],
    "kept": [record.name for record in kept],
    "counted": "adopted_total" in names,
    "flushed": flushed, "ended": ended,
}))
""",
        folder=tmp_path,
    ).json

    assert found == {
        "same": True,
        "owned": [False, False, False],
        "exported": ["ours", "theirs", "after"],
        "kept": ["ours", "theirs"],
        "counted": True,
        "flushed": True,
        "ended": True,
    }


def test_kept_life_cycles_reach_our_sinks_through_an_adopted_provider(tmp_path):
    """Sampled out by the application's sampler, kept by the context: recorded for our sinks, not exported by theirs."""
    found = python(
        """
import json
from opentelemetry import trace
from opentelemetry.context import Context, set_value
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF))

from stagelight import config
from stagelight.telemetry import pipeline
from stagelight.telemetry.spans import KEEP

kept = []
built = pipeline.build(config.load(metrics_exporter="none"), sinks=[kept.extend])
built.tracer.start_span("dropped").end()
built.tracer.start_span("kept", set_value(KEEP, True, Context())).end()
trace.get_tracer("theirs").start_span("theirs", set_value(KEEP, True, Context())).end()
built.flush()
print(json.dumps([record.name for record in kept]))
""",
        folder=tmp_path,
    ).json

    assert found == ["kept"]


def test_nothing_global_changes_by_building(tmp_path):
    """Building telemetry sets no global provider; only `configure()` does."""
    found = python(
        """
import json
from opentelemetry import trace
from stagelight import config
from stagelight.telemetry import pipeline
built = pipeline.build(config.load(traces_exporter="none", metrics_exporter="none"))
print(json.dumps(type(trace.get_tracer_provider()).__name__))
""",
        folder=tmp_path,
    ).json

    assert found == "ProxyTracerProvider"


def test_disabled_means_a_no_op_without_the_sdk(tmp_path):
    """OTEL_SDK_DISABLED=true: spans and metrics do nothing, flush and shutdown succeed, and the SDK is not even imported."""
    found = python(
        """
import json, sys
from stagelight import config
from stagelight.telemetry import CounterFactory, GaugeFactory, HistogramFactory, pipeline
from stagelight.telemetry.current import install
built = pipeline.build(config.load(), sinks=[print])
install(built)
with built.tracer.start_as_current_span("work") as span:
    CounterFactory("x_total", "x").inc()
    GaugeFactory("x", "x").set(1)
    HistogramFactory("x_seconds", "x").observe(1)
print(json.dumps([span.is_recording(), built.flush(), built.shutdown(), "opentelemetry.sdk.trace" in sys.modules]))
""",
        folder=tmp_path,
        OTEL_SDK_DISABLED="true",
    ).json

    assert found == [False, True, True, False]


def test_ids_come_from_the_one_source():
    """Trace and span ids come from `_clock.ids()`, so that tests can count them."""

    class Ids:
        def generate_trace_id(self) -> int:
            return 5

        def generate_span_id(self) -> int:
            return 6

    with in_memory(ids=Ids()) as memory:
        memory.telemetry.tracer.start_span("work").end()
        (span,) = memory.spans

    assert (span.trace_id, span.span_id) == (f"{5:032x}", f"{6:016x}")


def test_a_resource_says_who_it_is(monkeypatch):
    """Service, tenant and workspace are on everything; the variable beats the attribute, and both beat the script's name."""

    def named(**settings) -> str:
        return str(resource(config.load(**settings)).attributes["service.name"])

    shop = ModuleType("__main__")  # what pytest itself is called depends on who started it
    shop.__file__ = "bin/serve_shop.py"
    monkeypatch.setitem(sys.modules, "__main__", shop)
    assert named() == "serve_shop"
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=attribute,team=a")
    assert named() == "attribute"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "variable")
    assert named() == "variable"
    assert named(service_name="argument") == "argument"
    found = resource(config.load(tenant="acme")).attributes
    assert (found["stagelight.tenant"], found["stagelight.workspace"], found["team"]) == ("acme", "default", "a")


NAME = "import sys; from stagelight.telemetry.resource import script_name; print(script_name(), file=sys.stderr)"


@pytest.mark.parametrize("module", [False, True], ids=["script", "module"])
def test_the_scripts_name_is_the_service(module, tmp_path):
    """`python app.py` and `python -m app` are both the service `app`, while it runs and before its first line."""
    (tmp_path / "sitecustomize.py").write_text(NAME)
    (tmp_path / "app.py").write_text(NAME)
    command = [sys.executable, "-m", "app"] if module else [sys.executable, "app.py"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stderr.split() == ["app", "app"]


@pytest.mark.parametrize("start", [["-c", NAME], ["-"]], ids=["command", "stdin"])
def test_a_program_without_a_name_is_python(start, tmp_path):
    """What was typed at a prompt has no name of its own."""
    done = subprocess.run(
        [sys.executable, *start], input=NAME, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stderr.split() == ["python"]


@pytest.mark.parametrize("variable", ["OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"])
def test_bounds_have_to_be_numbers(variable, monkeypatch, using):
    """A bound that is no number is one clear line."""
    monkeypatch.setenv(variable, "many")

    with pytest.raises(ConfigurationError, match=f"{variable}: found 'many', expected a whole number"):
        using(traces_exporter="console", metrics_exporter="none")


def test_console_shows_spans(tmp_path):
    """OTEL_TRACES_EXPORTER=console prints finished spans, also those of a program that just ends."""
    found = python(
        """
import stagelight
stagelight.configure().tracer.start_span("shown").end()
""",
        folder=tmp_path,
        OTEL_TRACES_EXPORTER="console",
        OTEL_METRICS_EXPORTER="none",
    )

    assert found.status == 0
    assert '"name": "shown"' in found.out
