"""Whose work this is: tenant, workspace, session, user, model version and request id, set once and seen on everything below.

They travel as W3C baggage, so that any OpenTelemetry instrumentation of an HTTP client carries them to the next process.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry import baggage, trace
from opentelemetry.context import get_current

from stagelight.stages import frames, names
from stagelight.stages.block import Block
from stagelight.telemetry import clean
from stagelight.telemetry.current import current
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

MAX_VALUE = 256  #: Characters of one context value; baggage travels in a header.


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where the running code stands; empty text where nothing is known."""

    trace_id: str = ""  #: 32 hex digits.
    span_id: str = ""  #: 16 hex digits.
    tenant: str = "default"
    workspace: str = "default"
    model_version: str = ""
    session: str = ""
    user: str = ""
    request_id: str = ""


def here() -> Here:
    """Say which trace, span, tenant and model version the calling code runs under.

    >>> with context(tenant="acme"):
    ...     here().tenant
    'acme'
    """
    found = get_current()
    span = trace.get_current_span(found).get_span_context()
    ids = (f"{span.trace_id:032x}", f"{span.span_id:016x}") if span.is_valid else ("", "")
    return Here(trace_id=ids[0], span_id=ids[1], **_named(found))


def values(context: Context) -> dict[str, str]:
    """Return the context values of `context` by attribute name."""
    carried = baggage.get_all(context)
    if not carried:
        return {}
    return {key: str(carried[key]) for key in names.CONTEXT.values() if key in carried}


def tenancy(carried: Mapping[str, str]) -> Tenancy:
    """Return whose work it is under these context values; what is not set is as the settings say."""
    telemetry = current()
    unset = Tenancy(telemetry.settings.tenant, telemetry.settings.workspace) if telemetry else Tenancy()
    return Tenancy(carried.get(names.TENANT) or unset.tenant, carried.get(names.WORKSPACE) or unset.workspace)


def with_values(context: Context, given: Mapping[str, str | None]) -> Context:
    """Return `context` with the values of `given` (by argument name); None leaves one as it is."""
    for name, value in given.items():
        if value is not None:
            told = pseudonym(value) if name == "user" else value
            context = baggage.set_baggage(names.CONTEXT[name], clean.text(told, limit=MAX_VALUE), context)
    return context


class context(Block[None]):  # noqa: N801  reads as a statement: `with context(tenant="acme"):`
    """Set context values for everything that runs inside the block, in this process and in those it calls.

    Args:
        tenant: Whose data it is; labels metrics, keys rows.
        workspace: A part of the tenant.
        session: A conversation or visit of several requests.
        user: Who asked; turned into an HMAC where `STAGELIGHT_USER_ID_KEY` is set.
        model_version: The model at work; labels metrics.
        request_id: The caller's id of this request; on spans, never on metrics.

    >>> with context(tenant="acme", model_version="v2"):
    ...     with context(model_version="v3"):
    ...         here().tenant, here().model_version
    ('acme', 'v3')
    """

    def __init__(
        self,
        *,
        tenant: str | None = None,
        workspace: str | None = None,
        session: str | None = None,
        user: str | None = None,
        model_version: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self._given = {
            "tenant": tenant,
            "workspace": workspace,
            "session": session,
            "user": user,
            "model_version": model_version,
            "request_id": request_id,
        }

    def __enter__(self) -> None:
        """Set the values."""
        frames.swap_in(with_values(get_current(), self._given))

    def leave(self, _error: BaseException | None, /) -> None:
        """Set them back."""
        frames.swap_out()


def _named(found: Context) -> dict[str, str]:
    carried = values(found)
    named = {name: carried.get(key, "") for name, key in names.CONTEXT.items()}
    named["tenant"], named["workspace"] = tenancy(carried)
    return named


def pseudonym(user: str) -> str:
    """Return what stands for `user` from here on: an HMAC where `STAGELIGHT_USER_ID_KEY` is set, the same for the same user."""
    telemetry = current()
    return told_as(user, telemetry.settings.user_id_key if telemetry else "")


def told_as(user: str, key: str) -> str:
    """Return `user` as HMAC-SHA256 under `key`; as it is where there is no key."""
    if not key:
        return user
    return hmac.new(key.encode(), clean.text(user).encode(), hashlib.sha256).hexdigest()
