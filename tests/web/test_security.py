"""Who may use the server, and the headers on every answer."""

from __future__ import annotations

import socket

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from serving import served
from spans import body, span
from stagelight import _clock, wire
from stagelight.config import load
from stagelight.errors import ConfigurationError, StoreUnavailableError
from stagelight.store import open_store
from stagelight.store.tokens import Tokens
from stagelight.testing import SteppingClock
from stagelight.web import create_app, login
from stagelight.web.security import CSP, Door, host_name, is_loopback, refuse_open_door
from stagelight.web.server import serve
from stagelight.wire.records import MetricPoint

PROTOBUF = {"Content-Type": "application/x-protobuf"}
TRUTH = {"event": "cancelled", "entity": "c1"}


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:4318", True),
        ("localhost", True),
        ("LOCALHOST:80", True),
        ("[::1]:4318", True),
        ("[::1]", True),
        ("127.9.9.9:1", True),
        ("evil.example", False),
        ("evil.example:4318", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evil@localhost", False),
        ("localhost:4318@evil.example", False),
        ("192.168.1.7:4318", False),
        ("0.0.0.0:4318", False),
        ("::1", False),
        ("", False),
        ("localhost:x", False),
    ],
)
def test_host_must_be_this_machine(shared, host, allowed):
    """A name that somebody re-bound to 127.0.0.1 is refused by its Host, on every path."""
    for path in ("/health", "/api/traces", "/"):
        answer = shared.client.get(path, headers={"Host": host})
        assert (answer.status_code == 200) is allowed, path
        if not allowed:
            assert answer.status_code in (400, 403)


def test_more_names_can_be_allowed(tmp_path):
    """A name from the settings is this server's too, as behind a proxy or in a compose file."""
    with served(tmp_path, allowed_hosts=("stagelight",)) as server:
        assert server.client.get("/health", headers={"Host": "stagelight:4318"}).status_code == 200


@given(st.text(max_size=40))
def test_odd_host_headers_never_raise(text):
    """Whatever the header holds, it is a name, or nothing."""
    name = host_name(text)
    assert not set(name) & set("@/\\?#[] ")


@pytest.mark.parametrize(
    "origin", ["null", "https://evil.example", "http://localhost:1", "file://", "http://127.0.0.1", "http://[", "evil"]
)
@pytest.mark.parametrize(
    ("method", "path", "headers", "content"),
    [
        ("POST", "/v1/traces", PROTOBUF, b""),
        ("POST", "/v1/logs", {"Content-Type": "application/json"}, b"{}"),
        ("POST", "/api/truth", {"Content-Type": "application/json"}, b"{}"),
        ("OPTIONS", "/v1/traces", {"Access-Control-Request-Method": "POST"}, b""),
        ("GET", "/api/traces", {}, b""),
        ("GET", "/live", {}, b""),
    ],
)
def test_pages_of_other_origins_are_refused(shared, origin, method, path, headers, content):
    """A web page of another origin, a sandboxed one (`null`) too, can neither send nor ask; no answer invites it."""
    answer = shared.client.request(method, path, headers={**headers, "Origin": origin}, content=content)

    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_own_pages_may_ask(shared):
    """The server's own pages are of its origin, by whichever of its names they were opened."""
    port = shared.url.rpartition(":")[2]
    for name in ("127.0.0.1", "localhost", "[::1]"):
        headers = {"Host": f"{name}:{port}", "Origin": f"http://{name}:{port}"}
        assert shared.client.get("/api/traces", headers=headers).status_code == 200
    https = {"Host": "localhost", "Origin": "https://localhost"}  # behind a proxy that ends TLS
    assert shared.client.get("/api/traces", headers=https).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_browser_that_names_another_site_may_only_follow_links(shared, site):
    """A link from elsewhere opens a page; anything that writes is refused even without an Origin."""
    headers = {"Sec-Fetch-Site": site}

    assert shared.client.get("/", headers=headers).status_code == 200
    assert shared.client.post("/v1/traces", headers={**headers, **PROTOBUF}, content=b"").status_code == 403


@pytest.mark.parametrize("path", ["/api/predictions", "/api/feedback", "/api/truth"])
@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_api_takes_json_alone(shared, path, content_type):
    """What a form can send without asking first is not taken."""
    answer = shared.client.post(path, headers={"Content-Type": content_type}, content=b'{"event":"x","entity":"y"}')

    assert answer.status_code == 415
    assert "send application/json" in answer.json()["message"]
    assert shared.store.rows.count("truth") == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/traces"),
        ("GET", "/traces/nope"),
        ("GET", "/nope"),
        ("GET", "/health"),
        ("GET", "/login"),
        ("GET", "/api/traces"),
        ("GET", "/api/traces/nope"),
        ("GET", "/api/openapi.json"),
        ("GET", "/static/x/nope.js"),
        ("PUT", "/api/traces"),
        ("POST", "/v1/traces"),
        ("POST", "/api/truth"),
        ("GET", "/favicon.ico"),
    ],
)
def test_headers_on_every_answer(shared, method, path):
    """Pages, API, errors and refusals alike carry the strict policy and the other usual headers."""
    for more in ({}, {"Host": "evil.example"}):
        headers = shared.client.request(method, path, headers=more).headers
        assert headers["content-security-policy"] == CSP
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "cache-control" in headers
        assert "server" not in headers


