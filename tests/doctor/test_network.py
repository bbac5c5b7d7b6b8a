"""The way to the endpoint: what is wrong with it is found before anything is sent."""

from __future__ import annotations

import socket

import pytest

from ports import free_port
from servers import black_hole
from stagelight.config import load
from stagelight.doctor import network
from stagelight.doctor.network import Place
from stagelight.telemetry.endpoints import Target


def place(url: str = "http://127.0.0.1:4318/v1/traces", protocol: str = "http/protobuf") -> Place:
    """Where OTLP goes, by its URL."""
    host, _, port = url.partition("://")[2].split("/")[0].rpartition("@")[2].rpartition(":")
    return Place(Target(protocol, url), host.strip("[]"), int(port))  # type: ignore[arg-type]  # a Protocol


@pytest.mark.parametrize(
    ("endpoint", "protocol", "verdict"),
    [
        ("http://localhost:4318", "http/protobuf", "good"),
        ("http://localhost:4317", "grpc", "good"),
        ("http://localhost:4318", "grpc", "warning"),
        ("http://localhost:4317", "http/protobuf", "warning"),
        ("https://127.0.0.1:4318", "http/protobuf", "warning"),
        ("https://collector.example:443", "http/protobuf", "good"),
        ("localhost:4318", "http/protobuf", "failure"),
        ("http://localhost:4318", "http/protbuf", "failure"),
    ],
)
def test_port_and_protocol_must_fit(endpoint: str, protocol: str, verdict: str) -> None:
    """4317 speaks gRPC and 4318 HTTP; TLS to this machine is suspicious; what is no address at all fails."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        found, where = network.endpoint(load())

    assert found.verdict == verdict
    assert (where is None) == (verdict == "failure")


@pytest.mark.parametrize(
    ("endpoint", "protocol", "host", "port"),
    [
        ("https://collector.example", "http/protobuf", "collector.example", 443),
        ("http://collector.example", "http/protobuf", "collector.example", 80),
        ("collector.example:4317", "grpc", "collector.example", 4317),
        ("http://[::1]:4318", "http/protobuf", "::1", 4318),
    ],
)
def test_host_and_port_are_read_from_the_endpoint(endpoint: str, protocol: str, host: str, port: int) -> None:
    """Where no port is given it is the scheme's; gRPC may leave the scheme out."""
    _, where = network.endpoint(load(environ={}, endpoint=endpoint, protocol=protocol))

    assert where is not None
    assert (where.host, where.port) == (host, port)


def test_a_password_in_the_endpoint_is_not_repeated() -> None:
    """What the server is asked by later leaves the credentials of a URL out."""
    there = place("http://me:secret@127.0.0.1:4318/v1/traces")

    assert (there.base, there.shown) == ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces")
    assert place().shown == "http://127.0.0.1:4318/v1/traces"


def test_a_name_is_looked_up() -> None:
    """The addresses behind the name are shown."""
    assert network.name(place()).found == "127.0.0.1 is 127.0.0.1"


def test_an_unknown_name_is_a_failure() -> None:
    """`.invalid` never resolves; the finding names the host."""
    found = network.name(place("http://nowhere.invalid:4318/v1/traces"))

    assert found.verdict == "failure"
    assert found.found.startswith("nowhere.invalid: ")


def test_localhost_that_is_another_machine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver or hosts file that sends localhost elsewhere is found."""
    other = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 4318))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: other)

    found = network.name(place("http://localhost:4318/v1/traces"))

    assert (found.verdict, found.found) == ("warning", "localhost means 192.0.2.7 here")


def test_a_silent_resolver_does_not_hold_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the resolver never answers the check ends all the same, and says so."""
    monkeypatch.setattr(network, "NAME_SECONDS", 0.0)
    monkeypatch.setattr(network.threading.Thread, "start", lambda _: None)
    monkeypatch.setattr(network.threading.Thread, "join", lambda *_: None)

    assert "no answer from the resolver" in network.name(place()).found


@pytest.mark.parametrize(
    ("environ", "verdict"),
    [
        ({}, "good"),
        ({"HTTP_PROXY": "http://proxy:3128"}, "failure"),
        ({"all_proxy": "socks5://proxy:1080"}, "failure"),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "good"),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "localhost,127.0.0.1"}, "good"),
        ({"HTTP_PROXY": "http://proxy:3128", "no_proxy": "127.0.0.0/8"}, "good"),
        ({"HTTP_PROXY": "http://proxy:3128", "no_proxy": "10.0.0.0/8"}, "failure"),
        ({"HTTP_PROXY": "http://proxy:3128", "no_proxy": "*"}, "good"),
    ],
)
def test_a_proxy_that_captures_this_machine_is_a_failure(environ: dict[str, str], verdict: str) -> None:
    """Requests to loopback through a proxy end at the proxy's own loopback; NO_PROXY prevents it, as names or ranges."""
    assert network.proxy(place(), environ).verdict == verdict


def test_a_proxy_on_the_way_to_another_machine_is_a_warning() -> None:
    """It may be meant; the advice says how to go around it."""
    found = network.proxy(place("http://collector:4318/v1/traces"), {"http_proxy": "http://proxy:3128"})

    assert (found.verdict, found.advice) == ("warning", "Where that is not meant: NO_PROXY=collector")


def test_grpc_has_its_own_proxy_variables() -> None:
    """GRPC reads grpc_proxy and no_grpc_proxy, which HTTP does not."""
    there = place("http://localhost:4317", "grpc")

    assert network.proxy(there, {"grpc_proxy": "http://proxy:3128"}).verdict == "failure"
    assert network.proxy(there, {"grpc_proxy": "http://proxy:3128", "no_grpc_proxy": "localhost"}).verdict == "good"


def test_an_open_port_is_good_and_a_closed_one_is_not() -> None:
    """A connection is really opened; where it is refused the advice is to start a server."""
    with black_hole() as url:
        assert network.connection(place(f"{url}/v1/traces")).verdict == "good"
    refused = network.connection(place(f"http://127.0.0.1:{free_port()}/v1/traces"))

    assert (refused.verdict, "Connection refused" in refused.found) == ("failure", True)
    assert "stagelight serve" in refused.advice


def test_an_address_that_swallows_packets_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing answers at all the check gives up and suspects a firewall."""

    def silence(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", silence)

    assert "firewall" in network.connection(place()).advice
