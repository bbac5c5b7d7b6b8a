"""The way to the endpoint: port and protocol, name, proxy, connection."""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed leaves it out

from stagelight.doctor.finding import Finding, failure, good, warning
from stagelight.errors import ConfigurationError
from stagelight.telemetry.endpoints import Target, target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.config import Settings

NAME_SECONDS: Final = 5.0  #: A resolver that is away keeps silent for longer.
CONNECT_SECONDS: Final = 2.0
USUAL: Final = {"grpc": 4317, "http/protobuf": 4318}
PROXIES: Final = {
    "http": ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"),
    "https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
    "grpc": ("grpc_proxy", "https_proxy", "http_proxy"),
}


class Place(NamedTuple):
    """Where OTLP goes."""

    target: Target
    host: str
    port: int

    @property
    def base(self) -> str:
        """The server's address, without OTLP's path and without a password."""
        parts = urlsplit(self.target.endpoint)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def shown(self) -> str:
        """The endpoint as it may be printed."""
        user, mark, rest = self.target.endpoint.rpartition("@")
        return f"{user.partition('://')[0]}://{rest}" if mark else rest


def endpoint(settings: Settings) -> tuple[Finding, Place | None]:
    """Read the endpoint of traces and compare its port with its protocol; no place where it cannot be read."""
    try:
        found = target(settings, "traces")
    except ConfigurationError as error:
        return failure("endpoint", str(error), "Set OTEL_EXPORTER_OTLP_ENDPOINT to http://host:port."), None
    parts = urlsplit(found.endpoint if "://" in found.endpoint else f"http://{found.endpoint}")
    default = {"https": 443}.get(parts.scheme, USUAL["grpc"] if found.protocol == "grpc" else 80)
    place = Place(found, parts.hostname or "localhost", parts.port or default)
    return _fits(place, parts.scheme), place


def _fits(place: Place, scheme: str) -> Finding:
    protocol, port = place.target.protocol, place.port
    other = next(name for name in USUAL if name != protocol)
    said = f"{place.shown} over {protocol}"
    if port == USUAL[other]:
        return warning(
            "endpoint",
            f"{said}, but {port} is the port of {other}",
            f"OTEL_EXPORTER_OTLP_PROTOCOL={other}, or port {USUAL[protocol]}.",
        )
    if scheme == "https" and _is_loopback(place.host):
        return warning(
            "endpoint", f"{said}: TLS on this machine, which `stagelight serve` does not speak", "Use http://."
        )
    return good("endpoint", said)


def name(place: Place) -> Finding:
    """Look the host up; and see that localhost still means this machine."""
    addresses = _resolved(place.host, place.port)
    if isinstance(addresses, str):
        return failure("name", f"{place.host}: {addresses}", "Is the host's name right, and the resolver up?")
    if place.host == "localhost" and not all(_is_loopback(address) for address in addresses):
        return warning("name", f"localhost means {', '.join(addresses)} here", "Correct /etc/hosts, or use 127.0.0.1.")
    return good("name", f"{place.host} is {', '.join(addresses)}")


def _resolved(host: str, port: int) -> list[str] | str:
    """The host's addresses, or why there are none."""
    answer: list[list[str] | str] = []

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.append(sorted({str(entry[4][0]) for entry in found}))
        except (OSError, UnicodeError) as error:
            answer.append(getattr(error, "strerror", None) or str(error))

    # getaddrinfo knows no timeout.
    thread = threading.Thread(target=ask, name="stagelight-doctor-dns", daemon=True)
    thread.start()
    thread.join(NAME_SECONDS)
    return answer[0] if answer else f"no answer from the resolver within {NAME_SECONDS:g} s"


def proxy(place: Place, environ: Mapping[str, str]) -> Finding:
    """See whether a proxy's variable captures what goes to the endpoint."""
    kind = "grpc" if place.target.protocol == "grpc" else urlsplit(place.target.endpoint).scheme
    captured = next((variable for variable in PROXIES[kind] if environ.get(variable, "").strip()), "")
    if not captured:
        return good("proxy", "no proxy is set")
    exempt = _exemptions(environ, kind)
    if _exempted(place, exempt):
        return good("proxy", f"{captured} is set, and does not apply to {place.host}")
    said = f"{captured} sends what goes to {place.host} through a proxy"
    if _is_loopback(place.host) or place.host == "localhost":
        return failure(
            "proxy",
            f"{said}, where {place.host} is another machine",
            f"NO_PROXY={','.join(filter(None, (exempt, place.host)))}",
        )
    return warning("proxy", said, f"Where that is not meant: NO_PROXY={place.host}")


def _exemptions(environ: Mapping[str, str], kind: str) -> str:
    names = ("no_grpc_proxy", "no_proxy") if kind == "grpc" else ("no_proxy", "NO_PROXY")
    return next((environ[name] for name in names if environ.get(name)), "")


def _exempted(place: Place, exempt: str) -> bool:
    if proxy_bypass_environment(f"{place.host}:{place.port}", {"no": exempt}):
        return True
    return any(_within(place.host, entry.strip()) for entry in exempt.split(","))


def _within(host: str, network: str) -> bool:
    """Whether `network` is an address range, as 127.0.0.0/8, that holds `host`."""
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network)
    except ValueError:
        return False


def connection(place: Place) -> Finding:
    """Open a connection, and close it."""
    where = f"{place.host}:{place.port}"
    try:
        with socket.create_connection((place.host, place.port), timeout=CONNECT_SECONDS) as opened:
            peer = opened.getpeername()
    except TimeoutError:
        return failure(
            "connection",
            f"{where} does not answer within {CONNECT_SECONDS:g} s",
            "Is a firewall between, or the address another's?",
        )
    except (OSError, UnicodeError) as error:
        advice = (
            "Start `stagelight serve`, or the collector that should be there."
            if _is_loopback(place.host) or place.host == "localhost"
            else "Is the server up, and the port right?"
        )
        return failure("connection", f"{where}: {getattr(error, 'strerror', None) or error}", advice)
    return good("connection", f"something listens on {peer[0]}:{peer[1]}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
