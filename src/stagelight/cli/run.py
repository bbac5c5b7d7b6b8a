"""`stagelight run app.py`: the page in this process, the program in a child with telemetry on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from stagelight import config
from stagelight.cli import output, serving
from stagelight.cli.admission import admitted, headers
from stagelight.cli.problem import OUT_OF_REACH, Problem
from stagelight.cli.signals import handled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from stagelight.web.server import Serving

EVERY_MS: Final = "1000"  #: Between two exports of metrics; somebody is looking.
SPANS_MS: Final = "500"
SIGNALS: Final = ("TRACES", "METRICS", "LOGS")

EPILOG = """\b
Examples:
  stagelight run app.py --size 3       everything after app.py is the program's
  stagelight run -m package.module     as python -m
  stagelight run uvicorn shop:app      an installed Python script
  stagelight run --once batch.py       end with the program, with its exit code"""


@click.command(epilog=EPILOG, context_settings={"allow_interspersed_args": False})
@click.option("--once", is_flag=True, help="End when the program ends, instead of keeping the page open.")
@click.option("-m", "as_module", is_flag=True, help="The target is a module, as for python -m.")
@serving.page_options
@click.argument("target")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def run(
    context: click.Context,
    *,
    target: str,
    arguments: tuple[str, ...],
    host: str | None,
    port: int | None,
    store: str | None,
    once: bool,
    as_module: bool,
) -> None:
    """Run TARGET with telemetry on, and show its traces and stages on a local page.

    Spans and metrics are sent every second. The exit code is the program's. The page stays until Ctrl-C.
    """
    command = command_line(target, arguments, as_module=as_module)
    settings = serving.page_settings(host, port, store)
    from stagelight.web import server  # a wrong target should be told before the framework is loaded

    with admitted(settings) as token, server.running(settings) as found:
        serving.tell(found)
        child = _Child(command, program_variables(config.variables(), found, token=token))
        with handled(child.told):
            code = child.ended()
            if not once:
                output.note(f"{output.safe(target)} ended with {code}. The page stays on {found.url} until Ctrl-C.")
                child.stop.wait()
    if once:
        output.note("Its traces are kept; `stagelight serve` shows them.")
    context.exit(code)


def command_line(target: str, arguments: tuple[str, ...], *, as_module: bool) -> list[str]:
    """Return what the child is started with: our shim for Python, the command itself for any other program.

    Raises:
        Problem: There is no such file or command.
    """
    shim = [sys.executable, "-m", "stagelight.cli.program"]
    if as_module:
        return [*shim, "-m", target, *arguments]
    path = Path(target)
    if path.is_dir() or path.suffix == ".py":
        if not path.exists():
            raise Problem(f"no file {target!r} here ({Path.cwd()}). Check the path.")
        return [*shim, target, *arguments]
    found = str(path) if path.is_file() else shutil.which(target)
    if found is None:
        raise Problem(f"no file and no command {target!r}. Is it a module? `stagelight run -m {target}`")
    return [*shim, found, *arguments] if _is_python(Path(found)) else [found, *arguments]


def _is_python(path: Path) -> bool:
    """Whether Python runs this file: by its `#!` line, or for want of any sign that something else does."""
    with path.open("rb") as file:
        first = file.readline(256)
    if first.startswith(b"#!"):
        return b"python" in first
    return not first.startswith(b"\x7fELF")


def program_variables(environ: Mapping[str, str], found: Serving, *, token: str = "") -> dict[str, str]:
    """Return `environ` for the program: all it sends goes to the page, soon; a proxy does not stand between."""
    unwanted = {"OTEL_SDK_DISABLED", "OTEL_CONFIG_FILE", "STAGELIGHT_STORE", "OTEL_EXPORTER_OTLP_HEADERS"}
    for name in SIGNALS:
        unwanted |= {f"OTEL_EXPORTER_OTLP_{name}_{what}" for what in ("ENDPOINT", "PROTOCOL", "HEADERS")}
    mine = {name: value for name, value in environ.items() if name not in unwanted}
    mine |= {f"OTEL_{name}_EXPORTER": "otlp" for name in SIGNALS}
    if token:
        mine["OTEL_EXPORTER_OTLP_HEADERS"] = headers(token)
        mine["STAGELIGHT_TOKEN"] = token
    mine["OTEL_EXPORTER_OTLP_ENDPOINT"] = found.url
    mine["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
    mine["OTEL_METRIC_EXPORT_INTERVAL"] = EVERY_MS
    mine["OTEL_BSP_SCHEDULE_DELAY"] = SPANS_MS
    mine["OTEL_BLRP_SCHEDULE_DELAY"] = SPANS_MS
    mine["STAGELIGHT_URL"] = found.url
    for name in ("NO_PROXY", "no_proxy"):
        mine[name] = ",".join(filter(None, (mine.get(name), "127.0.0.1", "localhost", found.host)))
    return mine


class _Child:
    """The program, and who is meant by a signal: first the program, then the page."""

    def __init__(self, command: list[str], variables: Mapping[str, str]) -> None:
        self.stop = threading.Event()
        try:
            self._process = subprocess.Popen(command, env=dict(variables))  # noqa: S603  the user's own command
        except OSError as error:
            raise Problem(f"{command[0]}: {error.strerror}. Is it executable?", code=OUT_OF_REACH) from error

    def told(self, number: int, _: FrameType | None) -> None:
        """Take a signal."""
        if self._process.poll() is not None:
            self.stop.set()
        elif number != signal.SIGINT:
            # Ctrl-C reaches the program by itself, as it shares our terminal; it must not end the page before the
            # program has sent its last spans. A service manager means both of us, and says so once.
            self._process.send_signal(number)
            self.stop.set()

    def ended(self) -> int:
        """Wait for the program and return its exit code, 128 + n where signal n ended it."""
        code = self._process.wait()
        return code if code >= 0 else 128 - code
