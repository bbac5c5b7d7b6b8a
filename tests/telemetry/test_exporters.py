"""From a name in a variable to an exporter; a name that nobody registered is one clear line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stagelight import config
from stagelight.errors import ConfigurationError
from stagelight.telemetry.exporters import chosen


def kinds(signal, *names, **settings):
    return [
        one.kind.__module__
        for one in chosen(config.load(environ={}, **settings), signal, names, others=("prometheus",))
    ]


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_the_official_exporters_are_chosen(signal):
    """Otlp is the official exporter of the protocol, console the SDK's; none is nothing; a name twice counts once."""
    assert "otlp.proto.http" in kinds(signal, "otlp")[0]
    assert "otlp.proto.grpc" in kinds(signal, "otlp", protocol="grpc")[0]
    assert kinds(signal, "console", "console")[0].startswith("opentelemetry.sdk.")
    assert kinds(signal, "none", "prometheus") == []
    assert len(kinds(signal, "otlp", "otlp", "console")) == 2


def test_names_that_packages_registered_work():
    """An exporter of another package is found by the name under which it is installed."""
    assert "otlp.proto.http" in kinds("traces", "otlp_proto_http")[0]


@pytest.mark.parametrize(
    ("signal", "name", "message"),
    [
        ("traces", "otpl", r"OTEL_TRACES_EXPORTER: found 'otpl', expected one of \[.*'otlp'.*\]. Did you mean 'otlp'"),
        ("metrics", "promethius", "OTEL_METRICS_EXPORTER: found 'promethius'.*Did you mean 'prometheus'"),
        ("logs", "grpc", "OTEL_LOGS_EXPORTER: found 'grpc'.*otlp, with OTEL_EXPORTER_OTLP_PROTOCOL=grpc"),
    ],
)
def test_a_wrong_name_is_one_line(signal, name, message):
    """The message says what was found, what was expected, and what was probably meant."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        kinds(signal, name)
    assert "\n" not in str(caught.value)


def test_an_exporter_that_cannot_be_imported_says_so(monkeypatch):
    """A missing package is named, not a traceback from deep inside."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)

    with pytest.raises(ConfigurationError, match=r"the protocol 'grpc' cannot be loaded: .* Is its package installed"):
        kinds("traces", "otlp", protocol="grpc")


def test_only_the_chosen_protocol_is_loaded():
    """OTLP over HTTP does not pay for gRPC."""
    code = (
        "import sys; from stagelight import config; from stagelight.telemetry.exporters import chosen\n"
        "chosen(config.load(environ={}), 'traces', ['otlp'])\n"
        "print('grpc' in sys.modules, 'requests' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_credential_provider_keeps_its_session(monkeypatch):
    """Where a variable names a provider of sessions, ours does not take its place."""
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "mine")

    (one,) = chosen(config.load(environ={}), "traces", ["otlp"])

    assert "session" not in one.arguments
