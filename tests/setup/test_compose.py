"""`configure()` in real programs: one call, one line on mistakes, an end in order, and nothing that the program notices."""

from __future__ import annotations

import sys
import threading

import pytest

from ports import free_port
from programs import python
from servers import answering, refusing
from stagelight import config, journal, setup
from stagelight.errors import ConfigurationError
from stagelight.telemetry.current import current

QUIET = {"traces_exporter": "none", "metrics_exporter": "none"}


@pytest.fixture(autouse=True)
def _ended():
    """Whatever a test configures is ended with it."""
    yield
    setup.shutdown()


def test_configuring_twice_is_configuring_once():
    """The same settings give the same telemetry; others end the first and take its place."""
    first = setup.configure(**QUIET)

    assert setup.configure(**QUIET) is first
    assert current() is first
    second = setup.configure(tenant="acme", **QUIET)
    assert second is not first
    assert current() is second
    assert setup.flush()
    assert setup.shutdown()
    assert current() is None
    assert setup.flush()
    assert setup.shutdown()
    assert setup.configure(**QUIET) is not first


def test_telemetry_that_has_ended_is_not_given_again():
    """Whoever shut the telemetry down by hand and configures again gets one that works."""
    first = setup.configure(**QUIET)
    first.shutdown()
    again = setup.configure(**QUIET)

    assert first.ended
    assert again is not first
    assert not again.ended


def test_settings_may_be_read_beforehand():
    """`configure(settings)` takes what `config.load` returned, but not together with arguments."""
    settings = config.load(**QUIET)

    assert setup.configure(settings).settings is settings
    with pytest.raises(ConfigurationError, match=r"settings or arguments, not both; found settings and \['tenant'\]"):
        setup.configure(settings, tenant="acme")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"traces_exporter": "otpl"}, "Did you mean 'otlp'"),
        ({"endpoint": "localhost:4318"}, "Did you mean 'http://localhost:4318'"),
        ({"protocol": "grcp"}, "Did you mean 'grpc'"),
        ({"tenannt": "x"}, "Did you mean 'tenant'"),
        ({"metrics_exporter": "otpl", "prometheus_port": 9999}, "Did you mean 'otlp'"),
        ({"logs_exporter": "otpl"}, "Did you mean 'otlp'"),
    ],
)
def test_a_mistake_is_told_at_the_callers_line_and_changes_nothing(arguments, message):
    """A setting that cannot be used raises one clear error, and nothing is installed."""
    before = threading.active_count()
    with pytest.raises(ConfigurationError, match=message):
        setup.configure(**arguments)
    assert current() is None
    assert threading.active_count() == before


def test_a_second_configuration_that_fails_leaves_nothing_half_done():
    """After a mistake in a second call, the next right one works."""
    setup.configure(**QUIET)
    with pytest.raises(ConfigurationError):
        setup.configure(protocol="grcp", **{**QUIET, "traces_exporter": "otlp"})
    assert setup.configure(**QUIET).flush()


def test_finished_traces_reach_store_and_trace_file(tmp_path):
    """With a store and a trace file set, a finished trace is in both, whole."""
    file, store = tmp_path / "traces.jsonl", tmp_path / "s.db"
    telemetry = setup.configure(trace_log_file=file, store=str(store), **QUIET)
    with telemetry.tracer.start_as_current_span("root"):
        telemetry.tracer.start_span("child").end()
    with telemetry.tracer.start_as_current_span("other"):
        pass
    assert setup.shutdown()

    assert [sorted(span.name for span in trace) for trace in journal.read(file)] == [["child", "root"], ["other"]]
    from stagelight.store import open_store

    with open_store(str(store)) as opened:
        (trace_id,) = {row.trace_id for row in opened.traces.search(_query()).rows if row.name == "root"}
        assert {span.name for span in opened.traces.get(trace_id).spans} == {"child", "root"}


def _query():
    from stagelight.store import TraceQuery

    return TraceQuery()


def test_rows_reach_the_store(tmp_path):
    """With a store set, feedback is stored; without one it is refused with the reason."""
    from stagelight.feedback import log_feedback

    setup.configure(store=str(tmp_path / "s.db"), **QUIET)
    assert log_feedback("0" * 31 + "1", rating=5).status == "stored"
    setup.shutdown()
    receipt = log_feedback("0" * 31 + "1", rating=5)
    assert (receipt.status, "STAGELIGHT_STORE" in receipt.reason) == ("refused", True)


