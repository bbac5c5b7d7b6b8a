"""Whose rows a request may write and see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import HTTPConnection

    from stagelight.store import Grant
    from stagelight.wire.records import Tenancy


class Owned(Protocol):
    """A record that says whose it is."""

    @property
    def tenancy(self) -> Tenancy:
        """Tenant and workspace by its attributes."""
        ...


class Seen:
    """Counts records that claimed another tenant than their token's; they are kept under the token's."""

    def __init__(self) -> None:
        """Start at none."""
        self.mismatches = 0  #: Records, since the server started.

    def count(self, records: Iterable[Owned], tenant: str | None) -> None:
        """Count those of `records` that name a tenant other than `tenant`; None means that no token was needed."""
        if tenant is not None:
            self.mismatches += sum(record.tenancy.tenant not in (tenant, "default") for record in records)


def grant_of(request: HTTPConnection) -> Grant | None:
    """What the request's token allows; None on loopback without tokens, where everything is allowed."""
    grant: Grant | None = getattr(request.state, "grant", None)
    return grant


def tenant_of(request: HTTPConnection) -> str | None:
    """The tenant that the request may write and see; None on loopback without tokens: all of them."""
    grant = grant_of(request)
    return grant.tenant if grant else None
