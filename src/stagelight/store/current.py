"""Which store this process works on: the one that `configure()` opened, or a server's own."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.store.facade import Store

_store: Store | None = None
_here: ContextVar[Store | None] = ContextVar("stagelight_store", default=None)


def current() -> Store | None:
    """Return the store in use; None where none is configured."""
    return _here.get() or _store


def use(store: Store | None) -> Store | None:
    """Work on `store` from now on; return the one in use before."""
    global _store
    before, _store = _store, store
    return before


@contextmanager
def within(store: Store) -> Iterator[None]:
    """Work on `store` inside the block, in this thread or task alone: a server's own tasks leave its process as it is."""
    token = _here.set(store)
    try:
        yield
    finally:
        _here.reset(token)


@contextmanager
def using(store: Store | None) -> Iterator[None]:
    """Work on `store` inside the block, and on the one before after it."""
    before = use(store)
    try:
        yield
    finally:
        use(before)
