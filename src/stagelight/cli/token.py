"""`stagelight token`: who may send to and read from a `serve` that others can reach."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from stagelight import _clock
from stagelight.cli import kept, output
from stagelight.cli.problem import Problem

if TYPE_CHECKING:
    from stagelight.store import TokenInfo

SCOPES: Final = ("ingest", "feedback", "read", "admin")

EPILOG = """\b
Examples:
  stagelight token create laptop --scope read
  STAGELIGHT_TOKEN=$(stagelight token create app --tenant acme --scope ingest --scope feedback)
  stagelight token revoke 3f9a

\b
As soon as there is one token, every request needs one. Only its SHA-256 is kept: it is shown once."""


@click.group(epilog=EPILOG)
def token() -> None:
    """Create, list and revoke the tokens that `serve` accepts."""


@token.command()
@click.argument("name")
@click.option("--tenant", default="default", show_default=True, help="Whose data it opens; overrides what senders say.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What it may do; all but admin if left out."
)
@click.option(
    "--days", type=click.FloatRange(0, 3650, min_open=True), default=90.0, show_default=True, help="When it ends."
)
@kept.store_option
@output.as_json
def create(name: str, *, tenant: str, scopes: tuple[str, ...], days: float, store: str | None, as_json: bool) -> None:
    """Make a token called NAME and print it, this once."""
    granted = scopes or SCOPES[:3]
    with kept.opened(store, create=True) as opened:
        plain = opened.tokens.create(name, tenant=tenant, scopes=granted, days=days)
    if as_json:
        output.show_json({"token": plain, "name": name, "tenant": tenant, "scopes": sorted(granted), "days": days})
        return
    output.note(
        f"{output.safe(name)}: {', '.join(granted)} on tenant {output.safe(tenant)}, for {days:g} days. Keep it; it is not shown again."
    )
    click.echo(plain)


@token.command("list")
@kept.store_option
@output.as_json
def list_(*, store: str | None, as_json: bool) -> None:
    """List the tokens; the secrets themselves are not kept."""
    with kept.opened(store) as opened:
        found = opened.tokens.list()
    if as_json:
        output.show_json([{**output.fields(row), "scopes": sorted(row.scopes), "state": _state(row)} for row in found])
        return
    output.table(
        ("id", "name", "tenant", "may", "until", "state"),
        [(t.id, t.name, t.tenant, ",".join(sorted(t.scopes)), f"{_day(t.expires_ns)}", _state(t)) for t in found],
    )


@token.command()
@click.argument("token_id", metavar="ID")
@kept.store_option
def revoke(token_id: str, *, store: str | None) -> None:
    """End the token ID at once; `list` shows the ids."""
    with kept.opened(store) as opened:
        if not opened.tokens.revoke(token_id):
            raise Problem(f"no token {token_id!r}. `stagelight token list` shows their ids.")
    click.echo(f"{output.safe(token_id)} is revoked")


def _state(row: TokenInfo) -> str:
    if row.revoked:
        return "revoked"
    return "expired" if row.expires_ns <= _clock.wall_ns() else "valid"


def _day(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns / 1e9, UTC):%Y-%m-%d}"
