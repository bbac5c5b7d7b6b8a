"""Opening the store that a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stagelight import config

if TYPE_CHECKING:
    from stagelight.config import Settings
    from stagelight.store import Store

store_option = click.option("--store", metavar="PATH|URL", help="Another store than the one in `stagelight settings`.")


def opened(where: str | None, *, create: bool = False) -> Store:
    """Open the store of `--store`, else of the settings; use it in a `with`.

    Raises:
        StoreError: It is not there, not readable, or too new.
        MissingExtraError: SQLAlchemy is not installed.
    """
    return of_settings(config.load(store=where), create=create)


def of_settings(settings: Settings, *, create: bool = False) -> Store:
    """Open the store of `settings`."""
    from stagelight import store as stores  # SQLAlchemy is slow to load, and an extra

    return stores.open_configured(settings, create=create)
