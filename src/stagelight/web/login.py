"""Trade a token for a cookie, so that a person can look at the pages of a server that asks for tokens."""

from __future__ import annotations

import hashlib
import html
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from stagelight import _clock
from stagelight.errors import BodyTooLargeError
from stagelight.web import view_static
from stagelight.web.body import Body, media_type

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

COOKIE = "stagelight_session"
SESSION_SECONDS = 12 * 3600
MAX_SESSIONS = 1000  #: The oldest is logged out when there are more.
MAX_TOKEN = 256  #: Characters.
MAX_FORM = 4096  #: Bytes.

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · stagelight</title><link rel="stylesheet" href="/static/{version}/stagelight.css"></head>
<body><main><h1>stagelight</h1>{problem}
<form method="post" action="/login">
<input type="hidden" name="next" value="{next}">
<p><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus></p>
<p><button type="submit">Log in</button></p>
</form>
<p>A person with access to this server makes one with <code>stagelight token create</code>.</p>
</main></body></html>
"""

router = APIRouter(include_in_schema=False)


class Sessions:
    """Who is logged in: a random id in the cookie, the token here, where each request verifies it again.

    Kept in memory: after a restart people log in once more. Used by the event loop alone.
    """

    def __init__(self) -> None:
        """Nobody is logged in yet."""
        self._tokens: dict[str, tuple[str, int]] = {}

    def open(self, token: str) -> str:
        """Remember `token` and return the cookie's value."""
        while len(self._tokens) >= MAX_SESSIONS:
            del self._tokens[next(iter(self._tokens))]
        session = secrets.token_urlsafe(32)
        self._tokens[_hash(session)] = (token, _clock.monotonic_ns() + SESSION_SECONDS * 1_000_000_000)
        return session

    def token(self, request: HTTPConnection) -> str:
        """The token behind the request's cookie; empty where it has none, or one that has ended."""
        key = _hash(request.cookies.get(COOKIE, ""))
        token, until = self._tokens.get(key, ("", 0))
        if token and _clock.monotonic_ns() > until:
            del self._tokens[key]
            return ""
        return token

    def close(self, request: HTTPConnection) -> None:
        """Forget the request's session."""
        self._tokens.pop(_hash(request.cookies.get(COOKIE, "")), None)


@router.get("/login")
async def ask(request: Request) -> Response:
    """Show the form."""
    return _page(request.query_params.get("next", ""))


@router.post("/login")
async def enter(request: Request) -> Response:
    """Check the token and set the cookie."""
    if media_type(request) != "application/x-www-form-urlencoded":
        return _page("", problem="The form was not sent as a form.", status=415)
    try:
        async with Body(request, request.app.state.held, limit=MAX_FORM) as body:
            fields = parse_qs(body.data.decode("utf-8", "replace"), max_num_fields=10)
    except (BodyTooLargeError, ValueError):
        return _page("", problem="That is not a token.", status=413)
    token, back = fields.get("token", [""])[0].strip(), fields.get("next", [""])[0]
    grant = await run_in_threadpool(request.app.state.store.tokens.verify, token) if len(token) <= MAX_TOKEN else None
    if grant is None or not {"read", "admin"} & set(grant.scopes):
        return _page(back, problem="This token is unknown, has ended, or may not read.", status=401)
    answer = RedirectResponse(_inside(back), status_code=303)
    answer.set_cookie(
        COOKIE,
        request.app.state.door.sessions.open(token),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/logout")
async def leave(request: Request) -> Response:
    """Forget the cookie."""
    request.app.state.door.sessions.close(request)
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _page(back: str, *, problem: str = "", status: int = 200) -> Response:
    shown = f'<p role="alert">{html.escape(problem)}</p>' if problem else ""
    return HTMLResponse(
        PAGE.format(version=view_static.version(), problem=shown, next=html.escape(_inside(back))), status
    )


def _inside(address: str) -> str:
    """`address` where it is a path of this server, else the first page.

    >>> _inside("/traces?q=a"), _inside("//evil.example"), _inside("https://evil.example")
    ('/traces?q=a', '/', '/')
    """
    odd = address[1:2] in ("/", "\\") or not address.isprintable()
    return address if address.startswith("/") and not odd else "/"


def _hash(session: str) -> str:
    return hashlib.sha256(session.encode("utf-8", "surrogateescape")).hexdigest()
