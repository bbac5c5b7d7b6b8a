"""The HTTP client."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from odd_server import odd_server
from ports import free_port
from stagelight.egress import Client
from stagelight.egress.client import MAX_ANSWER, checked_url
from stagelight.errors import ConfigurationError, UnreachableError


def test_json_goes_out_and_the_answer_comes_back():
    """A payload is sent as JSON with the token as bearer, and the answer is read as JSON, whatever its status."""
    with odd_server() as server:
        server.answer = lambda _: (422, {"Content-Type": "application/json"}, b'{"message": "no"}')
        answer = Client(server.url + "/", token="sl_a_b").post("/api/x", {"a": [1, "é"]})

    assert (answer.status, answer.data) == (422, {"message": "no"})
    (seen,) = server.seen
    assert (seen.path, seen.headers["Content-Type"], seen.headers["Authorization"]) == (
        "/api/x",
        "application/json",
        "Bearer sl_a_b",
    )
    assert seen.body.decode() == '{"a":[1,"\\u00e9"]}'


def test_get_asks_without_a_body():
    """A question has no body, and an answer that is no JSON has no data."""
    with odd_server() as server:
        server.answer = lambda _: (200, {}, b"<html>")
        answer = Client(server.url).get("/health")

    assert (answer.body, answer.data, server.seen[0].method) == (b"<html>", None, "GET")


def test_deeply_nested_answer_is_no_data():
    """An answer nested too deep for the parser counts as no JSON."""
    with odd_server() as server:
        server.answer = lambda _: (200, {}, b"[" * 200_000)
        assert Client(server.url).get("/").data is None


def test_redirect_is_not_followed():
    """A redirect is an error: the token would go along to another server."""
    with odd_server() as server, odd_server() as elsewhere:
        server.answer = lambda _: (307, {"Location": elsewhere.url}, b"")
        with pytest.raises(UnreachableError, match="redirect"):
            Client(server.url, token="sl_a_b").post("/", {})

    assert elsewhere.seen == []


def test_refused_connection_is_one_clear_sentence():
    """A server that is not there is told in a few words, with its address."""
    port = free_port()

    with pytest.raises(UnreachableError, match=f"^cannot reach http://127.0.0.1:{port}: .*refused$"):
        Client(f"http://127.0.0.1:{port}").get("/")


def test_silent_server_is_given_up():
    """A server that takes the connection and never answers costs no more than the time allowed for reading."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", read_seconds=0.2)
        began = time.monotonic()
        with pytest.raises(UnreachableError, match="timed out"):
            client.get("/")

    assert time.monotonic() - began < 5  # reading may take ten elsewhere


def test_dripping_answer_is_given_up():
    """An answer that comes a byte at a time, each within its time, is given up when the whole takes too long."""
    stop = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not stop.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        with pytest.raises(UnreachableError, match=r"did not finish its answer within 0\.2 s"):
            Client(f"http://127.0.0.1:{listener.getsockname()[1]}", read_seconds=0.2).get("/")
        stop.set()
        thread.join(5)


def test_endless_answer_is_cut():
    """No more of an answer is read than is allowed."""
    with odd_server() as server:
        server.answer = lambda _: (200, {}, b"x" * (MAX_ANSWER + 1))
        with pytest.raises(UnreachableError, match="more than"):
            Client(server.url).get("/")


def test_proxy_of_the_environment_does_not_stand_before_loopback(monkeypatch):
    """A proxy that serves the outside world is not asked for a server on this machine."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with odd_server() as server:
        assert Client(server.url).get("/").status == 200


def test_forked_child_uses_a_connection_of_its_own():
    """A child does not write into the connection that its parent has open."""
    with odd_server() as server:
        client = Client(server.url)
        client.get("/")
        session = client._session()
        assert client._session() is session
        client._local.held = (os.getpid() + 1, session)  # as a child finds it after the fork
        assert client._session() is not session


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("localhost:4318", "expected http"),
        ("ftp://host", "expected http"),
        ("http://", "expected http"),
        ("http://host:99999999", "Port out of range"),
        ("http://user:secret@host", "with a user"),
        ("http://host/?a=b", "with a user, a query"),
    ],
)
def test_odd_address_is_refused(url, found):
    """An address that cannot be right is refused at once, without showing a password."""
    with pytest.raises(ConfigurationError, match=found) as caught:
        checked_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["sl_a\nX-Evil: 1", "sl_ä"])
def test_odd_token_is_refused(token):
    """A token that no header can carry is refused at once."""
    with pytest.raises(ConfigurationError, match="header"):
        Client("http://localhost:1", token=token)
