"""The client: what it posts, and what it makes of the answers."""

from __future__ import annotations

import pytest

from fake_alertmanager import posted
from servers import refusing
from stagelight.alerts import Alert
from stagelight.alerts.alertmanager import Client, payload
from stagelight.errors import AlertError, ConfigurationError, UnreachableError


def test_what_fires_is_posted_without_an_end(stepping):
    """Alertmanager then counts it as over some minutes after the last post, whatever our clock says."""
    now = stepping.wall_ns() / 1e9
    alert = Alert(
        name="A", severity="page", labels={"tenant": "acme"}, annotations={"summary": "s"}, trace_ids=("ab" * 16,)
    )

    assert payload(alert) == {
        "labels": {"alertname": "A", "severity": "page", "tenant": "acme", "workspace": "default"},
        "annotations": {"summary": "s", "trace_ids": "ab" * 16},
        "startsAt": "2026-01-01T00:00:00.000000+00:00",
    }
    assert payload(alert.ended(now + 1.5))["endsAt"] == "2026-01-01T00:00:01.500000+00:00"


def test_a_beginning_in_the_future_is_now(stepping):
    """A sender's clock that is ahead would have the alert begin after its end, which Alertmanager refuses."""
    alert = Alert(name="A", starts_at=stepping.wall_ns() / 1e9 + 3_600)

    assert payload(alert)["startsAt"] == "2026-01-01T00:00:00.000000+00:00"


def test_a_refusal_is_final_and_says_why():
    """400 says that the same would be refused again."""
    with posted() as server:
        server.answer = lambda _alerts: (400, b'"no such label"')
        with pytest.raises(AlertError, match=r"refuses 2 alerts: no such label"):
            Client(server.url).post([Alert(name="A"), Alert(name="B")])


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_every_other_answer_means_later(status):
    """A proxy that is being set up answers many things; the alerts are still wanted after."""
    with posted() as server:
        server.answer = lambda _alerts: (status, b"\xff not JSON")
        with pytest.raises(UnreachableError, match=rf"answers {status}: . not JSON"):
            Client(server.url).post([Alert(name="A")])


def test_nobody_there_is_unreachable():
    """The address is in the sentence."""
    url = refusing()
    with pytest.raises(UnreachableError, match=url):
        Client(url).post([])


def test_an_address_that_is_none_is_refused_at_once():
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match="expected http://host:port"):
        Client("alertmanager:9093")
