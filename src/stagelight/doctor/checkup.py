"""All checks, in the order of the way: packages, variables, endpoint, network, canary, ledger, what is kept here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from stagelight import config
from stagelight.doctor import canary, hops, keeping, ledger, network, variables, versions
from stagelight.doctor.finding import Finding, Report, failure, unchecked
from stagelight.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stagelight.config import Settings
    from stagelight.doctor.network import Place


def examine() -> Iterator[Finding]:
    """Yield each finding as soon as it is known; sends one span and one metric. `report` collects them."""
    environ = config.variables()
    yield versions.check(versions.installed())
    try:
        settings = config.load()
    except ConfigurationError as error:
        yield failure("settings", str(error), "Correct it; `stagelight settings` lists them all.")
        return
    yield from variables.check(environ, settings)
    yield from _way(settings, environ)
    yield from keeping.check(settings)


def report() -> Report:
    """Run every check and return what was found."""
    return Report(tuple(examine()))


def _way(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    if not _speaks_otlp(settings):
        return
    found, place = network.endpoint(settings)
    yield found
    if place is None:
        yield from _stopped(settings, "there is no endpoint")
        return
    yield from hops.health(settings)
    for hop in (network.name, lambda p: network.proxy(p, environ), network.connection):
        found = hop(place)
        yield found
        if found.verdict == "failure":
            yield from _stopped(settings, f"the {found.hop} fails")
            return
    yield from _through(settings, environ, place)


def _through(settings: Settings, environ: Mapping[str, str], place: Place) -> Iterator[Finding]:
    sent = canary.send(settings)
    yield sent.finding
    serves = False
    if place.target.protocol != "grpc":
        token = settings.token or bearer(environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""))
        found, client = canary.server(place.base, token)
        yield found
        if client is not None:
            serves = True
            if sent.at_ns:
                yield from canary.read_back(client, sent)
            yield from ledger.check(client)
    if not sent.at_ns:
        yield from hops.untried(settings, "the canary was not delivered")
    elif serves:
        yield from hops.untried(settings, "the endpoint is a `stagelight serve`, which passes nothing on")
    else:
        yield from hops.follow(settings, sent)


def _stopped(settings: Settings, why: str) -> Iterator[Finding]:
    yield unchecked("canary", f"not sent, as {why}")
    yield from hops.untried(settings, "the canary was not sent")


def _speaks_otlp(settings: Settings) -> bool:
    names = (*settings.traces_exporter, *settings.metrics_exporter)
    return not settings.disabled and any(name.startswith("otlp") for name in names)


def bearer(headers: str) -> str:
    """Return the bearer token in OTEL_EXPORTER_OTLP_HEADERS; empty where there is none.

    >>> bearer("x-a=1,Authorization=Bearer%20sl_1_2")
    'sl_1_2'
    """
    found = re.search(r"(?:^|,)\s*authorization\s*=\s*bearer\s+([^,\s]+)", unquote(headers), re.IGNORECASE)
    return found[1] if found else ""
