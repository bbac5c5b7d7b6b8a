"""Bearer tokens: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from stagelight import _clock
from stagelight.errors import ConfigurationError, did_you_mean
from stagelight.store.codec import NAME_CHARS, clean
from stagelight.store.model import Grant, TokenInfo
from stagelight.store.tables import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagelight.store.database import Database

SCOPES = ("ingest", "feedback", "read", "admin")
DAY_NS = 86_400 * 1_000_000_000
PARTS = 3
ALL_WORKSPACES = ""  #: A token is for a tenant; which of its workspaces is said by what it sends.
LONGEST = 200  #: Characters; more is no token of ours and is not hashed.


class Tokens:
    """Who may talk to the server; `Store.tokens`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, *, tenant: str, scopes: Iterable[str], days: float) -> str:
        """Return a new token, `sl_<id>_<secret>`; it cannot be shown again.

        Args:
            name: For people, as `laptop`.
            tenant: Whose rows its holder writes and sees.
            scopes: What its holder may do: ingest, feedback, read, admin.
            days: Until it expires.

        Raises:
            ConfigurationError: A scope is unknown, there is none, or `days` is not above 0.
        """
        wanted = frozenset(scopes)
        _check(wanted, days)
        number, secret = secrets.token_hex(8), secrets.token_hex(32)
        now = _clock.wall_ns()
        row = {
            "tenant": clean(tenant),
            "workspace": ALL_WORKSPACES,
            "id": number,
            "name": clean(name)[:NAME_CHARS],
            "sha256": _hash(secret),
            "scopes": " ".join(sorted(wanted)),
            "created_ns": now,
            "expires_ns": now + round(days * DAY_NS),
            "revoked_ns": 0,
        }
        with self._database.writing() as connection:
            connection.execute(self._database.insert(tokens), row)
        return f"sl_{number}_{secret}"

    def verify(self, token: str) -> Grant | None:
        """Return what the holder of `token` may do; None for one that is wrong, expired or revoked."""
        given = token.split("_")
        if len(given) != PARTS or given[0] != "sl" or len(token) > LONGEST or not token.isascii():
            return None
        with self._database.reading() as connection:
            row = connection.execute(sa.select(tokens).where(tokens.c.id == given[1])).first()
        # Compared also where there is no such token, so that the answer takes as long.
        same = hmac.compare_digest(row.sha256 if row else _hash(""), _hash(given[2]))
        if row is None or not same or row.revoked_ns or row.expires_ns <= _clock.wall_ns():
            return None
        return Grant(id=row.id, name=row.name, tenant=row.tenant, scopes=frozenset(row.scopes.split()))

    def list(self) -> list[TokenInfo]:
        """Return every token, the oldest first, without its secret."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(tokens).order_by(tokens.c.created_ns, tokens.c.id)).all()
        return [_info(row) for row in rows]

    def revoke(self, id: str) -> bool:  # noqa: A002  what it is called everywhere
        """Make a token useless from now on; return whether there was one in use."""
        statement = sa.update(tokens).where(tokens.c.id == id, tokens.c.revoked_ns == 0)
        with self._database.writing() as connection:
            return connection.execute(statement.values(revoked_ns=_clock.wall_ns())).rowcount > 0

    def any(self) -> bool:
        """Return whether there is a token that works."""
        usable = tokens.c.revoked_ns == 0, tokens.c.expires_ns > _clock.wall_ns()
        with self._database.reading() as connection:
            return connection.execute(sa.select(tokens.c.id).where(*usable).limit(1)).first() is not None


def _check(scopes: frozenset[str], days: float) -> None:
    for scope in sorted(scopes):
        if scope not in SCOPES:
            raise ConfigurationError(f"no scope {scope!r}; there are {', '.join(SCOPES)}.{did_you_mean(scope, SCOPES)}")
    if not scopes:
        raise ConfigurationError(f"a token without a scope opens nothing; choose from {', '.join(SCOPES)}")
    if not days > 0:
        raise ConfigurationError(f"days: found {days!r}, expected a number above 0")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _info(row: Any) -> TokenInfo:
    return TokenInfo(
        id=row.id,
        name=row.name,
        tenant=row.tenant,
        scopes=frozenset(row.scopes.split()),
        created_ns=row.created_ns,
        expires_ns=row.expires_ns,
        revoked=bool(row.revoked_ns),
    )
