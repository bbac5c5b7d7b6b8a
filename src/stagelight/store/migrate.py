"""Bring a database to this version's tables, or refuse one that a newer version wrote.

Reading the version is one SELECT; Alembic is imported only when there is something to do, because that costs as much
time as everything else at start-up.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import exc

from stagelight.errors import StoreUnavailableError, StoreVersionError

if TYPE_CHECKING:
    from stagelight.store.database import Database

HEAD = "0006"  #: The newest file in migrations/versions; a test compares.
SCRIPTS = Path(__file__).parent / "migrations"
NUMBERED = re.compile(r"\d{4}")


def upgrade(database: Database) -> None:
    """Make sure that `database` has the tables of this version.

    Raises:
        StoreVersionError: It has those of a newer one; nothing is changed.
        StoreUnavailableError: It is a database, but not one of ours.
    """
    with database.reading() as connection:
        found = _version(connection)
    if _is_current(database, found):
        return
    # The write lock makes a second process that opens the same new file wait here, and find nothing left to do.
    with database.writing() as connection:
        if not _is_current(database, _version(connection)):
            _run(connection)


def _version(connection: sa.Connection) -> str:
    """Return the version's number, or nothing for a new database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or "")


def _is_current(database: Database, found: str) -> bool:
    if found and (not NUMBERED.fullmatch(found) or found > HEAD):
        where = database.path or database.url.render_as_string(hide_password=True)
        raise StoreVersionError(
            f"{where} was written by a newer stagelight (tables {found}, this one knows up to {HEAD}): "
            "upgrade stagelight, or name another file in STAGELIGHT_STORE"
        )
    return found == HEAD


def _run(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except exc.OperationalError as error:
        if "already exists" in str(error.orig):
            raise StoreUnavailableError(f"{connection.engine.url.database} is a database of another program") from error
        raise
