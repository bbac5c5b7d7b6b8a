"""Tokens with which a user's browser may judge one trace and nothing else: signed, bound to tenant and user, and they expire.

`fb1.<who and what, base64url JSON>.<HMAC-SHA256, base64url>`. Nothing in it is secret; it cannot be altered without the key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from typing import Final, NamedTuple

from stagelight import _clock, _guard
from stagelight.errors import ConfigurationError, RowError
from stagelight.feedback.target import target_of
from stagelight.sink import values
from stagelight.sink.checks import MAX_TEXT
from stagelight.stages import here
from stagelight.stages.context import pseudonym
from stagelight.telemetry.current import current

PREFIX: Final = "fb1"
MAX_TOKEN: Final = 4_096  #: Characters; a longer text is no token of ours and is not looked into.
HOURS: Final = 24.0
_PURPOSE: Final = (
    b"stagelight feedback token 1\0"  #: The key may sign other things elsewhere; these never pass for them.
)
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"[0-9a-f]{16}|")


class Ticket(NamedTuple):
    """What a token allows: to judge this trace, for this tenant, as this user."""

    trace_id: str
    span_id: str
    tenant: str
    workspace: str
    user: str  #: Pseudonym, where a key for that is set; empty for anybody.
    expires_s: int  #: Seconds since 1970.


def sign(target: object = None, *, user: str = "", hours: float = HOURS) -> str:
    """Return a token for the page that shows an answer, so that its reader, and nobody else, may judge it; never raises.

    Args:
        target: Whose answer: a trace id, a traceparent or a span; the running trace if None.
        user: Who will judge, so that they have one vote; the running stage's user if empty.
        hours: Until it expires.

    Returns:
        The token, safe in a URL and in HTML; empty, and a line in the log, where no `STAGELIGHT_FEEDBACK_KEY` is set or
        there is no trace.
    """
    return _guard.attempt("feedback", _signed, target, user, hours) or ""


def _signed(target: object, user: object, hours: float) -> str:
    telemetry = current()
    key = telemetry.settings.feedback_key if telemetry else ""
    if not key:
        raise ConfigurationError("feedback tokens need a secret: set STAGELIGHT_FEEDBACK_KEY, here and at the server")
    at = here()
    if target is None and not at.trace_id:
        raise RowError("whose answer is it about? give a trace id or a span")
    trace_id, span_id = target_of(target)[:2] if target is not None else (at.trace_id, at.span_id)
    told = values.text("user", user)
    expires = _clock.wall_ns() // 1_000_000_000 + round(hours * 3600)
    return seal(Ticket(trace_id, span_id, at.tenant, at.workspace, pseudonym(told) if told else at.user, expires), key)


def seal(ticket: Ticket, key: str) -> str:
    """Return `ticket` as a token signed with `key`."""
    body = _text(json.dumps(list(ticket), separators=(",", ":")).encode())
    return f"{PREFIX}.{body}.{_text(_mac(body, key))}"


def verify(token: str, key: str) -> Ticket:
    """Return what `token` allows.

    Raises:
        RowError: It was not signed with `key`, or its time is over; the message is one sentence.
    """
    parts = token.split(".") if len(token) <= MAX_TOKEN and token.isascii() else []
    if not key or len(parts) != 3 or parts[0] != PREFIX:  # noqa: PLR2004  as the docstring above draws it
        raise RowError("token: found no feedback token that this server can check")
    if not hmac.compare_digest(_text(_mac(parts[1], key)), parts[2]):
        raise RowError("token: its signature is wrong")
    ticket = _ticket(parts[1])
    if ticket.expires_s <= _clock.wall_ns() // 1_000_000_000:
        raise RowError("token: its time is over; ask for a fresh one")
    return ticket


def _ticket(body: str) -> Ticket:
    """What was signed; checked again, for whoever has the key may be mistaken too."""
    try:
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        ticket = Ticket(*found)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise RowError("token: what was signed is no trace") from None
    texts = ticket[:-1]
    good = all(type(part) is str and len(part) <= MAX_TEXT for part in texts) and type(ticket.expires_s) is int
    if not good or not _TRACE_ID.fullmatch(ticket.trace_id) or not _SPAN_ID.fullmatch(ticket.span_id):
        raise RowError("token: what was signed is no trace")
    return ticket


def vote_id(ticket: Ticket, signal: str, *, votes: tuple[str, ...] = ("rating", "thumbs", "score")) -> str:
    """Return the id under which a public judgement is kept, so that a second one of the same user is a duplicate.

    A rating, thumbs and a score are one vote; a comment, a label and each implicit signal count once beside it.
    """
    what = "vote" if signal in votes else signal
    said = f"{ticket.trace_id}\0{ticket.user}\0{what}"
    return f"public-{hashlib.sha256(said.encode()).hexdigest()[:40]}"


def _mac(body: str, key: str) -> bytes:
    return hmac.new(key.encode(), _PURPOSE + body.encode(), hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
