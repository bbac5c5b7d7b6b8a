"""`stagelight serve`: the page, and the place that telemetry is sent to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

from stagelight.cli import output, serving

if TYPE_CHECKING:
    from stagelight.web.server import Serving

EPILOG = """\b
Examples:
  stagelight serve                        http://127.0.0.1:4318, or the next free port
  stagelight serve --store ./traces.db    keep everything in this file
  stagelight serve --json | head -1       the address, for a script

\b
A program in any language sends to it when told
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"""


@click.command(epilog=EPILOG)
@serving.page_options
@output.as_json
def serve(host: str | None, port: int | None, store: str | None, *, as_json: bool) -> None:
    """Receive telemetry over OTLP/HTTP, keep it, and show it on a local page until Ctrl-C.

    Not on loopback it needs a token first: `stagelight token create`.
    """
    settings = serving.page_settings(host, port, store)
    if settings.enable_trajectory_feedback_loop or settings.enable_trajectory_evaluation:
        _show_log()
    from stagelight.web import server  # a wrong option should be told before the framework is loaded

    def ready(found: Serving) -> None:
        if as_json:
            output.show_json({**output.fields(found), "url": found.url, "moved": found.moved}, lines=True)
            return
        serving.tell(found)
        output.note(f"  send   OTEL_EXPORTER_OTLP_ENDPOINT={found.url}")
        output.note("Ctrl-C ends it.")

    server.serve(settings, on_ready=ready)


def _show_log() -> None:
    """Write what the feedback loop does on stderr: it works unseen otherwise, and the runbook greps for its lines."""
    shown = logging.StreamHandler()
    shown.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("stagelight")
    log.addHandler(shown)
    log.setLevel(logging.INFO)
