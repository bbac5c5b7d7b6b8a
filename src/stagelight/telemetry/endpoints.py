"""Where OTLP goes and how it is spoken, for each signal, and where /metrics is served; what cannot work is told in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urlsplit

from stagelight.config import variable
from stagelight.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from stagelight.config import Settings

Signal = Literal["traces", "metrics", "logs"]
Protocol = Literal["http/protobuf", "grpc"]

PROTOCOLS = ("http/protobuf", "grpc")
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
DEFAULTS = {"http/protobuf": "http://localhost:4318", "grpc": "http://localhost:4317"}
PAGE_PORT = 9464  #: Where OpenTelemetry serves /metrics unless told.
GRPC_SCHEMES = ("http", "https", "unix", "dns", "ipv4", "ipv6", "xds")


@dataclass(frozen=True, slots=True)
class Target:
    """Where one signal is sent."""

    protocol: Protocol
    endpoint: str  #: As the exporter takes it: over HTTP with the signal's path.


def target(settings: Settings, signal: Signal) -> Target:
    """Return where `signal` goes: an argument of `configure()` beats the signal's own variable, which beats the general one.

    Raises:
        ConfigurationError: The protocol or the endpoint cannot be used.
    """
    name, found = _chosen(settings.protocol, "OTEL_EXPORTER_OTLP_PROTOCOL", signal, "http/protobuf")
    if found not in PROTOCOLS:
        raise ConfigurationError(
            f"{name}: found {found!r}, expected one of {PROTOCOLS}.{did_you_mean(found, PROTOCOLS)}"
        )
    protocol = cast("Protocol", found)
    name, endpoint = _chosen(settings.endpoint, ENDPOINT, signal, "")
    endpoint = endpoint or DEFAULTS[protocol]
    if protocol == "grpc":
        return Target(protocol, _grpc(name, endpoint))
    url = _http(name, endpoint)
    whole = name != ENDPOINT or url.endswith(f"/v1/{signal}")
    return Target(protocol, url if whole else f"{url.removesuffix('/')}/v1/{signal}")


def page_address(settings: Settings) -> tuple[str, int] | None:
    """Return where /metrics is wanted, or None: PROMETHEUS_PORT, or the exporter `prometheus` at OpenTelemetry's own port."""
    host = settings.prometheus_host
    if settings.prometheus_port:
        return host, settings.prometheus_port
    if "prometheus" not in settings.metrics_exporter:
        return None
    port = variable("OTEL_EXPORTER_PROMETHEUS_PORT", str(PAGE_PORT))
    if not port.isdigit():
        raise ConfigurationError(f"OTEL_EXPORTER_PROMETHEUS_PORT: found {port!r}, expected a port such as {PAGE_PORT}")
    return variable("OTEL_EXPORTER_PROMETHEUS_HOST", host), int(port)


def _chosen(given: str, general: str, signal: Signal, default: str) -> tuple[str, str]:
    """The variable that decides, and its value; `given` is an argument where it is neither the variable's nor the default."""
    own = general.replace("OTLP_", f"OTLP_{signal.upper()}_")
    if given in ("", default, variable(general)) and variable(own):
        return own, variable(own)
    return general, given or default


def _http(name: str, endpoint: str) -> str:
    """Check a URL; `name` is where it comes from."""
    scheme, host = _parsed(endpoint)
    if scheme in ("http", "https") and host:
        return endpoint
    hint = "" if "://" in endpoint else f" Did you mean 'http://{endpoint}'?"
    raise ConfigurationError(f"{name}: found {endpoint!r}, expected a URL such as {DEFAULTS['http/protobuf']}.{hint}")


def _grpc(name: str, endpoint: str) -> str:
    """Check an address for gRPC, which may also be `host:port` alone."""
    scheme, mark, rest = endpoint.partition("://")
    if mark and scheme in GRPC_SCHEMES and rest and (scheme not in ("http", "https") or _parsed(endpoint)[1]):
        return endpoint
    host, _, port = endpoint.rpartition(":")
    if not mark and ((host and port.isdigit()) or scheme.split(":")[0] in GRPC_SCHEMES):
        return endpoint
    raise ConfigurationError(f"{name}: found {endpoint!r}, expected an address such as {DEFAULTS['grpc']}")


def _parsed(endpoint: str) -> tuple[str, str]:
    """Scheme and host of a URL, both empty where it is none or its port is no port."""
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        return "", ""
    return (parts.scheme, parts.hostname or "") if port != 0 else ("", "")
