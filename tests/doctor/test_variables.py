"""Variables that do not say what was meant."""

from __future__ import annotations

import pytest

from stagelight.config import load
from stagelight.doctor import variables

PROXY = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


def said(environ: dict[str, str]) -> list[tuple[str, str]]:
    """Verdicts and findings for these variables."""
    return [(found.verdict, found.found) for found in variables.check(environ, load(environ=environ))]


def test_nothing_odd_is_good() -> None:
    """A plain set of variables gives one good finding that counts them."""
    ((verdict, text),) = said({"OTEL_SERVICE_NAME": "shop", "STAGELIGHT_PORT": "4400", "HOME": "/"})

    assert verdict == "good"
    assert text.startswith("2 of")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("STAGELIGHT_TOKN", "STAGELIGHT_TOKEN"),
        ("OTEL_EXPORTER_OLTP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("TRACE_LOGFILE", "TRACE_LOG_FILE"),
        ("PROMETHEUS_PROT", "PROMETHEUS_PORT"),
    ],
)
def test_a_misspelt_name_is_told_with_the_right_one(wrong: str, meant: str) -> None:
    """A variable that nothing reads is a silent mistake; the finding names the one that was meant."""
    ((verdict, text),) = said({wrong: "1"})

    assert verdict == "warning"
    assert f"Did you mean {meant!r}?" in text


@pytest.mark.parametrize(
    "name", ["PROMETHEUS_MULTIPROC_DIR", "TRACE_ME", "OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_JAEGER_ENDPOINT"]
)
def test_names_of_others_are_left_alone(name: str) -> None:
    """What other programs read is no mistake of ours."""
    assert [verdict for verdict, _ in said({name: "1"})] == ["good"]


def test_a_configuration_file_is_told() -> None:
    """With OTEL_CONFIG_FILE OpenTelemetry ignores the other variables, and we ignore the file: people must choose."""
    ((verdict, text),) = said({"OTEL_CONFIG_FILE": "/etc/otel.yaml"})

    assert verdict == "warning"
    assert "OTEL_CONFIG_FILE=/etc/otel.yaml" in text


def test_telemetry_that_is_off_is_told() -> None:
    """OTEL_SDK_DISABLED explains why nothing arrives."""
    assert said({"OTEL_SDK_DISABLED": "true"}) == [("warning", "OTEL_SDK_DISABLED is on: nothing is recorded")]


def test_a_silent_signal_is_told() -> None:
    """An exporter called none sends nothing, for each signal."""
    texts = [text for _, text in said({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"})]

    assert [text.split()[0] for text in texts] == ["OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"]


@pytest.mark.parametrize(
    ("value", "protocol", "verdict"),
    [
        ("http://collector:4318", "http/protobuf", "warning"),
        ("http://collector:4318/v1/traces", "http/protobuf", "good"),
        ("http://collector:4318/v1/traces/", "http/protobuf", "good"),
        ("http://collector:4317", "grpc", "good"),
    ],
)
def test_a_signal_endpoint_needs_its_path_over_http(value: str, protocol: str, verdict: str) -> None:
    """OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is used as it stands, so without /v1/traces it leads nowhere; gRPC has no path."""
    environ = {PROXY: value, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}

    assert [found for found, _ in said(environ)] == [verdict]
