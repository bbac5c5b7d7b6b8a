"""`Store`: one database with its parts, and how it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa
from sqlalchemy import exc

from stagelight.config.paths import state_folder
from stagelight.errors import ConfigurationError, MissingExtraError, StoreUnavailableError
from stagelight.store import migrate
from stagelight.store.admin import Admin
from stagelight.store.capacity import Capacity
from stagelight.store.database import Database
from stagelight.store.delivery import Deliveries
from stagelight.store.drift import Drift
from stagelight.store.feedback_reports import FeedbackReports
from stagelight.store.leases import Leases
from stagelight.store.logs import Logs
from stagelight.store.loop_reports import LoopReports
from stagelight.store.metrics import Metrics
from stagelight.store.outbox import Outbox
from stagelight.store.outcomes import Outcomes
from stagelight.store.people import People
from stagelight.store.policies import Policies
from stagelight.store.rollups import Rollups
from stagelight.store.rows import Rows
from stagelight.store.sent_alerts import SentAlerts
from stagelight.store.suggestions import Suggestions
from stagelight.store.tokens import Tokens
from stagelight.store.traces import Traces
from stagelight.store.validations import Validations

if TYPE_CHECKING:
    from types import TracebackType

FILE = "stagelight.db"


class Store:
    """Traces, logs, metrics, rows and tokens in one database; safe to use from any thread. Made by `open_store`."""

    def __init__(
        self, database: Database, *, max_bytes: int, trace_hours: float, row_days: float, redis_url: str = ""
    ) -> None:
        self._database = database
        capacity = Capacity(database, max_bytes)
        rollups = Rollups(database)
        self.logs = Logs(database, capacity=capacity)
        self.traces = Traces(
            database, capacity=capacity, logs=self.logs, rollups=rollups, suggestions=Suggestions(database)
        )
        self.metrics = Metrics(database, capacity=capacity, rollups=rollups)
        self.deliveries = _queue(database, redis_url)
        self.rows = Rows(database, capacity=capacity, deliveries=self.deliveries)
        self.policies = Policies(database)
        self.loop_reports = LoopReports(database)
        self.opinions = FeedbackReports(database)
        self.people = People(database)
        self.drift = Drift(database)
        self.outbox = Outbox(database)
        self.outcomes = Outcomes(database)
        self.tokens = Tokens(database)
        self.validations = Validations(database)
        self.leases = Leases(database)
        self.sent_alerts = SentAlerts(database)
        self.admin = Admin(database, capacity=capacity, rollups=rollups, trace_hours=trace_hours, row_days=row_days)

    @property
    def url(self) -> str:
        """Where the store is, without a password."""
        return self._database.url.render_as_string(hide_password=True)

    @property
    def path(self) -> Path | None:
        """The file; None where the store is not SQLite."""
        return self._database.path

    def close(self) -> None:
        """Close every connection; a write that is under way finishes."""
        self.deliveries.close()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_database(target: str | Path, *, create: bool) -> Database:
    """Return the database at `target` with this version's tables."""
    url = _url(target)
    path = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
    if path is not None:
        if not create and not path.is_file():
            raise StoreUnavailableError(f"there is no store at {path}")
        _make_folder(path.parent)
    try:
        database = Database(url)
    except (exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise _unknown(url, error) from error
    try:
        migrate.upgrade(database)
    except BaseException:
        database.close()
        raise
    return database


def _url(target: str | Path) -> sa.URL:
    if "://" not in str(target):
        path = Path(target).expanduser() if str(target) else state_folder() / FILE
        return sa.URL.create("sqlite", database=str(path.absolute()))
    try:
        url = sa.make_url(str(target))
    except exc.ArgumentError as error:
        raise ConfigurationError(
            f"store: found {target!r}, expected a path or an address such as sqlite:////var/lib/me.db"
        ) from error
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigurationError("store: a database in memory is not shared between threads; name a file")
    return url


def _queue(database: Database, redis_url: str) -> Deliveries:
    if not redis_url:
        return Deliveries(database)
    from stagelight.store.redis_streams import StreamedDeliveries

    return StreamedDeliveries(database, redis_url)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailableError(f"the folder {folder} cannot be made: {error.strerror}") from error


def _unknown(url: sa.URL, error: Exception) -> ConfigurationError:
    if url.get_backend_name() in ("postgresql", "postgres") and isinstance(error, ModuleNotFoundError):
        return MissingExtraError("postgres", "a store in PostgreSQL")
    return ConfigurationError(
        f"store: no database {url.drivername!r} is known; use a path, sqlite:/// or postgresql+psycopg://"
    )