def test_policy_is_the_one_that_was_agreed():
    """No inline script or style, nothing from elsewhere, no framing."""
    assert CSP == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.com"])
def test_open_door_is_refused(host, tmp_path):
    """Not on loopback and no token: one line that says what to do, before anything listens."""
    with pytest.raises(ConfigurationError, match="without a token") as caught:
        serve(load(environ={}, start=tmp_path, host=host, port=0, store=str(tmp_path / "s.db")))

    assert "\n" not in str(caught.value)
    refuse_open_door(host, has_token=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_token(host):
    """Programs of this machine come in as they are."""
    assert is_loopback(host)
    refuse_open_door(host, has_token=False)


async def test_off_loopback_a_token_is_needed_and_numeric_hosts_are_fine(tmp_path):
    """A server for others asks for a token always, answers to its addresses and names, and to no others."""
    with open_store(tmp_path / "s.db") as store:
        store.tokens.create("t", tenant="acme", scopes=("read",), days=1)
        app = create_app(store, load(environ={}, start=tmp_path, host="0.0.0.0"))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.5:4318") as client:
            assert (await client.get("/api/traces")).status_code == 401
            assert (await client.get("/health")).json().keys() == {"status", "version", "rl_feedback_enabled"}
        async with httpx.AsyncClient(transport=transport, base_url="http://evil.example") as client:
            assert (await client.get("/health")).status_code == 403


ASKED = [
    ("POST", "/v1/traces", "ingest"),
    ("POST", "/v1/metrics", "ingest"),
    ("POST", "/v1/logs", "ingest"),
    ("POST", "/api/predictions", "feedback"),
    ("POST", "/api/feedback", "feedback"),
    ("POST", "/api/truth", "feedback"),
    ("GET", "/api/stages", "read"),
    ("GET", "/api/stages/x/series", "read"),
    ("GET", "/api/traces", "read"),
    ("GET", "/api/traces/x", "read"),
    ("GET", "/api/traces/x/otlp", "read"),
    ("GET", "/api/attributes", "read"),
    ("GET", "/api/sessions", "read"),
    ("GET", "/api/openapi.json", "read"),
    ("GET", "/", "read"),
    ("GET", "/traces", "read"),
    ("GET", "/compare", "read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ASKED)
def test_each_path_asks_for_its_scope(shared_guarded, method, path, scope):
    """Without a token 401; with a token of other scopes 403; with the right one, or admin, it is served."""
    headers = {"Content-Type": "application/json"}
    wrong = shared_guarded.token(*({"ingest", "feedback", "read"} - {scope}))

    missing = shared_guarded.client.request(method, path, headers=headers)
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, "Bearer")
    refused = shared_guarded.client.request(method, path, headers={**headers, **wrong})
    assert refused.status_code == 403
    assert repr(scope) in refused.text
    for name in (scope, "admin"):
        answer = shared_guarded.client.request(method, path, headers={**headers, **shared_guarded.token(name)})
        assert answer.status_code in (200, 400, 404, 422)


@pytest.mark.parametrize(
    "shown", ["Bearer", "Bearer ", "Bearer sl_x_y", "Basic sl_x_y", "Bearer " + "x" * 5000, "Bearer \xff"]
)
def test_odd_tokens_open_nothing(shared_guarded, shown):
    """Broken, unknown and over-long tokens are answered as none."""
    host, port = shared_guarded.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        head = f"GET /api/traces HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: {shown}\r\n\r\n"
        sock.sendall(head.encode("latin-1"))
        answer = sock.makefile("rb").readline()

    assert answer.startswith(b"HTTP/1.1 401")


def test_revoked_token_ends_at_once(guarded):
    """A revoked token is refused by the very next request."""
    headers = guarded.token("read")
    assert guarded.client.get("/api/traces", headers=headers).status_code == 200

    guarded.store.tokens.revoke(headers["Authorization"].split("_")[1])

    assert guarded.client.get("/api/traces", headers=headers).status_code == 401


def test_first_token_closes_an_open_server(server, monkeypatch):
    """As soon as a token was made, even on loopback and by another process, every request needs one."""
    monkeypatch.setattr("stagelight.web.security.TOKENS_SEEN_NS", 0)
    assert server.client.get("/api/traces").status_code == 200

    server.token("read")

    assert server.client.get("/api/traces").status_code == 401


async def test_whether_there_is_a_token_is_asked_seldom(tmp_path):
    """A busy open server does not ask its database for tokens at each request."""
    asked = []
    with open_store(tmp_path / "s.db") as store:
        any_ = store.tokens.any
        store.tokens.any = lambda: asked.append(1) or any_()
        door, clock = Door(store, host="127.0.0.1"), SteppingClock()
        with _clock.replaced(clock=clock):
            for _ in range(5):
                assert not await door.needs_token()
            assert len(asked) == 1
            clock.advance(seconds=3)
            await door.needs_token()
            assert len(asked) == 2


def test_store_away_is_a_503_and_not_an_open_door(guarded, monkeypatch):
    """While tokens cannot be looked up nobody comes in."""

    def away(*_: object) -> None:
        raise StoreUnavailableError("The database is away.")

    headers = guarded.token("admin")
    monkeypatch.setattr(Tokens, "verify", away)

    answer = guarded.client.get("/api/traces", headers=headers)

    assert (answer.status_code, answer.json()["message"]) == (503, "The database is away.")


def test_token_overrides_the_tenant_of_the_body_and_mismatches_are_counted(guarded):
    """Spans and rows are kept under the token's tenant whatever they say, and what said otherwise is counted."""
    writer, reader = guarded.token("ingest", "feedback"), guarded.token("read", "admin")
    spans = body(
        span(attributes={"stagelight.tenant": "other"}), span(attributes={"stagelight.tenant": "acme"}), span()
    )
    guarded.client.post("/v1/traces", headers={**PROTOBUF, **writer}, content=spans).raise_for_status()
    guarded.client.post("/api/truth", headers=writer, json={**TRUTH, "tenant": "other"}).raise_for_status()

    (row,) = guarded.client.get("/api/traces", headers=reader).json()["traces"]
    assert (row["tenant"], row["span_count"]) == ("acme", 3)
    assert {truth.tenant for truth in guarded.store.rows.export("truth")} == {"acme"}
    assert guarded.client.get("/health", headers=reader).json()["status"] == "ok"


def test_mismatches_are_seen(guarded):
    """The count of records that claimed another tenant is part of the server's health, for an admin alone."""
    writer = guarded.token("ingest")
    spans = body(
        span(attributes={"stagelight.tenant": "other"}), span(attributes={"stagelight.tenant": "acme"}), span()
    )
    guarded.client.post("/v1/traces", headers={**PROTOBUF, **writer}, content=spans).raise_for_status()

    for who in ({}, guarded.token("read"), {"Authorization": "Bearer sl_x_y"}):
        assert guarded.client.get("/health", headers=who).json().keys() == {"status", "version", "rl_feedback_enabled"}
    assert guarded.client.get("/health", headers=guarded.token("admin")).json()["tenant_mismatches"] == 1


def test_foreign_ids_are_404_everywhere(guarded):
    """Every path that takes an id answers 404 for one of another tenant, and no list shows it."""
    ours, theirs = guarded.token("admin", tenant="acme"), guarded.token("admin", tenant="rival")
    secret = span("secret-stage", trace=7, attributes={"session.id": "secret-session", "secret.key": "secret-value"})
    guarded.client.post("/v1/traces", headers={**PROTOBUF, **ours}, content=body(secret)).raise_for_status()
    point = MetricPoint(name="secret_metric", kind="gauge", time_ns=secret.end_ns, value=1.0)
    metric = wire.encode_metrics([point], "protobuf")
    guarded.client.post("/v1/metrics", headers={**PROTOBUF, **ours}, content=metric).raise_for_status()
    router = {"arms": ["secret-arm", "other"]}
    guarded.client.post("/api/routers/secret_metric", headers=ours, json=router).raise_for_status()
    app = create_app(guarded.store, load(environ={}))
    paths = [
        route.path
        for route in _routes(app)
        if "GET" in route.methods and "{" in route.path and "/static/" not in route.path
    ]
    assert len(paths) >= 5

    for path in paths:
        filled = (
            path.replace("{trace_id}", f"{7:032x}")
            .replace("{span_id}", secret.span_id)
            .replace("{stage:path}", "secret-stage")
            .replace("{name}", "secret_metric")
        )
        own, foreign = (guarded.client.get(filled, headers=who) for who in (ours, theirs))
        assert own.status_code == 200, filled
        if "stage" in path:
            assert any(point["calls"] for point in own.json()["points"])
            assert not any(point["calls"] for point in foreign.json()["points"])
        elif "metrics" in path:
            assert (len(own.json()["series"]), foreign.json()["series"]) == (1, [])
        else:
            assert foreign.status_code == 404, filled
    lists = (
        "/",
        "/traces",
        "/traces/suggest?field=session",
        "/traces/suggest",
        "/api/traces",
        "/api/stages",
        "/api/sessions",
        "/api/attributes",
        "/api/attributes?key=secret.key",
        "/api/routers",
        "/api/rl",
        "/api/rl/queue",
    )
    for path in lists:
        answer = guarded.client.get(path, headers=theirs)
        assert answer.status_code == 200
        assert "secret-" not in answer.text, path
        assert "secret_" not in answer.text, path
        assert f"{7:032x}" not in answer.text, path


def _routes(app) -> list[APIRoute]:
    return [context.route for context in iter_route_contexts(app.routes) if isinstance(context.route, APIRoute)]


def test_person_is_sent_to_the_login_page_and_back(guarded):
    """A browser without a cookie is asked for a token and comes back to the page it wanted."""
    token = guarded.token("read")["Authorization"].removeprefix("Bearer ")
    page = {"Accept": "text/html"}
    asked = guarded.client.get("/traces?q=a b", headers=page)
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/traces%3Fq%3Da%2520b")
    form = guarded.client.get(asked.headers["location"])
    assert 'value="/traces?q=a%20b"' in form.text

    wrong = guarded.client.post("/login", data={"token": "sl_no_no", "next": "/traces"})
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
    right = guarded.client.post("/login", data={"token": token, "next": "/traces?q=a"}, headers={"Origin": guarded.url})

    assert (right.status_code, right.headers["location"]) == (303, "/traces?q=a")
    cookie = right.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert token not in cookie
    assert guarded.client.get("/traces").status_code == 200
    assert guarded.client.get("/api/traces").status_code == 401  # the API takes bearer tokens alone
    assert guarded.client.post("/api/truth", json=TRUTH).status_code == 401


def test_cookie_ends_with_its_token_and_at_logout(guarded):
    """A revoked token ends the sessions that were opened with it; leaving ends one by itself."""
    headers = guarded.token("read")
    token = headers["Authorization"].removeprefix("Bearer ")
    guarded.client.post("/login", data={"token": token})
    assert guarded.client.get("/").status_code == 200
    held = dict(guarded.client.cookies)

    guarded.client.post("/logout")
    assert guarded.client.get("/", cookies=None).status_code == 401
    guarded.client.cookies.update(held)
    assert guarded.client.get("/").status_code == 401

    guarded.client.post("/login", data={"token": token})
    guarded.store.tokens.revoke(token.split("_")[1])
    assert guarded.client.get("/").status_code == 401


@pytest.mark.parametrize("scope", ["ingest", "feedback"])
def test_token_that_may_not_read_opens_no_session(shared_guarded, scope):
    """A program's token is no key to the pages."""
    token = shared_guarded.token(scope)["Authorization"].removeprefix("Bearer ")

    assert shared_guarded.client.post("/login", data={"token": token}).status_code == 401


def test_login_takes_a_small_form_alone(guarded):
    """JSON, long forms and forms from elsewhere are refused."""
    post = guarded.client.post
    assert post("/login", json={"token": "x"}).status_code == 415
    assert post("/login", data={"token": "x" * 5000}).status_code == 413
    assert post("/login", data={"token": "x" * 300}).status_code == 401
    assert post("/login", data={str(i): "x" for i in range(20)}).status_code == 413
    assert post("/login", data={"token": "x"}, headers={"Origin": "https://evil.example"}).status_code == 403


def test_login_leads_nowhere_else(guarded):
    """What follows the login is a page of this server, and no markup gets out of the form."""
    token = guarded.token("read")["Authorization"].removeprefix("Bearer ")
    for odd in ("//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nX: y", ""):
        answer = guarded.client.post("/login", data={"token": token, "next": odd})
        assert answer.headers["location"] == "/"
    shown = guarded.client.get("/login", params={"next": '/"><script>alert(1)</script>'}).text
    assert "<script" not in shown


def test_sessions_are_bounded_and_end(monkeypatch):
    """The oldest of too many sessions is logged out, and each ends after its time."""

    def asking(session: str) -> HTTPConnection:
        return HTTPConnection({"type": "http", "headers": [(b"cookie", f"{login.COOKIE}={session}".encode())]})

    monkeypatch.setattr(login, "MAX_SESSIONS", 3)
    clock = SteppingClock()
    with _clock.replaced(clock=clock):
        sessions = login.Sessions()
        opened = [sessions.open(f"token-{i}") for i in range(4)]
        assert [sessions.token(asking(session)) for session in opened] == ["", "token-1", "token-2", "token-3"]
        clock.advance(hours=13)
        assert sessions.token(asking(opened[3])) == ""
