"""The /metrics page: real text over real HTTP, compared with the catalogue and checked by Prometheus' own tool."""

from __future__ import annotations

import logging
import socket
import subprocess
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ports import free_port
from stagelight import catalogue
from stagelight.catalogue import METRICS
from stagelight.errors import ConfigurationError
from stagelight.telemetry import GaugeFactory, scrape
from stagelight.telemetry.instruments import Counter, Gauge, instrument

#: What promtool finds fault with and stays as it is, because dashboards are bound to the name: metric -> why.
CONTRACT_NAMES: dict[str, str] = {"rl_feedback_processing_latency_ms": "milliseconds, as users' queries have it"}

PAGE = {"traces_exporter": "none", "metrics_exporter": "none"}


def read(port: int, host: str = "127.0.0.1") -> str:
    """The page, as Prometheus gets it."""
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
        return answer.read().decode("utf-8")


@pytest.fixture
def page(using):
    """The page of a process that has used every metric of the catalogue once."""
    telemetry = using(prometheus_port=free_port(), **PAGE)
    for row in METRICS.values():
        made = instrument(row)
        if isinstance(made, Counter):
            made.declare()
        elif isinstance(made, Gauge):
            made.set(1)
        else:
            made.observe(0.2)
    return read(telemetry.port)


def shape(page: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Kind and labels of every metric on the page, under the name that a query uses."""
    found = {}
    for family in text_string_to_metric_families(page):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels}
        found[name] = (
            family.type,
            frozenset(label for label in labels - {"le"} if not label.startswith("otel_scope_")),
        )
    return found


def test_names_kinds_and_labels_equal_the_catalogue(page):
    """On real exposition text every metric of the catalogue has its name, its kind and exactly its labels."""
    found = shape(page)

    expected = {row.name: (row.kind, frozenset(row.label_names)) for row in METRICS.values()}
    assert {name: found.get(name) for name in expected} == expected


def test_buckets_equal_the_catalogue(page):
    """A histogram's bounds on the page are the row's."""
    for family in text_string_to_metric_families(page):
        row = METRICS.get(family.name)
        if row is not None and row.kind == "histogram":
            bounds = [float(sample.labels["le"]) for sample in family.samples if sample.name.endswith("_bucket")]
            assert bounds == [*row.buckets, float("inf")]


def test_promtool_is_content(page, program):
    """`promtool check metrics` finds no fault but with the written list of contract names."""
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=page, capture_output=True, text=True, timeout=30, check=False
    )

    faults = [line for line in (done.stdout + done.stderr).splitlines() if line.split(" ", 1)[0] not in CONTRACT_NAMES]
    assert faults == []


def test_promtool_would_find_a_fault(program):
    """The check above can fail: a metric without help, and a counter without _total, are told."""
    done = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input="# TYPE x counter\nx 1\n", capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "no help text" in done.stdout + done.stderr


def test_help_reaches_the_page(page):
    """The catalogue's sentence stands above its metric."""
    helps = {family.name: family.documentation for family in text_string_to_metric_families(page)}
    for row in METRICS.values():
        assert helps[row.name.removesuffix("_total")] == row.help


def test_a_lone_surrogate_cannot_break_the_page(using):
    """Text that UTF-8 cannot carry, in our labels or in those of a library on the same provider, leaves the page whole."""
    telemetry = using(prometheus_port=free_port(), service_name="a\ud800b", **PAGE)
    GaugeFactory("tests_surrogate", "x", ["colour"]).labels(colour="a\ud800b").set(1)
    other = telemetry.meter_provider.get_meter("a library")
    other.create_counter("library_total", description="x\udcff").add(1, {"colour": "c\ud800d"})

    assert {"tests_surrogate", "library_total"} <= shape(read(telemetry.port)).keys()


def test_flushing_does_not_show_metrics_twice(using):
    """A program that flushes its provider between two scrapes gets every series once, or Prometheus would refuse the page."""
    telemetry = using(prometheus_port=free_port(), **PAGE)
    GaugeFactory("tests_once", "x").set(1)
    telemetry.flush()
    telemetry.meter_provider.force_flush()
    telemetry.meter_provider.force_flush()

    assert read(telemetry.port).count("\ntests_once{") == 1


def test_the_page_listens_on_loopback_alone(using):
    """Unless told otherwise /metrics cannot be reached from another machine."""
    telemetry = using(prometheus_port=free_port(), **PAGE)

    with pytest.raises(OSError, match=r"refused|unreachable"):
        socket.create_connection((_address_of_this_machine(), telemetry.port), timeout=2).close()


def _address_of_this_machine() -> str:
    """Another address of this machine: 127.0.0.2 is one everywhere on Linux."""
    return "127.0.0.2"


def test_the_page_listens_where_it_is_told(using):
    """PROMETHEUS_HOST chooses the address."""
    telemetry = using(prometheus_port=free_port(), prometheus_host="127.0.0.2", **PAGE)

    assert "target_info" in read(telemetry.port, "127.0.0.2")


def test_a_busy_port_is_one_line_and_the_program_runs(using, caplog):
    """Where the port is taken, one line says so and what to set; everything else works."""
    with socket.create_server(("127.0.0.1", 0)) as taken, caplog.at_level(logging.WARNING):
        port = taken.getsockname()[1]
        telemetry = using(prometheus_port=port, **PAGE)

    assert telemetry.port == 0
    assert [record.getMessage() for record in caplog.records] == [
        f"/metrics is not served at 127.0.0.1:{port}: Address already in use. Set PROMETHEUS_PORT to a free port."
    ]
    assert telemetry.flush()


def test_the_port_is_free_again_after_shutdown(using):
    """Ending telemetry closes the page, so that the next one can have the port."""
    port = free_port()
    assert using(prometheus_port=port, **PAGE).shutdown()
    assert using(prometheus_port=port, **PAGE).port == port


def test_one_bad_metric_costs_only_itself():
    """A collector that raises loses its own metric; the others stay on the page, and ours count the error."""
    registry = scrape.SafeRegistry(auto_describe=False)

    class Bad:
        def collect(self):
            raise RuntimeError("for a test")

    registry.register(Bad())

    assert list(registry.collect()) == []


def test_opentelemetrys_own_variables_work(monkeypatch, using):
    """OTEL_METRICS_EXPORTER=prometheus serves at the port and host that OpenTelemetry documents."""
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_PORT", str(port := free_port()))
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1")

    assert using(traces_exporter="none", metrics_exporter="prometheus").port == port


def test_a_port_that_is_no_number_is_told(monkeypatch, using):
    """OTEL_EXPORTER_PROMETHEUS_PORT has to be a port."""
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_PORT", "http")

    with pytest.raises(ConfigurationError, match="found 'http', expected a port"):
        using(traces_exporter="none", metrics_exporter="prometheus")


def test_the_written_list_names_real_metrics():
    """A contract name which promtool may find fault with is in the catalogue, and has its reason."""
    assert set(CONTRACT_NAMES) <= set(catalogue.METRICS)
    assert all(CONTRACT_NAMES.values())
