"""The notifier, with the real Apprise: what arrives at a webhook, at Slack and at Discord, and who is told."""

from __future__ import annotations

import json
import sys

import pytest

from servers import answering, refusing
from stagelight import config
from stagelight.alerts import Alert, Keeper
from stagelight.alerts.notify import Notifier, body, title
from stagelight.alerts.plain import GAP
from stagelight.errors import ConfigurationError, MissingExtraError

TRICKS = "<!channel> @everyone <@U1> [x](http://evil) ![x](http://evil/p.png) & <b>\r\nBcc: a@evil"
HOSTILE = Alert(
    name="A", severity="page", labels={"comment": TRICKS}, annotations={"summary": TRICKS, "description": TRICKS}
)


def to(server, *, path="/hook"):
    """Apprise's address of a plain webhook."""
    return f"{server.url.replace('http://', 'json://')}{path}"


def test_what_a_person_reads():
    """State, name, severity and owner first; then summary, labels, runbook and examples."""
    alert = Alert(
        name="QueueStuck",
        severity="page",
        labels={"tenant": "acme", "queue": "rewards"},
        annotations={"summary": "Nothing moves.", "runbook_url": "https://example.org/docs#queuestuck"},
        trace_ids=("ab" * 16,),
    )

    assert title(alert) == "[FIRING] QueueStuck (page) acme/default"
    assert title(alert.ended()) == "[RESOLVED] QueueStuck (page) acme/default"
    assert body(alert).splitlines() == [
        "Nothing moves.",
        "queue=rewards  tenant=acme",
        "runbook: https://example.org/docs#queuestuck",
        f"traces: {'ab' * 16}",
    ]
    assert body(Alert(name="Alone")) == "Alone"


def test_a_webhook_gets_it(monkeypatch):
    """One POST with title, text and kind."""
    with answering() as server:
        assert Notifier([to(server)]).send(Alert(name="A", severity="page", annotations={"summary": "s"}))

    (sent,) = map(json.loads, server.bodies["/hook"])
    assert (sent["title"], sent["message"], sent["type"]) == ("[FIRING] A (page) default/default", "s", "failure")


@pytest.mark.parametrize("service", ["slack", "discord"])
def test_users_text_calls_nobody_and_hides_no_link(service, monkeypatch):
    """In what is really sent: no mention, no live link, no image, no markup, and Slack reads no Markdown."""
    from apprise.plugins.discord import NotifyDiscord
    from apprise.plugins.slack import NotifySlack

    address = {"slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "discord": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV"}  # fmt: skip
    with answering() as server:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"{server.url}/slack")
        monkeypatch.setattr(NotifyDiscord, "notify_url", f"{server.url}/discord")
        notifier = Notifier([address[service]])
        notifier.send(HOSTILE)

    (text,) = [said.decode() for bodies in server.bodies.values() for said in bodies]
    sent = json.loads(text)
    said = json.dumps(sent, ensure_ascii=False)
    for risk in ("<", "@everyone", "@U1", "](", "![", "http://evil"):
        assert risk not in said, risk
    assert f"@{GAP}everyone" in said
    assert "github.com" not in said, "no picture is fetched from elsewhere"
    assert service != "slack" or sent["mrkdwn"] is False
    assert service != "discord" or "Bcc" in sent["content"]


def test_a_secret_address_is_in_no_message_of_ours():
    """A wrong address is told by its scheme alone."""
    with pytest.raises(ConfigurationError, match=r"slackk://… is no address") as raised:
        Notifier(["slackk://secret/secret/secret"])

    assert "secret" not in str(raised.value)


def test_a_redirect_is_not_followed():
    """The alert stays with the one it was meant for."""
    with answering() as other, answering(307, Location=f"{other.url}/hook") as server:
        assert not Notifier([to(server)]).send(Alert(name="A"))

    assert other.bodies == {}


@pytest.mark.parametrize(("floor", "told"), [("info", 5), ("ticket", 4), ("warning", 4), ("page", 2), ("critical", 2)])
def test_the_floor_keeps_the_rest_away(floor, told):
    """Whoever wants pages alone is not told of tickets."""
    notifier = Notifier(["json://127.0.0.1:9"], floor=floor)

    assert (
        sum(notifier.wants(Alert(name="A", severity=s)) for s in ("critical", "page", "warning", "ticket", "info"))
        == told
    )


def test_a_floor_that_is_none_is_refused():
    """With the nearest name."""
    with pytest.raises(ConfigurationError, match=r"found 'pages', expected one of .* Did you mean 'page'"):
        Notifier([], floor="pages")


def test_without_apprise_the_extra_is_named(monkeypatch):
    """And not the module that is missing."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'stagelight\[notify\]'"):
        Notifier(["json://127.0.0.1:9"])


def test_people_are_told_of_the_beginning_and_the_end_once_each(outbox):
    """Over a restart too: another keeper on the same outbox repeats nothing."""
    with answering() as server:
        told = config.load(environ={"STAGELIGHT_NOTIFY_URLS": to(server), "STAGELIGHT_ALERT_RESEND_SECONDS": "0.02"})

        def run(*words):
            keeper = Keeper.of_settings(told, outbox)
            keeper.start()
            for alert, at in words:
                keeper.tell(outbox.put([(alert, at)]))
            assert keeper.stop()

        run((Alert(name="A"), 1), (Alert(name="Quiet", severity="info"), 1))
        run()
        run((Alert(name="A").ended(), 2))
        run()

    titles = [json.loads(said)["title"] for said in server.bodies["/hook"]]
    assert titles == ["[FIRING] A (warning) default/default", "[RESOLVED] A (warning) default/default"]


def test_what_nobody_took_is_sent_again(outbox):
    """The receiver fails at first; the alert is not noted as told, and arrives when it works."""
    with answering(500) as server:
        told = config.load(environ={"STAGELIGHT_NOTIFY_URLS": to(server), "STAGELIGHT_ALERT_RESEND_SECONDS": "0.02"})
        outbox.put([(Alert(name="A"), 1)])
        keeper = Keeper.of_settings(told, outbox)
        keeper.start()
        assert server.called.wait(30)
        keeper.stop()
        assert outbox.unannounced()

        server.status = 200
        keeper = Keeper.of_settings(told, outbox)
        keeper.start()
        keeper.stop()

    assert outbox.unannounced() == []


def test_one_address_that_fails_does_not_keep_the_others_from_hearing(outbox):
    """It is told where it can be told."""
    with answering() as server:
        away = refusing().replace("http://", "json://")
        assert Notifier([away, to(server)]).send(Alert(name="A"))

    assert len(server.bodies["/hook"]) == 1
