"""`stagelight relay`: alert events in, Alertmanager and people told, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stagelight import config
from stagelight.cli import output, serving

if TYPE_CHECKING:
    from stagelight.web.server import Serving

EPILOG = """\b
Examples:
  stagelight relay --alertmanager http://127.0.0.1:9093
  stagelight relay --alertmanager http://am-0:9093 --alertmanager http://am-1:9093
  STAGELIGHT_NOTIFY_URLS=slack://a/b/c stagelight relay

\b
`stagelight serve` does the same beside all else. The relay alone is for a stack whose traces go to Tempo.
It keeps firing alerts in its store, so that neither its own restart nor Alertmanager's loses one."""


@click.command(epilog=EPILOG)
@serving.page_options
@click.option(
    "--alertmanager",
    metavar="URL",
    multiple=True,
    help="Alertmanager to post to; once for each peer. [STAGELIGHT_ALERTMANAGER_URLS]",
)
@output.as_json
def relay(
    host: str | None, port: int | None, store: str | None, *, alertmanager: tuple[str, ...], as_json: bool
) -> None:
    """Take alert events over OTLP/HTTP and post them to Alertmanager for as long as they fire, until Ctrl-C.

    Send it log records whose event name begins `stagelight.alert`, which is what `stagelight.alerts.emit` makes.
    """
    settings = config.load(host=host, port=port, store=store, alertmanager_urls=alertmanager or None)
    from stagelight.web import server  # a wrong option should be told before the framework is loaded
    from stagelight.web.relay import create_relay

    def ready(found: Serving) -> None:
        if as_json:
            output.show_json({**output.fields(found), "url": found.url, "moved": found.moved}, lines=True)
            return
        if found.moved:
            output.note(f"Port {found.wanted_port} is taken, so the relay is on {found.port}.")
        output.note(f"  relay  {found.url}/v1/logs")
        for url in settings.alertmanager_urls:
            output.note(f"  to     {output.safe(url)}")
        if settings.notify_urls:
            output.note(f"  tells  STAGELIGHT_NOTIFY_URLS, from {settings.notify_severity} on")
        output.note("Ctrl-C ends it.")

    server.serve(settings, on_ready=ready, make=create_relay)
