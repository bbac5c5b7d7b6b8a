"""The keeper: what fires is posted again and again, what failed is tried again, and a bad one holds nobody up."""

from __future__ import annotations

import logging
from contextlib import contextmanager

import pytest

from fake_alertmanager import posted
from ports import free_port
from servers import refusing
from stagelight import config
from stagelight.alerts import Alert, Keeper
from stagelight.alerts.alertmanager import Client
from stagelight.errors import ConfigurationError, StoreUnavailableError

SOON = 0.02


@contextmanager
def keeping(outbox, *servers, resend_seconds=SOON):
    """A keeper that runs and posts to these."""
    keeper = Keeper(outbox, peers=[Client(getattr(s, "url", s)) for s in servers], resend_seconds=resend_seconds)
    keeper.start()
    try:
        yield keeper
    finally:
        assert keeper.stop()


def names(call):
    return sorted(alert["labels"]["alertname"] for alert in call)


def often(name, count):
    return lambda calls: sum(name in names(call) for call in calls) >= count


def test_what_fires_is_posted_again_and_again(outbox):
    """As long as nobody says that it is over; then its end is."""
    outbox.put([(Alert(name="A"), 1)])
    with posted() as server, keeping(outbox, server) as keeper:
        server.wait(often("A", 3))
        keeper.tell(outbox.put([(Alert(name="A").ended(), 2)]))
        server.wait(lambda calls: "endsAt" in calls[-1][0])

        ends = ["endsAt" in post for post in server.named("A")]

    assert ends == sorted(ends), "an end is not taken back"


def test_news_does_not_wait_for_the_next_round(outbox):
    """With an hour between two rounds, what is told is posted at once, alone."""
    outbox.put([(Alert(name="Old"), 1)])
    with posted() as server, keeping(outbox, server, resend_seconds=3_600) as keeper:
        server.wait(often("Old", 1))
        keeper.tell(outbox.put([(Alert(name="New"), 1)]))

        calls = server.wait(often("New", 1))

    assert [names(call) for call in calls] == [["Old"], ["New"]]


def test_the_later_word_counts_where_both_wait(outbox):
    """An alert that ended before it was posted is posted as ended, not as both."""
    with posted() as server:
        keeper = Keeper(outbox, peers=[Client(server.url)], resend_seconds=3_600)
        keeper.tell([Alert(name="A")])
        keeper.tell([Alert(name="A").ended()])
        keeper._peers[0].turn(False)

        assert ["endsAt" in post for post in server.named("A")] == [True]


def test_many_go_in_several_requests(outbox):
    """No request grows without bound."""
    outbox.put([(Alert(name=f"A{n}"), 1) for n in range(450)])
    with posted() as server, keeping(outbox, server, resend_seconds=3_600):
        calls = server.wait(lambda calls: sum(map(len, calls)) == 450)

    assert [len(call) for call in calls] == [200, 200, 50]


def test_a_peer_that_comes_back_gets_everything(outbox, caplog):
    """Away at first: one line says so; back again: it gets what fires without being told anew."""
    away = [True]
    outbox.put([(Alert(name="A"), 1)])
    with posted() as server, caplog.at_level(logging.WARNING):
        server.answer = lambda _alerts: (503, b"starting") if away[0] else (200, b"")
        with keeping(outbox, server):
            server.wait(lambda calls: len(calls) >= 3)
            away[0] = False
            seen = len(server.calls)
            server.wait(lambda calls: len(calls) >= seen + 2)

    said = [record.getMessage() for record in caplog.records]
    assert sum("answers 503: starting; nothing is lost" in line for line in said) == 1
    assert sum("goes on" in line for line in said) == 1


def test_one_peer_away_does_not_hold_up_the_other(outbox):
    """Each has its own thread."""
    outbox.put([(Alert(name="A"), 1)])
    with posted() as server, keeping(outbox, refusing(), server):
        server.wait(often("A", 3))


def test_one_that_is_refused_does_not_hold_up_the_others(outbox, caught):
    """A request that Alertmanager refuses is sent again alert by alert; the bad one is counted."""
    outbox.put([(Alert(name=name), 1) for name in ("Good", "Bad", "Fine")])
    with posted() as server:
        server.answer = lambda alerts: (400, b'"bad"') if "Bad" in names(alerts) else (200, b"")
        with keeping(outbox, server, resend_seconds=3_600):
            server.wait(lambda calls: len(calls) == 4)

    assert sorted(names(call)[0] for call in server.calls[1:]) == ["Bad", "Fine", "Good"]
    assert caught() == {"alerts": 1}


def test_a_store_that_is_away_is_asked_again(outbox, monkeypatch):
    """What cannot be read now is read later; the thread lives on."""
    outbox.put([(Alert(name="A"), 1)])
    read, tries = outbox.current, []

    def failing():
        tries.append(1)
        if len(tries) < 3:
            raise StoreUnavailableError("away")
        return read()

    monkeypatch.setattr(outbox, "current", failing)
    with posted() as server, keeping(outbox, server):
        server.wait(often("A", 1))


def test_an_error_of_our_own_does_not_end_the_thread(outbox, monkeypatch, caught):
    """What nobody foresaw is counted, and the next round comes."""
    read, tries = outbox.current, []

    def broken():
        tries.append(1)
        if len(tries) < 2:
            raise RuntimeError("unforeseen")
        return read()

    outbox.put([(Alert(name="A"), 1)])
    monkeypatch.setattr(outbox, "current", broken)
    with posted() as server, keeping(outbox, server):
        server.wait(often("A", 1))

    assert caught() == {"alerts": 1}


def test_what_was_told_last_is_posted_before_the_end(outbox):
    """A relay that is told to stop takes its last news along."""
    with posted() as server, keeping(outbox, server, resend_seconds=3_600) as keeper:
        server.wait(lambda calls: len(calls) == 1)
        keeper.tell(outbox.put([(Alert(name="Last"), 1)]))
        assert keeper.stop()

        assert server.named("Last")


def test_the_settings_say_who_is_told(outbox):
    """Each address once; none makes a keeper with nothing to do, which may be started and stopped all the same."""
    url = f"http://127.0.0.1:{free_port()}"
    told = config.load(environ={"STAGELIGHT_ALERTMANAGER_URLS": f"{url}, {url}"})

    keeper = Keeper.of_settings(told, outbox)
    idle = Keeper.of_settings(config.load(environ={}), outbox)

    assert not keeper.idle
    assert idle.idle
    idle.start()
    idle.tell([Alert(name="A")])
    assert idle.stop()


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("STAGELIGHT_ALERTMANAGER_URLS", "am:9093", "expected http://host:port"),
        ("STAGELIGHT_ALERT_RESEND_SECONDS", "0", "STAGELIGHT_ALERT_RESEND_SECONDS: found 0"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(outbox, variable, value, sentence):
    """The sentence names the setting, before anything runs."""
    with pytest.raises(ConfigurationError, match=sentence):
        Keeper.of_settings(config.load(environ={variable: value}), outbox)
