"""A real `stagelight serve` in this process, on a free port of loopback, for the folders that need one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import httpx

from stagelight.config import load
from stagelight.store import open_store
from stagelight.web.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagelight.store import Store


class Served(NamedTuple):
    """A server that runs, a client that speaks to it, and its store through a second connection."""

    url: str
    client: httpx.Client
    store: Store

    def token(self, *scopes: str, tenant: str = "acme") -> dict[str, str]:
        """Make a token, wait until the server asks for one, and return the header that shows it."""
        token = self.store.tokens.create("test", tenant=tenant, scopes=scopes, days=1)
        return {"Authorization": f"Bearer {token}"}


@contextmanager
def served(folder: Path, *, token: bool = False, **settings: object) -> Iterator[Served]:
    """Serve a store in `folder`; with `token`, one exists from the start, so that every request needs one."""
    path = folder / "served.db"
    with open_store(path) as store:
        if token:
            store.tokens.create("first", tenant="default", scopes=("admin",), days=1)
        told = load(environ={}, start=folder, port=0, store=str(path), **settings)
        with running(told) as found, httpx.Client(base_url=found.url, trust_env=False, timeout=30) as client:
            yield Served(found.url, client, store)
