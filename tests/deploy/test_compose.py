"""docker-compose.yml: valid, pinned, closed to other machines, and in order; .env.example says all that can be set."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import deployment
from deployment import EXAMPLE, compose, defaults, example, mistakes, read
from repository import ROOT
from stagelight import config

if TYPE_CHECKING:
    from pathlib import Path

PINNED = re.compile(r"[a-z][a-z0-9./-]*:v?\d+\.\d+(\.\d+)?")
LOOPBACK = re.compile(r"127\.0\.0\.1:(?P<outside>\d+):(?P<inside>\d+)")
SECRET = re.compile(r"TOKEN|PASSWORD|(SECRET|KEY)$")

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
ONCE = {"prepare", "token"}  #: They end, and others wait for that.
UNASKED = {"collector"}  #: Its image has no program to ask with; collector-health beside it does.


def test_it_is_a_compose_file() -> None:
    """Every word is one that Compose knows, with a value of the right kind."""
    assert mistakes(compose(), "compose") == []


def test_the_schema_notices_a_wrong_word() -> None:
    """A healthcheck that is spelled wrong would silently not be asked."""
    told = compose()
    told["services"]["grafana"]["health_check"] = told["services"]["grafana"].pop("healthcheck")
    told["services"]["tempo"]["depends_on"] = {"prometheus": {"condition": "healthy"}}

    assert len(mistakes(told, "compose")) == 2


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that reads a Compose file with Docker Compose's own library and the published schema in it."""
    go = shutil.which("go")
    if go is None:
        advice = "Go is not installed: apt-get install golang-go (1.24 or newer)"
        pytest.fail(advice) if os.environ.get("CI") == "true" else pytest.skip(advice)
    built = tmp_path_factory.mktemp("composecheck") / "composecheck"
    command = [go, "build", "-buildvcs=false", "-o", str(built), "."]
    subprocess.run(command, cwd=ROOT / "tests/deploy/composecheck", check=True, capture_output=True)
    return built


@pytest.mark.timeout(600)  # the library is fetched and built once; Go keeps it
def test_compose_s_own_library_reads_it(reader: Path) -> None:
    """What Docker Compose would say before it starts anything, for every profile."""
    done = subprocess.run([reader, ROOT / "docker-compose.yml", EXAMPLE], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{len(SERVICES)} services\n"


@pytest.mark.timeout(600)
def test_the_published_schema_notices_a_wrong_word(reader: Path, tmp_path: Path) -> None:
    """The same healthcheck, spelled wrong, is refused by the library too."""
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text((ROOT / "docker-compose.yml").read_text().replace("healthcheck:", "health_check:", 1))
    done = subprocess.run([reader, wrong, EXAMPLE], check=False, capture_output=True, text=True)

    assert done.returncode == 1
    assert "health_check" in done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    """The same file brings the same programs next year."""
    assert PINNED.fullmatch(SERVICES[name]["image"])


def test_the_collector_is_the_one_that_the_tests_run() -> None:
    """Image, builder manifests and Kubernetes name one version."""
    built = {
        str(read(deployment.COLLECTOR / name)["dist"]["version"]) for name in ("builder.yaml", "builder.slim.yaml")
    }
    manifests = "".join((deployment.COLLECTOR / "kubernetes" / f).read_text() for f in ("agent.yaml", "gateway.yaml"))
    run = re.findall(r"opentelemetry-collector-contrib:(\S+)", SERVICES["collector"]["image"] + "\n" + manifests)

    assert len(run) == 3
    assert built == set(run)


def test_only_this_machine_gets_in() -> None:
    """Every published port is on loopback, and one variable moves it."""
    moved = {name: str(20_000 + number) for number, name in enumerate(n for n in example() if n.endswith("_PORT"))}
    published = [port for service in compose(moved)["services"].values() for port in service.get("ports", ())]
    outside = [match["outside"] for port in published if (match := LOOPBACK.fullmatch(port))]

    assert len(outside) == len(published)
    assert sorted(outside) == sorted(moved.values())


@pytest.mark.parametrize(
    ("service", "outside"), [("prometheus", "9090"), ("alertmanager", "9093"), ("grafana", "3001"), ("tempo", "3200")]
)
def test_people_find_the_pages_where_they_are_used_to(service: str, outside: str) -> None:
    """Unless told otherwise, the ports are those of the contract."""
    ports = [LOOPBACK.fullmatch(port) for port in SERVICES[service]["ports"]]

    assert [port and port["outside"] for port in ports] == [outside]


def test_programs_send_to_it_as_to_the_local_page() -> None:
    """OTLP's own ports are the collector's: a program that sent to `stagelight serve` need not be told anything."""
    assert {"127.0.0.1:4317:4317", "127.0.0.1:4318:4318"} <= set(SERVICES["collector"]["ports"])


def test_everything_that_runs_is_asked_whether_it_is_well() -> None:
    """`up --wait` comes back when the stack works, not when its processes exist."""
    unasked = {name for name, service in SERVICES.items() if "healthcheck" not in service}

    assert unasked == ONCE | UNASKED
    assert SERVICES["collector-health"]["network_mode"] == "service:collector"


def test_waiting_is_for_something_that_happens() -> None:
    """Who waits for health waits for a program that is asked; who waits for the end, for one that ends."""
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other]
            assert (how["condition"] == "service_completed_successfully") == (other in ONCE)
            if "profiles" in SERVICES[other] and "profiles" not in service:
                assert how["required"] is False
    assert all("restart" not in SERVICES[name] for name in ONCE)
    assert all(SERVICES[name]["restart"] == "unless-stopped" for name in set(SERVICES) - ONCE - {"collector-health"})


