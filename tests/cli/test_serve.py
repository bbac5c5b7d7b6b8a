"""`stagelight serve`, as a process: its address, its port, its end."""

from __future__ import annotations

import json
import signal
import socket
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from conftest import Process

    Start = Callable[..., Process]
    Call = Callable[..., Result]


def test_it_prints_the_address_and_the_store(start: Start, tmp_path: Path) -> None:
    """The page's address, the store's path and what a program must be told are printed; SIGTERM ends it with 0."""
    server = start("serve", "--port", 0, "--store", tmp_path / "a.db")

    url = server.until("  page ").split()[1]
    server.until(f"store  {tmp_path}/a.db")
    server.until(f"OTEL_EXPORTER_OTLP_ENDPOINT={url}")
    assert httpx.get(f"{url}/health", trust_env=False).json()["status"] == "ok"

    server.popen.send_signal(signal.SIGTERM)
    assert server.ended() == 0
    assert server.out == ""


def test_ctrl_c_ends_it_with_0(start: Start) -> None:
    """Ctrl-C is how it is meant to end, so it is no error and leaves no traceback."""
    server = start("serve", "--port", 0)
    server.until("Ctrl-C ends it.")

    server.ctrl_c()

    assert server.ended() == 0
    assert "Traceback" not in server.err


def test_a_taken_port_is_replaced_and_said_so(start: Start) -> None:
    """Where the port is in use the next free one is taken, and both are named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = start("serve", "--port", port)

        line = server.until("is taken")
        url = server.until("  page ").split()[1]

    assert line == f"Port {port} is taken, so this page is on {url.rpartition(':')[2]}."
    assert httpx.get(f"{url}/health", trust_env=False).status_code == 200


def test_json_tells_a_script_where_it_is(start: Start, tmp_path: Path) -> None:
    """With --json one line on stdout holds address, port and store."""
    server = start("serve", "--port", 0, "--json", STAGELIGHT_STORE=str(tmp_path / "b.db"))

    told = json.loads(server.until("url"))

    assert told["url"] == f"http://127.0.0.1:{told['port']}"
    assert (told["store"], told["moved"]) == (str(tmp_path / "b.db"), False)
    assert server.err == ""


def test_an_open_door_is_refused(call: Call) -> None:
    """Off loopback without a token it does not start: one line, exit code 2."""
    result = call("serve", "--host", "0.0.0.0", "--port", "0")

    assert result.exit_code == 2
    assert result.stderr.startswith("stagelight: refusing to listen on 0.0.0.0 without a token")
    assert "stagelight token create" in result.stderr


def test_an_address_of_another_machine_is_one_line(call: Call) -> None:
    """A host that is not this machine's cannot be listened on, and that is said in a line."""
    call("token", "create", "a")

    result = call("serve", "--host", "192.0.2.1", "--port", "0")

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_a_store_that_cannot_be_opened_is_one_line(call: Call, tmp_path: Path) -> None:
    """A file that is no database is told with its path and what to check; exit code 3."""
    odd = tmp_path / "odd.db"
    odd.write_text("no database " * 100)

    result = call("serve", "--port", "0", "--store", odd)

    assert result.exit_code == 3, result.stderr
    assert str(odd) in result.stderr
    assert result.stderr.count("\n") == 1
