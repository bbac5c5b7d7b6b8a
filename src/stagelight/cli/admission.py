"""A token for the program that `run` starts, where the store asks for one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from stagelight.cli import kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.config import Settings

DAYS: Final = 7  #: A run that is killed leaves its token behind; it ends by itself.


@contextmanager
def admitted(settings: Settings) -> Iterator[str]:
    """Give a token that may send to the server of `settings`, revoked after the block; empty where none is needed."""
    with kept.of_settings(settings, create=True) as store:
        if settings.token or not store.tokens.any():
            yield settings.token
            return
        token = store.tokens.create("stagelight run", tenant=settings.tenant, scopes=("ingest", "feedback"), days=DAYS)
        try:
            yield token
        finally:
            store.tokens.revoke(token.split("_")[1])


def headers(token: str) -> str:
    """Return OTEL_EXPORTER_OTLP_HEADERS for `token`.

    >>> headers("sl_1_2")
    'authorization=Bearer%20sl_1_2'
    """
    return f"authorization={quote(f'Bearer {token}')}" if token else ""
