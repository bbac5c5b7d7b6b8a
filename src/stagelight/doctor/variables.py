"""Do the variables say what was meant?"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from stagelight import config
from stagelight.doctor.finding import Finding, good, warning
from stagelight.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.config import Settings

HOP: Final = "variables"
PREFIXES: Final = ("OTEL_", "STAGELIGHT_", "PROMETHEUS_", "TRACE_")
NEAR: Final = 0.9  #: Share of equal letters that two swapped or lost ones leave.
SIGNALS: Final = ("TRACES", "METRICS", "LOGS")
#: Read by others than us, and near enough to names of ours to be taken for mistakes.
KNOWN: Final = frozenset({"PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_DISABLE_CREATED_SERIES"})
OTLP: Final = tuple(
    f"OTEL_EXPORTER_OTLP_{signal}{what}"
    for signal in ("", "TRACES_", "METRICS_", "LOGS_")
    for what in ("ENDPOINT", "PROTOCOL", "HEADERS", "TIMEOUT", "COMPRESSION", "CERTIFICATE", "INSECURE")
)


def check(environ: Mapping[str, str], settings: Settings) -> list[Finding]:
    """Return what is odd about the variables; one good finding where nothing is."""
    found = [*_config_file(environ), *_off(settings), *_misspelt(environ), *_paths(environ)]
    number = sum(name.startswith(PREFIXES) for name in environ)
    return found or [good(HOP, f"{number} of OTEL_* and STAGELIGHT_* are set, none of them odd")]


def _config_file(environ: Mapping[str, str]) -> list[Finding]:
    path = environ.get("OTEL_CONFIG_FILE", "")
    if not path:
        return []
    return [
        warning(
            HOP,
            f"OTEL_CONFIG_FILE={path}: OpenTelemetry's own configurator reads it and then ignores the other OTEL_* variables; configure() does the opposite",
            "Choose one: unset it, or let the application set the providers and configure() adopts them.",
        )
    ]


def _off(settings: Settings) -> list[Finding]:
    if settings.disabled:
        return [warning(HOP, "OTEL_SDK_DISABLED is on: nothing is recorded", "Unset it.")]
    silent = [name for name in ("traces", "metrics") if set(getattr(settings, f"{name}_exporter")) <= {"none"}]
    return [
        warning(HOP, f"OTEL_{name.upper()}_EXPORTER is none: {name} go nowhere", "Unset it, or name otlp.")
        for name in silent
    ]


def _misspelt(environ: Mapping[str, str]) -> list[Finding]:
    known = {row.variable for row in config.table()} | KNOWN | set(OTLP)
    found: list[Finding] = []
    for name in sorted(set(environ) - known):
        # A name that begins as ours do is ours; any other is a mistake only where it is very near to one that is read.
        hint = did_you_mean(name, known) if name.startswith("STAGELIGHT_") or _near(name, known) else ""
        if hint or name.startswith("STAGELIGHT_"):
            found.append(warning(HOP, f"{name} is no variable that anything reads.{hint}", "Rename it or unset it."))
    return found


def _near(name: str, known: set[str]) -> bool:
    return name.startswith(PREFIXES) and bool(difflib.get_close_matches(name, known, n=1, cutoff=NEAR))


def _paths(environ: Mapping[str, str]) -> list[Finding]:
    found: list[Finding] = []
    for signal in SIGNALS:
        name, path = f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", f"/v1/{signal.lower()}"
        grpc = "grpc" in (
            environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"),
            environ.get("OTEL_EXPORTER_OTLP_PROTOCOL"),
        )
        value = environ.get(name, "").strip()
        if value and not grpc and not value.rstrip("/").endswith(path):
            found.append(
                warning(
                    HOP,
                    f"{name}={value} does not end in {path}, and is used as it stands",
                    f"Append {path}, or set OTEL_EXPORTER_OTLP_ENDPOINT, to which it is appended.",
                )
            )
    return found
