"""`stagelight relay` as people run it: what it says, what it does, how it ends."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import httpx

from fake_alertmanager import posted
from stagelight.alerts import Alert
from urgent import PROTOBUF, body, event

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from click.testing import Result

    from conftest import Process

    Start = Callable[..., Process]
    Call = Callable[..., Result]


def test_it_says_where_it_listens_and_whom_it_tells_and_ends_on_sigterm(start: Start) -> None:
    """The address for the collector, each peer, and exit code 0; an alert sent to it arrives."""
    with posted() as one, posted() as two:
        relay = start("relay", "--port", "0", "--alertmanager", one.url, "--alertmanager", two.url)
        relay.until("Ctrl-C ends it.")
        url = relay.until("  relay ").split()[1]
        assert [line.split()[-1] for line in relay.err.splitlines() if line.startswith("  to")] == [one.url, two.url]

        assert httpx.post(url, content=body(event(Alert(name="A"))), headers=PROTOBUF, trust_env=False).is_success
        for peer in (one, two):
            peer.wait(any)

        relay.popen.send_signal(signal.SIGTERM)
        assert relay.ended() == 0


def test_json_is_for_scripts(start: Start) -> None:
    """One line with the address."""
    with posted() as peer:
        relay = start("relay", "--port", "0", "--alertmanager", peer.url, "--json")
        assert json.loads(relay.until('"url"'))["url"].startswith("http://127.0.0.1:")
        relay.ctrl_c()
        assert relay.ended() == 0


def test_with_nobody_to_tell_it_ends_with_one_line(call: Call) -> None:
    """Exit code 2, and the settings to set."""
    found = call("relay", "--port", "0")

    assert found.exit_code == 2
    assert (
        found.stderr
        == "stagelight: the relay has nobody to tell: set STAGELIGHT_ALERTMANAGER_URLS or STAGELIGHT_NOTIFY_URLS\n"
    )


def test_secrets_of_addresses_are_not_shown(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """`settings` says that they are set, no more."""
    monkeypatch.setenv("STAGELIGHT_NOTIFY_URLS", "slack://sesame/sesame/sesame")
    monkeypatch.setenv("STAGELIGHT_ALERTMANAGER_TOKEN", "sesame")

    assert "sesame" not in call("settings").output
    assert "sesame" not in call("settings", "--json").output
