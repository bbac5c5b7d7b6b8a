"""Who hears that rewards were queued in this process."""

from __future__ import annotations

from stagelight import _guard
from stagelight.sink import news


def test_listeners_hear_how_many_were_queued_until_they_leave():
    """Each hears once of each commit, whoever joined twice; nothing queued is no news."""
    heard: list[object] = []
    news.subscribe(heard.append)
    news.subscribe(heard.append)

    news.tell({("acme", "shop"): 2})
    news.tell({})
    news.unsubscribe(heard.append)
    news.unsubscribe(heard.append)
    news.tell({("acme", "shop"): 1})

    assert heard == [{("acme", "shop"): 2}]


def test_a_listener_that_fails_costs_nobody_anything():
    """Its error is counted, the others hear, and whoever wrote the reward goes on."""
    _guard.forget()
    heard: list[object] = []

    def broken(_queued: object) -> None:
        raise ValueError("boom")

    news.subscribe(broken)
    news.subscribe(heard.append)
    news.tell({("acme", "shop"): 1})
    news.unsubscribe(broken)
    news.unsubscribe(heard.append)

    assert (len(heard), _guard.errors()) == (1, {"sink": 1})
    _guard.forget()
