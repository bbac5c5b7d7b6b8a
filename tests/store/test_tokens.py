"""Tokens: shown once, kept as a hash, useless once expired or revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stagelight.errors import ConfigurationError
from stagelight.store import Grant

if TYPE_CHECKING:
    from pathlib import Path

    from stagelight.store import Store
    from stagelight.testing import SteppingClock


def create(store: Store, **fields: Any) -> str:
    """A token for ten days."""
    given: dict[str, Any] = {"tenant": "acme", "scopes": ["read", "ingest"], "days": 10, **fields}
    return store.tokens.create("laptop", **given)


def test_a_token_opens_what_it_was_made_for(store: Store) -> None:
    """Its holder gets the tenant and the scopes it was made with."""
    token = create(store)

    grant = store.tokens.verify(token)

    assert grant == Grant(id=token.split("_")[1], name="laptop", tenant="acme", scopes=frozenset({"read", "ingest"}))
    assert token.startswith("sl_")


def test_the_secret_is_not_in_the_file(store: Store, path: Path) -> None:
    """Neither the database nor its write-ahead log holds what opens the door."""
    secret = create(store).split("_")[2]

    assert len(bytes.fromhex(secret)) == 32
    for file in path.parent.iterdir():
        assert secret.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    "change", ["{}x", "x{}", "sl_{1}", "sl_none_{2}", "sl_{1}_", "xx_{1}_{2}", "", "sl__", "sl_{1}_ü", "{}" + "0" * 500]
)
def test_a_wrong_token_opens_nothing(store: Store, change: str) -> None:
    """Anything but the token itself is refused, without an error."""
    token = create(store)
    parts = token.split("_")

    assert store.tokens.verify(change.replace("{}", token).replace("{1}", parts[1]).replace("{2}", parts[2])) is None


def test_a_token_expires(store: Store, stepping: SteppingClock) -> None:
    """On its last day it opens, after it not."""
    token = create(store)

    stepping.advance(days=9.99)
    assert store.tokens.verify(token) is not None
    assert store.tokens.any()

    stepping.advance(days=0.02)
    assert store.tokens.verify(token) is None
    assert not store.tokens.any()


def test_a_token_is_revoked_at_once(store: Store) -> None:
    """Revoking says whether there was something to revoke; the other tokens go on."""
    token, other = create(store), create(store)

    assert store.tokens.revoke(token.split("_")[1])
    assert not store.tokens.revoke(token.split("_")[1])
    assert not store.tokens.revoke("none")

    assert store.tokens.verify(token) is None
    assert store.tokens.verify(other) is not None
    assert [one.revoked for one in store.tokens.list()].count(True) == 1


def test_a_list_for_people(store: Store, stepping: SteppingClock) -> None:
    """Names, scopes and times, the oldest first, never the secret."""
    create(store)
    stepping.advance(days=1)
    create(store, tenant="b", scopes=["admin"])

    first, second = store.tokens.list()

    assert (first.name, first.tenant, first.scopes) == ("laptop", "acme", frozenset({"read", "ingest"}))
    assert (second.tenant, second.scopes, second.expires_ns - second.created_ns) == (
        "b",
        frozenset({"admin"}),
        10 * 86_400 * 10**9,
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"scopes": ["raed"]}, "no scope 'raed'; there are ingest, feedback, read, admin. Did you mean 'read'"),
        ({"scopes": []}, "a token without a scope opens nothing"),
        ({"days": 0}, "days: found 0, expected a number above 0"),
        ({"days": float("nan")}, "days: found nan"),
    ],
)
def test_a_senseless_token_is_not_made(store: Store, fields: dict[str, object], sentence: str) -> None:
    """What was found and what was expected is said."""
    with pytest.raises(ConfigurationError, match=sentence):
        create(store, **fields)

    assert store.tokens.list() == []
