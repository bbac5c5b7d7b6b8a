"""The store: traces, logs, metrics, predictions, feedback, truth and tokens in one SQL database.

`open_store()` gives a `Store`; its parts are `traces`, `logs`, `metrics`, `rows`, `tokens` and `admin`. SQLite is the
default, a file of its own; the same statements run on PostgreSQL. SQLAlchemy is loaded when a store is opened, not
before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight.errors import MissingExtraError
from stagelight.store.model import (
    METRICS,
    SAMPLED,
    Expired,
    Grant,
    KeptAlert,
    NumberedLog,
    NumberedSpan,
    Reading,
    SessionSummary,
    Size,
    StagePoint,
    StageStats,
    TokenInfo,
    Trace,
    TracePage,
    TraceQuery,
    TraceSummary,
)

if TYPE_CHECKING:
    from pathlib import Path

    from stagelight.config import Settings
    from stagelight.store.facade import Store

__all__ = [
    "METRICS",
    "SAMPLED",
    "Expired",
    "Grant",
    "KeptAlert",
    "NumberedLog",
    "NumberedSpan",
    "Reading",
    "SessionSummary",
    "Size",
    "StagePoint",
    "StageStats",
    "Store",
    "TokenInfo",
    "Trace",
    "TracePage",
    "TraceQuery",
    "TraceSummary",
    "open_configured",
    "open_store",
]


def open_store(
    target: str | Path = "",
    *,
    max_bytes: int = 2**30,
    trace_hours: float = 24.0,
    row_days: float = 90.0,
    redis_url: str = "",
    create: bool = True,
) -> Store:
    """Open the store, make it or bring it to this version's tables where needed.

    Args:
        target: A path, or a SQLAlchemy URL; `$XDG_STATE_HOME/stagelight/stagelight.db` if empty. A SQLite URL may end
            in `?synchronous=full`: every commit then outlives a power cut too, at about twice the price.
        max_bytes: The size in all, at which the oldest traces go.
        trace_hours: How long a trace is kept.
        row_days: How long every other kind of row is kept.
        redis_url: A Redis that hands out the ids of waiting rewards; the database does so if empty.
        create: Make the file where there is none.

    Raises:
        MissingExtraError: `stagelight[store]` is not installed.
        ConfigurationError: `target` is neither a path nor an address of a known database.
        StoreVersionError: A newer stagelight wrote this database; nothing was changed.
        StoreUnavailableError: It cannot be opened, or is not there and `create` is off.
    """
    try:
        from stagelight.store import facade
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("sqlalchemy", "alembic"):
            raise
        raise MissingExtraError("store", "the store") from error
    database = facade.open_database(target, create=create)
    try:
        return facade.Store(
            database, max_bytes=max_bytes, trace_hours=trace_hours, row_days=row_days, redis_url=redis_url
        )
    except BaseException:
        database.close()
        raise


def open_configured(settings: Settings, *, create: bool = True) -> Store:
    """Open the store that `settings` name, with their limits; raises as `open_store` does."""
    return open_store(
        settings.store,
        max_bytes=settings.store_max_bytes,
        trace_hours=settings.trace_cleanup_hours,
        row_days=settings.row_retention_days,
        redis_url=settings.redis_url,
        create=create,
    )


def __getattr__(name: str) -> object:
    if name == "Store":
        from stagelight.store.facade import Store

        return Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
