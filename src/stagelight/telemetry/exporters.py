"""From an exporter's name to the official exporter; nothing is imported before its name is chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from stagelight.config import variable
from stagelight.errors import ConfigurationError, did_you_mean
from stagelight.telemetry.endpoints import PROTOCOLS, target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.config import Settings
    from stagelight.telemetry.endpoints import Protocol, Signal

OWN = ("otlp", "console", "none")
CREDENTIALS = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER"

_OTLP: dict[tuple[str, Protocol], tuple[str, str]] = {
    ("traces", "http/protobuf"): ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "OTLPSpanExporter"),
    ("metrics", "http/protobuf"): ("opentelemetry.exporter.otlp.proto.http.metric_exporter", "OTLPMetricExporter"),
    ("logs", "http/protobuf"): ("opentelemetry.exporter.otlp.proto.http._log_exporter", "OTLPLogExporter"),
    ("traces", "grpc"): ("opentelemetry.exporter.otlp.proto.grpc.trace_exporter", "OTLPSpanExporter"),
    ("metrics", "grpc"): ("opentelemetry.exporter.otlp.proto.grpc.metric_exporter", "OTLPMetricExporter"),
    ("logs", "grpc"): ("opentelemetry.exporter.otlp.proto.grpc._log_exporter", "OTLPLogExporter"),
}
_CONSOLE = {
    "traces": ("opentelemetry.sdk.trace.export", "ConsoleSpanExporter"),
    "metrics": ("opentelemetry.sdk.metrics.export", "ConsoleMetricExporter"),
    "logs": ("opentelemetry.sdk._logs.export", "ConsoleLogRecordExporter"),
}
_VARIABLES = {"traces": "OTEL_TRACES_EXPORTER", "metrics": "OTEL_METRICS_EXPORTER", "logs": "OTEL_LOGS_EXPORTER"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """An exporter that was chosen and perhaps not yet made."""

    kind: type[Any]
    where: str  #: For people: an address, or the exporter's name.
    arguments: dict[str, Any] = field(default_factory=dict)
    ready: Any = None  #: The exporter itself, where it was handed to us ready-made.

    def make(self) -> Any:
        """Make the exporter."""
        return self.kind(**self.arguments) if self.ready is None else self.ready


def chosen(settings: Settings, signal: Signal, names: Iterable[str], *, others: tuple[str, ...] = ()) -> list[Chosen]:
    """Return the exporters called `names` for `signal`.

    Args:
        settings: Where OTLP goes.
        signal: traces, metrics or logs.
        names: As in OTEL_TRACES_EXPORTER; also the names that installed packages registered.
        others: More names that may stand there and are looked after elsewhere.

    Raises:
        ConfigurationError: A name, the protocol or the endpoint cannot be used.
    """
    return [
        _one(settings, signal, name, others) for name in dict.fromkeys(names) if name != "none" and name not in others
    ]


def _one(settings: Settings, signal: Signal, name: str, others: tuple[str, ...]) -> Chosen:
    if name == "otlp":
        found = target(settings, signal)
        kind = _class(*_OTLP[signal, found.protocol], wanted=f"the protocol {found.protocol!r}")
        return Chosen(kind, found.endpoint, {"endpoint": found.endpoint, **_session(found.protocol)})
    if name == "console":
        return Chosen(_class(*_CONSOLE[signal], wanted="console"), "console")
    group = f"opentelemetry_{signal}_exporter"
    for entry in entry_points(group=group, name=name):
        return Chosen(_class(*entry.value.split(":", 1), wanted=f"the exporter {name!r}"), name)
    known = sorted({*OWN, *others, *(entry.name for entry in entry_points(group=group))})
    hint = (
        " For OTLP over gRPC: otlp, with OTEL_EXPORTER_OTLP_PROTOCOL=grpc."
        if name in PROTOCOLS
        else did_you_mean(name, known)
    )
    raise ConfigurationError(f"{_VARIABLES[signal]}: found {name!r}, expected one of {known}.{hint}")


def _class(module: str, name: str, *, wanted: str) -> type[Any]:
    try:
        found: type[Any] = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"{wanted} cannot be loaded: {error}. Is its package installed?") from error
    return found


def _session(protocol: Protocol) -> dict[str, Any]:
    """A session that refuses redirects, which the exporter takes for success though nothing was delivered."""
    if protocol == "grpc" or variable(CREDENTIALS):
        return {}
    import requests

    session = requests.Session()
    session.hooks["response"].append(_refuse_redirect)
    return {"session": session}


def _refuse_redirect(response: Any, **_others: object) -> Any:
    if response.is_redirect or response.is_permanent_redirect:
        import requests

        response.close()
        raise requests.HTTPError(f"redirected to {response.headers.get('Location')}", response=response)
    return response