def test_a_state_folder_that_is_not_ours_costs_no_row(tmp_path, monkeypatch):
    """A program whose home is another user's has its store, and no use for a spool while that answers."""
    from stagelight.feedback import log_feedback

    (tmp_path / "file").touch()  # stands for a folder without permission, which root would have
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))

    setup.configure(store=str(tmp_path / "s.db"), **QUIET)

    assert log_feedback("0" * 31 + "1", rating=5).status == "stored"


def test_a_spool_that_cannot_be_is_refused_at_once(tmp_path):
    """A folder that somebody named is a setting to be corrected, beside a store as before a server."""
    (tmp_path / "file").touch()

    for where in ({"store": str(tmp_path / "s.db")}, {"url": refusing()}):
        with pytest.raises(ConfigurationError, match="STAGELIGHT_SPOOL"):
            setup.configure(spool=str(tmp_path / "file"), **where, **QUIET)


def test_rows_reach_a_server_or_wait_for_it(tmp_path):
    """With the address of a server set, rows are sent there; while it is away they wait on this machine's disk."""
    from stagelight.feedback import log_feedback

    setup.configure(url=refusing(), spool=str(tmp_path / "spool"), **QUIET)

    assert log_feedback("0" * 31 + "1", rating=5).status == "spooled"


def test_a_missing_extra_is_named(monkeypatch):
    """Without SQLAlchemy a store is an error that names what to install."""
    for name in [*sys.modules]:
        if name.startswith("stagelight.store"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'stagelight\[store\]'"):
        setup.configure(store="x.db", **QUIET)


def test_a_program_that_just_ends_loses_nothing(tmp_path):
    """A script which says `configure()` and never flushes delivers spans, metrics and logs at its end, by one atexit."""
    with answering() as server:
        run = python(
            """
import atexit, json, logging
registered, register = [], atexit.register
atexit.register = lambda call, *args, **kwargs: registered.append(call.__module__) or register(call, *args, **kwargs)
import stagelight
stagelight.configure(logs_exporter="otlp")
stagelight.configure(logs_exporter="otlp", tenant="acme")
with stagelight.trace_stage("work"):
    logging.getLogger("shop").warning("sold")
print(json.dumps([module for module in registered if module.startswith(("stagelight", "opentelemetry"))]))
""",
            folder=tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        )

        assert run.json == ["stagelight.setup.compose"]
        assert [span.name for span in server.spans] == ["work"]
        assert {"stagelight_stage_calls_total", "stagelight_spans_total"} <= {point.name for point in server.metrics}
        (line,) = (record for record in server.logs if record.body == "sold")
        assert line.trace_id == server.spans[0].trace_id


def test_libraries_that_know_opentelemetry_alone_are_exported_too(tmp_path):
    """`configure()` sets the global providers, and after a second one their spans still arrive."""
    with answering() as server:
        run = python(
            """
import json
from opentelemetry import metrics, trace
import stagelight
stagelight.configure()
trace.get_tracer("library").start_span("first").end()
metrics.get_meter("library").create_counter("library_total", description="x").add(1)
stagelight.configure(tenant="acme")
trace.get_tracer("library").start_span("second").end()
print(json.dumps(True))
""",
            folder=tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        )

        assert run.json
        assert [span.name for span in server.spans] == ["first", "second"]
        assert "library_total" in {point.name for point in server.metrics}


def test_the_metrics_page_is_served(tmp_path):
    """PROMETHEUS_PORT serves the stage metrics of a running program."""
    run = python(
        """
import json, os, urllib.request
import stagelight
telemetry = stagelight.configure(traces_exporter="none", metrics_exporter="none")
with stagelight.trace_stage("work"):
    pass
page = urllib.request.urlopen(f"http://127.0.0.1:{telemetry.port}/metrics").read().decode()
print(json.dumps([line for line in page.splitlines() if line.startswith("stagelight_stage_calls_total{")]))
""",
        folder=tmp_path,
        PROMETHEUS_PORT=str(free_port()),
    )

    assert any('outcome="ok"' in line and 'stage="work"' in line and line.endswith(" 1.0") for line in run.json)
    assert any('outcome="error"' in line and line.endswith(" 0.0") for line in run.json)


def test_rows_and_traces_go_nowhere_while_disabled(tmp_path):
    """OTEL_SDK_DISABLED turns off the local store too: nothing is opened."""
    store = tmp_path / "s.db"
    setup.configure(disabled=True, store=str(store), trace_log_file=str(tmp_path / "t.jsonl"))

    assert not store.exists()
    assert setup.flush()
