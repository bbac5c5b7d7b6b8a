"""Requests to one server, over a connection that is kept."""

from __future__ import annotations

import ipaddress
import json
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stagelight import _clock
from stagelight.errors import ConfigurationError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests
    import urllib3

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
MAX_ANSWER = 4 * 2**20  #: Bytes of an answer that are read.


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    body: bytes

    @property
    def data(self) -> Any:
        """The body as JSON, or None where it is something else."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Client:
    """Sends JSON to one server; safe to use from several threads and after a fork.

    Redirects are not followed: a server which answers with one is not the server that was meant, and a token would go
    along. Proxies of the environment are used, but not for loopback.
    """

    def __init__(
        self, url: str, *, token: str = "", connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS
    ) -> None:
        """Speak to the server at `url`, with `token` as the bearer where it is given.

        Raises:
            ConfigurationError: `url` is not an http or https address, or the token holds what a header cannot.
        """
        self.url = checked_url(url)
        if not token.isascii() or not token.isprintable():
            raise ConfigurationError("the token holds characters that a header cannot; was it copied whole?")
        self._token = token
        self._timeouts = (connect_seconds, read_seconds)
        self._local = threading.local()

    def post(self, path: str, payload: object) -> Answer:
        """Send `payload` as JSON to `path` and return the answer, whatever its status.

        Raises:
            UnreachableError: No connection, no answer in time, a redirect, or an answer that is too long.
        """
        body = json.dumps(payload, separators=(",", ":"), allow_nan=False).encode()
        return self._send("POST", path, body, {"Content-Type": "application/json"})

    def get(self, path: str) -> Answer:
        """Ask for `path` and return the answer, whatever its status.

        Raises:
            UnreachableError: As `post`.
        """
        return self._send("GET", path, None, {})

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        import requests
        import urllib3

        try:
            with self._session().request(
                method,
                self.url + path,
                data=body,
                headers=dict(headers),
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.is_redirect:
                    raise UnreachableError(f"{self.url} answers with a redirect to another address; give the final one")
                return Answer(response.status_code, self._read(response.raw))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise UnreachableError(f"cannot reach {self.url}: {_why(error)}") from error

    def _read(self, raw: urllib3.BaseHTTPResponse) -> bytes:
        """The answer's body; given up when it is too long, or drips for longer than an answer may take."""
        until = _clock.monotonic_ns() + int(self._timeouts[1] * 1e9)
        content = b""
        while piece := raw.read1(MAX_ANSWER, decode_content=True):
            content += piece
            if len(content) > MAX_ANSWER:
                raise UnreachableError(f"{self.url} answered with more than {MAX_ANSWER} bytes")
            if _clock.monotonic_ns() > until:
                raise UnreachableError(f"{self.url} did not finish its answer within {self._timeouts[1]:g} s")
        return content

    def _session(self) -> requests.Session:
        """A session of this thread and process: two processes must not write into one connection."""
        held: tuple[int, requests.Session] | None = getattr(self._local, "held", None)
        if held is None or held[0] != os.getpid():
            held = os.getpid(), self._fresh_session()
            self._local.held = held
        return held[1]

    def _fresh_session(self) -> requests.Session:
        import requests

        session = requests.Session()
        session.headers["User-Agent"] = "stagelight"
        session.trust_env = not _is_loopback(urlsplit(self.url).hostname or "")
        token = self._token

        def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
            if token:
                request.headers["Authorization"] = f"Bearer {token}"
            return request

        # A function, not a header: a password for this host in ~/.netrc would replace the header.
        session.auth = sign
        return session


def checked_url(url: str) -> str:
    """Return `url` without a slash at its end.

    Raises:
        ConfigurationError: It has no scheme, another one than http and https, no host, or carries a password.

    >>> checked_url("http://localhost:4318/")
    'http://localhost:4318'
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"address {url!r}: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError(f"address {url!r}: expected http://host:port or https://host:port")
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            "address with a user, a query or a fragment: expected http://host:port alone; the token is a setting"
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _why(error: Exception) -> str:
    """The innermost reason, in a few words: what requests says itself is a page long."""
    inner: BaseException = error
    while (deeper := inner.__cause__ or inner.__context__) is not None and deeper is not inner:
        inner = deeper
    return (str(getattr(inner, "strerror", "") or inner) or type(inner).__name__)[:200]
