"""The door: who may use this server, from where, with which token; and the headers that every answer carries.

On loopback without tokens everything is open to the programs of this machine, and to no web page of another site: such a
page is stopped by its `Origin`, and one whose name was re-bound to 127.0.0.1 by its `Host`. Anywhere else, or as soon as
one token was made, each request needs a token.
"""

from __future__ import annotations

import ipaddress
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse

from stagelight import _clock, _guard
from stagelight.errors import ConfigurationError, StoreUnavailableError
from stagelight.web import login, otlp
from stagelight.web.body import drain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from stagelight.store import Grant, Store

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: with it a browser sends `Origin: null` from our own forms, which is refused below.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
HEALTH = "/health"
OPEN_PATHS = ("/login", "/logout", "/favicon.ico")
SAFE_METHODS = ("GET", "HEAD")
SIGNED_PATHS = (
    "/feedback/explicit",
    "/feedback/implicit",
)  #: Also for whoever shows a signed feedback token in the body.
TOKENS_SEEN_NS = 2_000_000_000  #: How long an answer to "is there any token?" is believed.


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach a server that listens on `host`.

    >>> is_loopback("127.0.0.1"), is_loopback("[::1]"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def refuse_open_door(host: str, *, has_token: bool) -> None:
    """Refuse to serve others than this machine without asking them for a token.

    Raises:
        ConfigurationError: `host` is not loopback, and the store has no token.
    """
    if not is_loopback(host) and not has_token:
        raise ConfigurationError(
            f"refusing to listen on {host} without a token: make one with `stagelight token create`, or use 127.0.0.1"
        )


def host_name(value: str) -> str:
    """The name or address in a Host header, without its port; empty where the header makes no sense.

    >>> host_name("localhost:4318"), host_name("[::1]:4318"), host_name("evil@x:1"), host_name("::1")
    ('localhost', '::1', '', '')
    """
    if value.startswith("["):
        name, _, port = value[1:].partition("]")
        port = port.removeprefix(":") if port else "0"
    else:
        name, colon, port = value.partition(":")
        port = port if colon else "0"
    odd = not name or not port.isdigit() or any(sign in name for sign in "@/\\?#[] ")
    return "" if odd else name.lower()


class Door:
    """Decides about each request; one for each server."""

    def __init__(self, store: Store, *, host: str, allowed_hosts: Iterable[str] = ()) -> None:
        """Guard `store` on a server that listens on `host` and is known by the names `allowed_hosts` too."""
        self._store = store
        self._local = is_loopback(host)
        self._names = {"localhost", *(name.lower() for name in allowed_hosts)}
        if not self._local:
            self._names |= {host.lower(), socket.gethostname().lower()}
        self._tokens_seen_ns: int | None = None
        self._any_token = False
        self.sessions = login.Sessions()

    def foreign(self, request: Request) -> str:
        """Why the request comes from a place that has no business here; empty if it does not."""
        host = request.headers.get("host", "")
        if not self._host_allowed(host):
            return f"Host {host[:80]!r} is not this server's; if it should be, add it to STAGELIGHT_ALLOWED_HOSTS."
        origins = request.headers.getlist("origin")
        if any(not _same_origin(origin, host) for origin in origins):
            return "Requests from web pages of other origins are refused."
        cross = request.headers.get("sec-fetch-site", "") in ("cross-site", "same-site")
        if cross and request.method not in SAFE_METHODS:
            return "Requests from web pages of other sites are refused."
        return ""

    def _host_allowed(self, value: str) -> bool:
        name = host_name(value)
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # A numeric address cannot be re-bound by somebody's name server.
        return address.is_loopback or not self._local

    @property
    def open(self) -> bool:
        """Whether this machine's programs come in without a token, as far as is known."""
        return self._local and not self._any_token

    async def needs_token(self) -> bool:
        """Whether a request must show a token: always off loopback, and as soon as one was made."""
        now, seen = _clock.monotonic_ns(), self._tokens_seen_ns
        if not self._any_token and (seen is None or now - seen > TOKENS_SEEN_NS):
            self._any_token = await run_in_threadpool(self._store.tokens.any)
            self._tokens_seen_ns = now
        return self._any_token or not self._local

    async def grant(self, request: Request) -> Grant | None:
        """What the request's token allows; None where it has none, or one that is unknown, expired or revoked."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            token = "" if request.url.path.startswith(("/api/", "/v1/")) else self.sessions.token(request)
        token = token.strip()
        if not token or len(token) > login.MAX_TOKEN:
            return None
        return await run_in_threadpool(self._store.tokens.verify, token)


def scope_for(request: Request) -> str:
    """The scope that a token needs for this request."""
    if request.url.path.startswith("/v1/"):
        return "ingest"
    return "read" if request.method in SAFE_METHODS else "feedback"


def also_for(request: Request) -> tuple[str, ...]:
    """Other scopes that do: a program that sends decisions may read the policy they come from."""
    return ("feedback",) if request.url.path.startswith("/api/routers/") else ()


class Gate:
    """ASGI middleware around everything: asks the `Door`, then dresses the answer in `HEADERS`."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        """Guard `app`."""
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on with `request.state.grant` set."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.grant = None
        refusal = await self._refusal(request)
        dressed = _Dressed(send)
        if refusal is not None:
            await drain(request)
            await refusal(scope, receive, dressed)
            return
        served = False
        with _guard.guard("web"):
            await self._app(scope, receive, dressed)
            served = True
        if not served and not dressed.begun:
            await answer(request, 500, "An error inside the server; its log says more.")(scope, receive, dressed)

    async def _refusal(self, request: Request) -> Response | None:
        if reason := self._door.foreign(request):
            return answer(request, 403, reason)
        try:
            return await self._unknown(request)
        except StoreUnavailableError as error:
            return answer(request, 503, str(error))

    async def _unknown(self, request: Request) -> Response | None:
        """Refuse a request whose token is missing or does not reach far enough."""
        path = request.url.path
        if path in OPEN_PATHS or path.startswith("/static/"):
            return None
        if not await self._door.needs_token():
            return None
        grant = await self._door.grant(request)
        if grant is None and path in SIGNED_PATHS and request.method == "POST" and not _shows_token(request):
            request.state.public = True
            return None
        if grant is None:
            # Whoever starts servers asks for their health without a token; it says more to one who has one.
            return None if path == HEALTH else _who_are_you(request)
        if not {scope_for(request), "admin", *also_for(request)} & set(grant.scopes):
            return answer(request, 403, f"This token lacks the scope {scope_for(request)!r}.")
        request.state.grant = grant
        return None


def answer(request: Request, status: int, message: str) -> Response:
    """One clear sentence with `status`: an OTLP Status under /v1/, plain JSON elsewhere."""
    if request.url.path.startswith("/v1/"):
        return otlp.failure(request, status, message)
    headers = {"retry-after": str(otlp.RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return JSONResponse({"message": message}, status, headers=headers)


def _shows_token(request: Request) -> bool:
    """Whether the request claims to be a program's of ours: a token that does not hold is then an error to be told."""
    return "authorization" in request.headers


def _who_are_you(request: Request) -> Response:
    """Send a person to the login page, and tell a program what is missing."""
    if request.method in SAFE_METHODS and "text/html" in request.headers.get("accept", ""):
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(asked, safe='/')}", status_code=303)
    refusal = answer(request, 401, "A token is needed: send `Authorization: Bearer sl_…`.")
    refusal.headers["www-authenticate"] = "Bearer"
    return refusal


def _same_origin(origin: str, host: str) -> bool:
    """Whether a page of `origin` is one of our own; `null` (sandboxes, local files) never is."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https"):
        return False
    name, default = host_name(host), 443 if parts.scheme == "https" else 80
    asked = host.rpartition(":")[2]
    return (parts.hostname or "") == name and (port or default) == (int(asked) if asked.isdigit() else default)


class _Dressed:
    """`send`, with `HEADERS` on what it sends."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)
