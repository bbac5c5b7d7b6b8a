"""What `serve` and `run` share: the options of the page, and how its address is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stagelight import config
from stagelight.cli import output

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagelight.config import Settings
    from stagelight.web.server import Serving

OPTIONS = (
    click.option("--host", metavar="ADDRESS", help="Address to listen on; loopback unless told. [STAGELIGHT_HOST]"),
    click.option(
        "--port", type=click.IntRange(0, 65535), help="Port; a free one if taken, 0 for any. [STAGELIGHT_PORT]"
    ),
    click.option("--store", metavar="PATH|URL", help="Where everything is kept. [STAGELIGHT_STORE]"),
)


def page_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--host`, `--port` and `--store`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def page_settings(host: str | None, port: int | None, store: str | None, **more: Any) -> Settings:
    """Return the settings in force, with these options and `more` over them.

    Raises:
        ConfigurationError: A setting does not parse.
    """
    return config.load(host=host, port=port, store=store, **more)


def tell(serving: Serving) -> None:
    """Say on stderr where the page and the store are, and that the port is another one if it is."""
    if serving.moved:
        output.note(f"Port {serving.wanted_port} is taken, so this page is on {serving.port}.")
    output.note(f"  page   {serving.url}")
    output.note(f"  store  {output.safe(serving.store)}")