def test_the_core_needs_no_profile() -> None:
    """`docker compose up` alone brings collector, Tempo, Prometheus, Alertmanager, Grafana and our server."""
    core = {name for name, service in SERVICES.items() if "profiles" not in service}

    assert {"collector", "tempo", "prometheus", "alertmanager", "grafana", "stagelight"} <= core
    assert {name: SERVICES[name]["profiles"] for name in set(SERVICES) - core} == {
        "redis": ["jobs"],
        "postgres": ["postgres"],
    }


def test_what_is_mounted_is_there() -> None:
    """Docker would make a folder in place of a file that is missing."""
    volumes = set()
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), mount
                assert mount.endswith(":ro"), mount
            else:
                volumes.add(source)
    assert volumes == set(compose()["volumes"])


def test_prometheus_takes_otlp_keeps_exemplars_and_reloads_when_told() -> None:
    """What the configuration and the README rely on is switched on, and nothing that nobody uses."""
    flags = {flag.partition("=")[0]: flag.partition("=")[2] for flag in SERVICES["prometheus"]["command"]}

    assert {"--web.enable-lifecycle", "--web.enable-otlp-receiver"} <= set(flags)
    assert flags["--enable-feature"] == "exemplar-storage"
    assert "--web.enable-remote-write-receiver" not in flags


def test_the_example_is_what_holds_without_it() -> None:
    """Copying .env.example changes nothing yet: it shows each variable with the default that it has."""
    read_by_compose = dict(defaults())
    shown = {name: value for name, value in example().items() if name != "COMPOSE_PROFILES"}

    assert shown == read_by_compose
    assert compose(example()) == compose()


def test_every_variable_is_explained() -> None:
    """Each has a comment in its paragraph, above it."""
    for paragraph in EXAMPLE.read_text(encoding="utf-8").split("\n\n"):
        lines = paragraph.strip().splitlines()
        assert lines[0].startswith("# "), lines[0]


@pytest.mark.parametrize("name", ["stagelight", "token"])
def test_our_own_variables_are_settings(name: str) -> None:
    """A variable that nobody reads is a wish."""
    known = {row.variable for row in config.table()} | {"PGPASSFILE", "STAGELIGHT_RUN_DIR"}

    assert set(SERVICES[name]["environment"]) <= known


def test_the_collector_and_its_preparation_read_what_they_are_given() -> None:
    """No variable of theirs is misspelled."""
    collector = (deployment.COLLECTOR / "collector.yaml").read_text(encoding="utf-8")
    prepare = (deployment.COLLECTOR / "prepare.py").read_text(encoding="utf-8")

    for name in SERVICES["collector"]["environment"]:
        assert f"${{env:{name}" in collector, name
    for name in SERVICES["prepare"]["environment"]:
        assert re.search(rf'"(STAGELIGHT_)?{name.removeprefix("STAGELIGHT_")}"', prepare), name


def test_secrets_are_in_files() -> None:
    """What `docker inspect` and `ps` show holds no secret: a variable names the file at most."""
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable):
                assert value.startswith(("/run/stagelight/", "${file:/run/stagelight/")), f"{name}: {variable}"
    assert not [name for name in example() if SECRET.search(name)]


def test_few_may_do_much() -> None:
    """Programs drop every capability, but those that start as root to become another user; none gains any."""
    assert {name for name, service in SERVICES.items() if "cap_drop" not in service} == {"redis", "postgres", *ONCE}
    assert all(
        service["security_opt"] == ["no-new-privileges:true"] for n, service in SERVICES.items() if n not in ONCE
    )
    assert {name for name, service in SERVICES.items() if service.get("user")} == ONCE
