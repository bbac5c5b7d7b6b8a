"""Where OTLP goes: arguments, variables for all signals and for one, and one clear line for what cannot work."""

from __future__ import annotations

import pytest

from stagelight import config
from stagelight.errors import ConfigurationError
from stagelight.telemetry.endpoints import Target, target


def settings(**arguments):
    return config.load(environ=None, start=None, **arguments)


def test_with_nothing_set_it_goes_to_this_machine():
    """The defaults are OpenTelemetry's: 4318 over HTTP, with the signal's path; 4317 over gRPC."""
    assert target(settings(), "traces") == Target("http/protobuf", "http://localhost:4318/v1/traces")
    assert target(settings(protocol="grpc"), "logs") == Target("grpc", "http://localhost:4317")


def test_the_general_endpoint_gets_the_signals_path(monkeypatch):
    """OTEL_EXPORTER_OTLP_ENDPOINT is a base; the signal's path is added once, with or without a slash at its end."""
    for given in ("http://c:1/otlp", "http://c:1/otlp/"):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", given)
        assert target(settings(), "metrics").endpoint == "http://c:1/otlp/v1/metrics"
    assert target(settings(endpoint="http://c:1/v1/traces"), "traces").endpoint == "http://c:1/v1/traces"


def test_a_signals_own_variables_beat_the_general_ones(monkeypatch):
    """OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is taken as it stands, and only for traces; so is its protocol."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://mine:2/here")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc")

    assert target(settings(), "traces").endpoint == "http://mine:2/here"
    assert target(settings(), "metrics").endpoint == "http://all:1/v1/metrics"
    assert target(settings(), "logs") == Target("grpc", "http://all:1")


def test_an_argument_beats_every_variable(monkeypatch):
    """What `configure(endpoint=…)` says holds for all signals, whatever the environment says."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://mine:2/here")

    assert target(settings(endpoint="http://said:3"), "traces").endpoint == "http://said:3/v1/traces"


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("localhost:4318", r"OTEL_EXPORTER_OTLP_ENDPOINT: found 'localhost:4318', expected .* Did you mean 'http://localhost:4318'"),
        ("ftp://c", "found 'ftp://c', expected a URL"),
        ("http://", "expected a URL"),
        ("http://c:port", "found 'http://c:port', expected a URL"),
        ("http://c:99999", "expected a URL"),
        ("http://[::1", "expected a URL"),
    ],
)  # fmt: skip
def test_an_endpoint_that_cannot_work_is_one_line(endpoint, message):
    """The message says what was found and what was expected, in one line."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        target(settings(endpoint=endpoint), "traces")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint", ["http://c:4317", "https://c:4317", "c:4317", "unix:///tmp/x", "dns:c:4317", "[::1]:4317"]
)
def test_grpc_takes_what_grpc_takes(endpoint):
    """Over gRPC an address needs no scheme."""
    assert target(settings(protocol="grpc", endpoint=endpoint), "traces").endpoint == endpoint


@pytest.mark.parametrize("endpoint", ["c", "c:port", "ftp://c:1", "http://c:99999", ":4317"])
def test_grpc_refuses_what_is_no_address(endpoint):
    """What gRPC could never reach is told at once."""
    with pytest.raises(ConfigurationError, match="expected an address such as http://localhost:4317"):
        target(settings(protocol="grpc", endpoint=endpoint), "traces")


def test_a_misspelt_protocol_is_told_with_the_right_one():
    """The protocol is one of two; a near miss gets its suggestion."""
    with pytest.raises(
        ConfigurationError, match=r"OTEL_EXPORTER_OTLP_PROTOCOL: found 'http/protobuff'.*Did you mean 'http/protobuf'"
    ):
        target(settings(protocol="http/protobuff"), "traces")
