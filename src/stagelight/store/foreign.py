"""Rows out of somebody else's database: one query, read as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc

from stagelight.errors import ConfigurationError, MissingExtraError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 5_000


def rows(url: str, query: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield what `query` finds at `url`, a mapping per row, numbered from 1; nothing of it is committed.

    Args:
        url: SQLAlchemy's address of the database.
        query: SQL, run as it is: it comes from whoever runs the command, with that account's rights.

    Raises:
        ConfigurationError: The address or the query cannot be used.
        MissingExtraError: The driver of that database is not installed.
        StoreUnavailableError: The database cannot be reached.
    """
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            found = connection.execution_options(yield_per=ROWS).execute(sa.text(query)).mappings()
            for number, row in enumerate(found, start=1):
                yield number, dict(row)
    except exc.ResourceClosedError as error:
        raise ConfigurationError("--query: it finds no rows; expected a SELECT") from error
    except exc.OperationalError as error:
        if "syntax" in str(error.orig) or "no such" in str(error.orig):
            raise ConfigurationError(f"--query: {_first_line(error)}") from error
        raise StoreUnavailableError(f"{engine.url.render_as_string()} cannot be read: {_first_line(error)}") from error
    except exc.SQLAlchemyError as error:
        raise ConfigurationError(f"--query: {_first_line(error)}") from error
    finally:
        engine.dispose()


def _engine(url: str) -> sa.Engine:
    try:
        return sa.create_engine(url)
    except ModuleNotFoundError as error:
        if "psycopg" in str(error):
            raise MissingExtraError("postgres", "reading from PostgreSQL") from error
        raise ConfigurationError(f"--from: the driver {error.name!r} of that database is not installed") from error
    except (exc.ArgumentError, exc.NoSuchModuleError) as error:
        raise ConfigurationError("--from: expected an address as postgresql+psycopg://user@host/database") from error


def _first_line(error: exc.SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
