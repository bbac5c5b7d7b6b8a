"""What `opentelemetry-instrument` finds of us: `OTEL_PYTHON_DISTRO=stagelight opentelemetry-instrument python app.py`.

Being installed chooses nothing: unless that variable names us we step aside, so that another distro, or none, is used.
"""

from __future__ import annotations

import logging
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from stagelight import _guard, config
from stagelight.config import suggest, variable
from stagelight.errors import StagelightError
from stagelight.setup.compose import configure
from stagelight.setup.local import append
from stagelight.telemetry.convert import record

try:
    from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]  # that file opts out of types
except (
    ImportError
):  # the extra `auto` is not installed; then nobody asks for a distro, but the exporter below stands alone
    BaseDistro = object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

NAME = "stagelight"
DISTRO = "OTEL_PYTHON_DISTRO"
CONFIGURATOR = "OTEL_PYTHON_CONFIGURATOR"
DEFAULT_TRACE_FILE = "traces.jsonl"

_log = logging.getLogger("stagelight")


def chosen() -> bool:
    """Whether the variables name us."""
    return NAME in (variable(DISTRO), variable(CONFIGURATOR))


class StagelightDistro(BaseDistro):  # type: ignore[misc]  # a class without types, or `object` where it is not installed
    """Has `opentelemetry-instrument` configure stagelight, and instrument the libraries that it knows."""

    def __new__(cls, *arguments: Any, **others: Any) -> Any:
        """Return no distro at all where another was not ruled out: the loader then looks further."""
        if not chosen():
            return object()
        return super().__new__(cls, *arguments, **others)

    def _configure(self, **_others: Any) -> None:
        """Choose our configurator too, unless a variable has chosen another."""
        suggest(CONFIGURATOR, NAME)


class StagelightConfigurator:
    """Calls `configure()` before the program's first line."""

    def configure(self, **arguments: Any) -> None:
        """Configure telemetry from the environment.

        Nobody is there yet to whom an error could be raised: a setting that cannot be used is told in one line, and the
        program runs without telemetry.
        """
        if not chosen():
            _another(arguments)
            return
        try:
            configure()
        except StagelightError as error:
            _log.error("stagelight is off: %s", error)


class JournalSpanExporter(SpanExporter):
    """Writes spans to TRACE_LOG_FILE: `OTEL_TRACES_EXPORTER=stagelight_journal` for programs that configure the SDK by themselves."""

    def __init__(self) -> None:
        """Open the file that the settings name, `traces.jsonl` in the working folder if none."""
        from stagelight.journal import TraceFile

        settings = config.load()
        self._file = TraceFile(settings.trace_log_file or DEFAULT_TRACE_FILE, settings.trace_cleanup_hours)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append `spans`, a line for each trace."""
        with _guard.guard("setup"):
            append(self._file, [record(span) for span in spans])
            return SpanExportResult.SUCCESS
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Nothing is held open."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  nothing is waiting
        """Nothing is waiting."""
        return True


def _another(arguments: dict[str, Any]) -> None:
    """Leave the place to the first other configurator that is installed: the loader takes only one."""
    for entry in entry_points(group="opentelemetry_configurator"):
        if entry.name != NAME:
            entry.load()().configure(**arguments)
            return
