"""`opentelemetry-instrument` with our distro, in a real process; and stepping aside where we were not chosen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from opentelemetry.instrumentation.distro import BaseDistro
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult

from programs import python
from servers import answering
from stagelight import journal, setup
from stagelight.setup import distro
from stagelight.setup.distro import JournalSpanExporter, StagelightConfigurator, StagelightDistro

INSTRUMENT = str(Path(sys.executable).with_name("opentelemetry-instrument"))
APP = """
import json
from opentelemetry import trace
with trace.get_tracer("app").start_as_current_span("untouched"):
    pass
from stagelight.telemetry.current import current
print(json.dumps([type(trace.get_tracer_provider()).__name__, current() is not None]))
"""


def instrumented(tmp_path, **variables: str):
    return python(APP, folder=tmp_path, command=(INSTRUMENT, sys.executable), **variables)


def test_a_program_that_never_heard_of_us_is_traced(tmp_path):
    """OTEL_PYTHON_DISTRO=stagelight opentelemetry-instrument python app.py: its spans arrive, without a changed line."""
    with answering() as server:
        run = instrumented(tmp_path, OTEL_PYTHON_DISTRO="stagelight", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

        assert run.json == ["TracerProvider", True]
        assert [span.name for span in server.spans] == ["untouched"]
        assert server.spans[0].resource["telemetry.distro.name"] == "stagelight"
        assert server.spans[0].resource["service.name"] == "app"
        assert run.err == ""


def test_the_configurator_may_be_chosen_alone(tmp_path):
    """OTEL_PYTHON_CONFIGURATOR=stagelight is enough to have a program traced."""
    with answering() as server:
        run = instrumented(tmp_path, OTEL_PYTHON_CONFIGURATOR="stagelight", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

        assert run.json == ["TracerProvider", True]
        assert len(server.spans) == 1


def test_being_installed_chooses_nothing(tmp_path):
    """Without the variable, `opentelemetry-instrument` leaves the program as if we were not there."""
    assert instrumented(tmp_path).json == ["ProxyTracerProvider", False]


def test_a_mistake_is_one_line_and_the_program_runs(tmp_path):
    """A setting that cannot be used is told in one line on stderr; the program runs without telemetry."""
    run = instrumented(tmp_path, OTEL_PYTHON_DISTRO="stagelight", OTEL_TRACES_EXPORTER="otpl")

    assert run.json == ["ProxyTracerProvider", False]
    (line,) = run.err.splitlines()
    assert line.startswith("stagelight is off: OTEL_TRACES_EXPORTER: found 'otpl'")


def test_the_distro_steps_aside(monkeypatch):
    """The loader takes a distro only if it is one: unless chosen, ours is not."""
    assert not isinstance(StagelightDistro(), BaseDistro)
    monkeypatch.setenv("OTEL_PYTHON_DISTRO", "stagelight")
    monkeypatch.setenv("OTEL_PYTHON_CONFIGURATOR", "another")
    chosen = StagelightDistro()

    assert isinstance(chosen, BaseDistro)
    chosen.configure()
    assert distro.variable("OTEL_PYTHON_CONFIGURATOR") == "another"


def test_the_configurator_leaves_its_place_to_another(monkeypatch):
    """Unless chosen, our configurator runs the one of another package, because the loader takes only one."""
    called = []

    class Another:
        def configure(self, **arguments):
            called.append(arguments)

    class Entry:
        def __init__(self, name: str) -> None:
            self.name = name

        def load(self):
            return Another

    monkeypatch.setattr(distro, "entry_points", lambda **_: [Entry("stagelight"), Entry("other"), Entry("third")])
    StagelightConfigurator().configure(auto_instrumentation_version="1")

    assert called == [{"auto_instrumentation_version": "1"}]
    assert setup.compose._whole is None


def test_the_journal_exporter_serves_programs_with_their_own_sdk(monkeypatch, tmp_path):
    """OTEL_TRACES_EXPORTER=stagelight_journal: a plain SDK writes its spans to TRACE_LOG_FILE."""
    monkeypatch.setenv("TRACE_LOG_FILE", str(tmp_path / "t.jsonl"))
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = JournalSpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("x").start_span("plain").end()
    assert exporter.force_flush()
    provider.shutdown()

    ((span,),) = list(journal.read(tmp_path / "t.jsonl"))
    assert span.name == "plain"


def test_a_journal_that_cannot_be_written_fails_the_export(monkeypatch, tmp_path):
    """Where the file cannot be written the SDK is told FAILURE, and nothing is raised."""
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("TRACE_LOG_FILE", str(tmp_path / "taken" / "t.jsonl"))
    provider = TracerProvider(shutdown_on_exit=False)
    span = provider.get_tracer("x").start_span("plain")
    span.end()

    assert JournalSpanExporter().export([span]) is SpanExportResult.FAILURE


@pytest.mark.parametrize(
    "name", ["opentelemetry_distro", "opentelemetry_configurator", "opentelemetry_traces_exporter"]
)
def test_the_entry_points_lead_here(name):
    """What pyproject promises can be loaded."""
    from importlib.metadata import entry_points

    (entry,) = (entry for entry in entry_points(group=name) if entry.name.startswith("stagelight"))
    assert entry.load().__module__ == "stagelight.setup.distro"
