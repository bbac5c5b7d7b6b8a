"""The real programs of the pipeline on free ports of loopback; gone when the test is, with the end of their logs beside a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import stack_collector
import stack_prometheus
from ports import free_ports
from stack import TAIL, Server
from stack_backend import Backend
from stack_certificates import Certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from stack_collector import Collector
    from stack_prometheus import Alertmanager, Prometheus, Webhook


SOON = "retry_on_failure: {max_interval: 1s}"  #: So that tests need not wait ten seconds for the next try.


def ended(*servers: Server) -> None:
    """End `servers`, and print what they said last; pytest shows it where the test failed."""
    for server in servers:
        server.kill()
        print(f"--- {server.name}\n{server.said[-TAIL:]}")


@pytest.fixture(scope="session")
def collector_program() -> str:
    """The collector that `make collector` built; where it is missing the test is skipped, and fails with CI=true."""
    return stack_collector.built()


@pytest.fixture
def collector(collector_program: str, tmp_path: Path) -> Iterator[Callable[..., Collector]]:
    """Start collectors: `collector("collector.yaml", overlays=[…], STAGELIGHT_TRACES_ENDPOINT=url)`."""
    started: list[Collector] = []

    def start(*files: str, **more: object) -> Collector:
        made = stack_collector.collector(collector_program, tmp_path, *files, **more)
        started.append(made)
        made.server.start()
        return made

    yield start
    ended(*(one.server for one in started))
    for one in started:
        assert "deprecated" not in one.server.said, one.server.said


@pytest.fixture(scope="module")
def redis(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Redis server and a client of it; `redis.server` can be killed and started again, empty."""
    (port,) = free_ports(1)
    from redis import Redis, RedisError  # an extra

    client: Any = Redis(port=int(port), decode_responses=True, socket_timeout=2)
    folder = tmp_path_factory.mktemp("redis")

    def ready() -> bool:
        try:
            return bool(client.ping())
        except (ConnectionError, RedisError):
            return False

    command = [program("redis-server"), "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    client.server = Server(command, log=folder / "redis.log", ready=ready)
    client.url = f"redis://127.0.0.1:{port}/0"
    client.server.start()
    yield client
    client.close()
    client.server.kill()


@pytest.fixture(scope="session")
def certificates(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, a certificate for the gateways, and the token that agents show."""
    return Certificates.made(program("openssl"), tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tier(
    collector: Callable[..., Collector], certificates: Certificates
) -> Callable[..., tuple[Collector, list[Collector]]]:
    """Start an agent before a gateway for each of some backends.

    `agent, gateways = tier([one, two])` starts three collectors.
    `on_top` are files and `overlays` settings on top of gateway.yaml.
    """

    def start(
        backends: Sequence[Backend], on_top: Sequence[str] = (), overlays: Sequence[str] = (), **variables: str
    ) -> tuple[Collector, list[Collector]]:
        variables |= certificates.variables
        gateways = [
            collector(
                "gateway.yaml",
                *on_top,
                name=f"gateway-{number}",
                overlays=[f"exporters::otlp_http/traces::{SOON}", *overlays],
                HOSTNAME=f"gateway-{number}",
                STAGELIGHT_TRACES_ENDPOINT=backend.url,
                STAGELIGHT_RELAY_ENDPOINT=backend.url,
                **variables,
            )
            for number, backend in enumerate(backends)
        ]
        listed = f"static: {{hostnames: [{', '.join(gateway.grpc for gateway in gateways)}]}}"
        agent = collector(
            "agent.yaml",
            name="agent",
            overlays=[
                f"exporters::{balancer}::{setting}"
                for balancer in ("load_balancing", "load_balancing/metrics", "load_balancing/alerts")
                # There is no name server: the list stands in for what the headless service's name resolves to.
                for setting in (f"resolver: {{dns: null, {listed}}}", SOON)
            ],
            **variables,
        )
        return agent, gateways

    return start


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Callable[..., Backend]]:
    """Start trace backends: `backend("one")`."""
    started: list[Backend] = []

    def start(name: str = "backend") -> Backend:
        started.append(Backend(tmp_path, name))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.close()
    ended(*(one.server for one in started))


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A receiver of Alertmanager's messages on loopback."""
    with stack_prometheus.webhook() as heard:
        yield heard


@pytest.fixture
def prometheus(program: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[..., Prometheus]]:
    """Start Prometheus: `prometheus({"collector": "127.0.0.1:1234"}, alertmanager=url, rules=[path])`."""
    started: list[Prometheus] = []

    def start(targets: Mapping[str, str] | None = None, **more: Any) -> Prometheus:
        made = stack_prometheus.prometheus(program("prometheus"), tmp_path, targets=targets, **more)
        started.append(made)
        made.server.start()
        return made

    yield start
    ended(*(one.server for one in started))


@pytest.fixture
def alertmanager(
    program: Callable[[str], str], tmp_path: Path, webhook: Webhook
) -> Iterator[Callable[..., Alertmanager]]:
    """Start Alertmanager, whose receivers all post to `webhook`: `alertmanager()`."""
    started: list[Alertmanager] = []

    def start(**more: Any) -> Alertmanager:
        made = stack_prometheus.alertmanager(program("prometheus-alertmanager"), tmp_path, webhook=webhook.url, **more)
        started.append(made)
        made.server.start()
        return made

    yield start
    ended(*(one.server for one in started))
