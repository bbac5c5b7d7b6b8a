"""What all tests share: a clean environment, the programs some of them need, and the time each folder may take."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry._logs import _internal as logs
from opentelemetry.metrics import _internal as metrics

from stagelight import _guard
from stagelight.store import current, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postgres import Postgres
    from stagelight.store import Store
    from stagelight.telemetry.pipeline import Telemetry

ROOT = Path(__file__).parent.parent

PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "redis-server": "redis-server",
    "postgres": "postgresql",
    "initdb": "postgresql",
    "chromium": "chromium",
}  #: Program -> the Debian package that brings it; `.ci/run` installs the same ones.

BUDGETS = {"faults": 240, "stack": 180, "differential": 120, "browser": 90, "statistics": 90}
REST_BUDGET = 180  #: Seconds, for all other folders together.

# A test that asks a server waits as long as it takes: on a busy machine httpx's own five seconds can be too short.
for _name in ("connect", "read", "write", "pool"):
    setattr(httpx.get.__kwdefaults__["timeout"], _name, 60.0)

GLOBALS = (
    (trace, "_TRACER_PROVIDER", "_TRACER_PROVIDER_SET_ONCE"),
    (metrics, "_METER_PROVIDER", "_METER_PROVIDER_SET_ONCE"),
    (logs, "_LOGGER_PROVIDER", "_LOGGER_PROVIDER_SET_ONCE"),
)  #: Where OpenTelemetry's API keeps the providers of the process, and that they were set.


def installed(name: str) -> str | None:
    """Where the program `name` is; Debian keeps PostgreSQL's server off the path."""
    found = shutil.which(name)
    if found is None and name in {"postgres", "initdb", "pg_ctl"}:
        found = next((str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)
    return found


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Find a program that a test runs: `program("promtool")` is its path.

    Where it is missing the test is skipped with the line that installs it; with CI=true it fails, because there a
    skipped test would pass for a proven one.
    """

    def find(name: str) -> str:
        found = installed(name)
        if found is not None:
            return found
        advice = f"{name} is not installed: apt-get install {PACKAGES.get(name, name)}"
        if os.environ.get("CI") == "true":
            pytest.fail(advice)
        pytest.skip(advice)

    return find


@pytest.fixture(scope="session")
def postgres(program: Callable[[str], str]) -> Iterator[Postgres]:
    """A PostgreSQL server for the whole run; `postgres.create("name")` gives an empty database's address."""
    from postgres import postgres as prepared  # the driver is loaded by those who ask

    server = prepared(program)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def using() -> Iterator[Callable[..., Telemetry]]:
    """Build telemetry of settings and use it until the test ends: `using(endpoint=…, sinks=[…])`."""
    from telemetries import telemetry_of  # exporters are loaded by those who ask

    with ExitStack() as stack:

        def use(
            *, sinks: Any = (), span_exporter: Any = None, metric_readers: Any = None, **settings: Any
        ) -> Telemetry:
            parts = {"sinks": sinks, "span_exporter": span_exporter, "metric_readers": metric_readers}
            return stack.enter_context(telemetry_of(settings, **parts))

        yield use


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables and nothing in them: copying it is quicker than migrating anew for each test."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    open_store(path).close()
    return path


@pytest.fixture
def path(empty_store: Path, tmp_path: Path) -> Path:
    """The file of this test's store."""
    return Path(shutil.copy(empty_store, tmp_path / "test.db"))


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A new store in a file."""
    with open_store(path) as opened:
        yield opened


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(autouse=True, scope="session")
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither the developer's telemetry settings nor their state folder take part in a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            if name.startswith(
                ("OTEL_", "STAGELIGHT_", "PROMETHEUS_", "TRACE_", "RL_FEEDBACK_", "ENABLE_TRAJ", "DRIFT_")
            ):
                patch.delenv(name)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _no_provider_is_left_behind() -> Iterator[None]:
    """OpenTelemetry's providers can be set once in a process; what a test sets, the next one shall not find."""
    before = [getattr(module, name) for module, name, _ in GLOBALS]
    yield
    for (module, name, once), value in zip(GLOBALS, before, strict=True):
        if getattr(module, name) is not value:
            setattr(module, name, value)
            getattr(module, once)._done = value is not None


@pytest.fixture(autouse=True)
def _no_state_is_left_behind() -> None:
    """What an earlier test had the guard count, the process work on, or routers learn, is none of the next one's."""
    _guard.forget()
    current.use(None)
    registry = sys.modules.get("stagelight.routing.registry")
    if registry is not None:
        registry.forget()


def pytest_collection_finish() -> None:
    """Keep the collector from going through modules and thousands of tests, which nothing frees, at every turn."""
    gc.collect()
    gc.freeze()


def folder_of(nodeid: str) -> str:
    """The folder of tests/ that has a budget of its own, else `rest`.

    >>> folder_of("tests/faults/test_exit.py::test_sigterm"), folder_of("tests/store/test_rows.py::test_twice")
    ('faults', 'rest')
    """
    parts = nodeid.split("::", maxsplit=1)[0].split("/")
    return parts[1] if len(parts) > 1 and parts[1] in BUDGETS else "rest"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how much of the run each folder took, against its budget; processes side by side share the time."""
    seconds: Counter[str] = Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if isinstance(report, pytest.TestReport):
            seconds[folder_of(report.nodeid)] += report.duration
    if not seconds:
        return
    processes = getattr(config.option, "numprocesses", None) or 1
    terminalreporter.section(f"seconds by folder, against their budget (tests' time over {processes} side by side)")
    for folder in (*BUDGETS, "rest"):
        if folder in seconds:
            budget, took = BUDGETS.get(folder, REST_BUDGET), seconds[folder] / processes
            terminalreporter.write_line(f"{folder:>12} {took:7.1f} of {budget}{'   OVER' if took > budget else ''}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes texts that the code prints, instead of comparing them."""
    parser.addoption("--update-golden", action="store_true", help="write golden texts instead of comparing them")
