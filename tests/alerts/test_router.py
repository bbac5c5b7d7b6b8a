"""Findings about models on their way to people: which are told, which are not, and what is said."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from stagelight import _clock, _guard, config
from stagelight.alerts import AlertRouter, Finding, Keeper, route_concept_drift_alerts
from stagelight.alerts.finding import finding
from stagelight.alerts.outbox import Outbox
from stagelight.errors import AlertError, ConfigurationError
from stagelight.store import current, open_store
from stagelight.testing import SteppingClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagelight.store import Store

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def clock() -> Iterator[SteppingClock]:
    """The clock that router and store ask."""
    stepping = SteppingClock()
    with _clock.replaced(clock=stepping):
        yield stepping


@pytest.fixture
def store(tmp_path: Path, clock: SteppingClock) -> Iterator[Store]:
    """The store in use."""
    with open_store(tmp_path / "a.db") as opened, current.using(opened):
        yield opened


@pytest.fixture
def chat() -> Iterator[tuple[str, list[bytes]]]:
    """A real server in the place of a chat: its address as Apprise writes it, and what it was told."""
    told: list[bytes] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://127.0.0.1:{server.server_port}/", told
    server.shutdown()
    server.server_close()


def worse(model: str = "churn", **fields: Any) -> Finding:
    """A model that lost accuracy."""
    given: dict[str, Any] = {
        "kind": "accuracy_degradation", "model": model, "model_version": "v3", "severity": "high", "baseline": 0.912,
        "current": 0.84, "p_value": 0.0002, "baseline_size": 1204, "current_size": 610, "trace_ids": (TRACE,),
    }  # fmt: skip
    return Finding(**given | fields)


def test_an_alert_says_what_happened_and_what_to_do_with_its_figures() -> None:
    """Each kind has its sentence and its recommended action; the alert carries both, and example traces."""
    alert = worse().alert()
    assert alert.name == "StagelightConceptDrift"
    assert alert.severity == "page"
    assert alert.trace_ids == (TRACE,)
    assert alert.annotations["summary"] == (
        "churn v3: accuracy fell from 91.2% to 84.0% (1,204 before, 610 now), p = 0.0002"
    )
    assert "7.2 points of accuracy were lost" in alert.annotations["description"]
    seen = worse(estimated=0.85).alert().annotations["description"]
    assert "What comes in has changed" in seen
    assert "85.0% expected" in seen
    unseen = worse(estimated=0.91).alert().annotations["description"]
    assert "The meaning of the label has changed" in unseen
    assert "still promise 91.0%" in unseen
    calibration = worse(kind="calibration_drift", baseline=0.02, current=0.11).alert()
    assert calibration.name == "StagelightCalibrationDrift"
    assert "rose from 0.020 to 0.110" in calibration.annotations["summary"]
    assert "isotonic, on the 610 newest labels" in calibration.annotations["description"]
    moved = worse(kind="score_drift", baseline=0.0, current=0.31, feature="ink").alert()
    assert moved.name == "StagelightModelDrift"
    assert "the distribution of ink moved, PSI 0.31" in moved.annotations["summary"]
    assert "reference of ink" in moved.annotations["description"]


def test_low_severity_is_skipped(store: Store) -> None:
    """A low finding is told to nobody; one at the floor is."""
    routed = AlertRouter().route_batch([worse(severity="low"), worse("risk", severity="medium")])
    assert [one.model for one in routed.low] == ["churn"]
    assert [one.model for one in routed.sent] == ["risk"]
    assert [kept.name for kept in store.outbox.recent()] == ["StagelightConceptDrift"]
    assert AlertRouter(floor="critical").route(worse()).sent == ()


def test_a_repeated_finding_waits_for_a_day_also_after_a_restart(store: Store, clock: SteppingClock) -> None:
    """Told again only after a day, by whichever process; a worse severity is told at once."""
    assert AlertRouter().route(worse()).sent
    clock.advance(hours=23)
    again = AlertRouter(store=store).route_batch([worse(), worse(severity="critical")])
    assert [one.severity for one in again.repeated] == ["high"]
    assert [one.severity for one in again.sent] == ["critical"]
    clock.advance(hours=2)
    assert AlertRouter().route(worse()).sent


def test_what_fires_again_within_the_day_fires_at_alertmanager(store: Store, clock: SteppingClock) -> None:
    """Found, gone, found again; or worse and back: people are told once, and yet what is found is never shown as over."""

    def checked(*found: Finding) -> list[str]:
        router = AlertRouter(store=store)
        router.route_batch(found)
        router.resolve([worse().subject], found)
        clock.advance(hours=1)
        return [alert.severity for alert in Outbox(store.outbox).current() if alert.firing]

    assert checked(worse()) == ["page"]
    assert checked() == []
    assert checked(worse()) == ["page"]
    assert checked(worse(severity="critical")) == ["critical"]
    assert checked(worse()) == ["page"]


def test_people_hear_of_a_finding_that_comes_and_goes_once_a_day(
    store: Store, chat: tuple[str, list[bytes]], clock: SteppingClock
) -> None:
    """Found, gone, found, gone: its first beginning and its first end; found again or still tomorrow, it is told anew."""
    address, told = chat
    settings = config.load(notify_urls=(address,))

    def checked(*found: Finding) -> list[str]:
        router = AlertRouter(settings)
        router.route_batch(found)
        router.resolve([worse().subject], found)
        keeper = Keeper.of_settings(settings, Outbox(store.outbox))
        keeper.start()
        assert keeper.stop()
        clock.advance(hours=2)
        heard = [json.loads(said)["title"].split("]")[0][1:] for said in told]
        told.clear()
        return heard

    assert checked(worse()) == ["FIRING"]
    assert checked() == ["RESOLVED"]
    assert [checked(*found) for found in ([worse()], [], [worse()], [], [worse()])] == [[]] * 5
    clock.advance(hours=24)
    assert checked(worse()) == ["FIRING"], "it fires still, and nobody knew"
    assert checked() == ["RESOLVED"]


def test_what_nobody_could_be_told_is_told_when_it_fires_again(
    store: Store, chat: tuple[str, list[bytes]], clock: SteppingClock
) -> None:
    """It came and went while nobody could be told: within the day or not, its next beginning is the first that people hear of."""
    address, told = chat
    router = AlertRouter(config.load())
    router.route(worse())
    router.resolve([worse().subject], [])
    clock.advance(hours=1)
    router.route(worse())

    keeper = Keeper.of_settings(config.load(notify_urls=(address,)), Outbox(store.outbox))
    keeper.start()
    assert keeper.stop()

    assert [json.loads(said)["title"][:8] for said in told] == ["[FIRING]"]


def test_the_same_finding_twice_in_a_batch_is_sent_once(store: Store) -> None:
    """Duplicates within a batch count as repeated."""
    routed = AlertRouter().route_batch([worse(), worse()])
    assert (len(routed.sent), len(routed.repeated)) == (1, 1)
    assert len(store.outbox.recent()) == 1


def test_a_tenant_gets_so_many_an_hour_the_worst_first(store: Store, clock: SteppingClock) -> None:
    """Past the limit the rest waits for the next hour; another tenant is not held up by it."""
    batch = [worse(f"m{number}", severity="medium") for number in range(4)] + [worse("worst", severity="critical")]
    router = AlertRouter(store=store, most_per_hour=2)
    routed = router.route_batch(batch)
    assert [one.model for one in routed.sent] == ["worst", "m0"]
    assert [one.model for one in routed.limited] == ["m1", "m2", "m3"]
    assert router.route(worse("other", tenant="b")).sent
    clock.advance(minutes=61)
    assert [one.model for one in router.route_batch(batch).sent] == ["m1", "m2"]


def test_what_is_found_no_more_is_over(store: Store, clock: SteppingClock) -> None:
    """An alert ends when its subject was examined and found well, or of another severity; what was not examined goes on."""
    router = AlertRouter(store=store)
    router.route_batch([worse(), worse("risk"), worse("other")])
    clock.advance(hours=1)
    assert router.resolve([worse().subject, worse("risk").subject], [worse("risk")]) == 1
    ended = {kept.labels["model"]: kept.ends_ns <= clock.wall_ns() for kept in store.outbox.recent()}
    assert ended == {"churn": True, "risk": False, "other": False}
    router.route(worse("risk", severity="critical"))
    clock.advance(hours=1)
    assert router.resolve([worse("risk").subject], [worse("risk", severity="critical")]) == 1
    assert router.resolve([worse("risk").subject], [worse("risk", severity="critical")]) == 0


def test_a_finding_whose_task_died_ends_by_itself(store: Store, clock: SteppingClock) -> None:
    """Nobody looks any more: after eight days the alert is over."""
    AlertRouter(store=store).route(worse())
    clock.advance(days=7)
    assert [kept.ends_ns > clock.wall_ns() for kept in store.outbox.recent()] == [True]
    clock.advance(days=2)
    assert [kept.ends_ns > clock.wall_ns() for kept in store.outbox.recent()] == [False]


def test_without_a_store_memory_keeps_what_was_sent(chat: tuple[str, list[bytes]], clock: SteppingClock) -> None:
    """No store, no telemetry: Slack alone takes it, once, and the hourly limit holds."""
    address, told = chat
    router = AlertRouter(config.load(enable_slack=True, slack_url=address), most_per_hour=1)
    assert router.route(worse()).channels == ("slack",)
    assert router.route(worse()).repeated
    assert router.route(worse("risk")).limited
    assert len(told) == 1
    clock.advance(days=2)
    assert router.route(worse()).sent


def test_many_findings_are_one_message(store: Store, chat: tuple[str, list[bytes]]) -> None:
    """People get one message that names each, and how many did not fit; Alertmanager gets each alert."""
    address, told = chat
    router = AlertRouter(config.load(enable_email=True, email_url=address), store=store)
    routed = router.route_batch([worse(f"model{number}") for number in range(12)])
    assert routed.channels == ("email", "alertmanager")
    assert len(told) == 1
    assert b"12 alerts (page)" in told[0]
    assert b"model0 v3: accuracy fell" in told[0]
    assert b"more" in told[0]
    assert len(store.outbox.recent()) == 12


def test_a_finding_that_nobody_took_is_tried_again(clock: SteppingClock) -> None:
    """With no channel at all nothing counts as sent, and the next run tries again."""
    router = AlertRouter()
    for _ in range(2):
        routed = router.route(worse())
        assert routed.sent == ()
        assert "no channel took them" in routed.reason


def test_the_decision_can_be_switched_off_alone(store: Store) -> None:
    """STAGELIGHT_DRIFT_ALERTS=false tells nobody, and says so."""
    routed = AlertRouter(config.load(drift_alerts=False)).route(worse())
    assert routed.sent == ()
    assert "STAGELIGHT_DRIFT_ALERTS is off" in routed.reason
    assert store.outbox.recent() == []


def test_route_concept_drift_alerts_answers_with_actions(store: Store) -> None:
    """The contract's function takes mappings and says what was sent, what was recommended, and what was refused."""
    alerts = [
        {"kind": "accuracy_degradation", "model": "churn", "severity": "high", "baseline": 0.9, "current": 0.8},
        {"kind": "calibration_drift", "model": "risk", "severity": "low", "baseline": 0.02, "current": 0.04},
        {"kind": "nonsense", "model": "risk", "baseline": 0.02, "current": 0.04},
    ]
    answer = route_concept_drift_alerts([{"model": "churn"}, {"model": "risk"}], alerts, 90, 30)
    assert {name: answer[name] for name in ("sent", "low", "repeated", "limited", "analysed")} == {
        "sent": 1, "low": 1, "repeated": 0, "limited": 0, "analysed": 2,
    }  # fmt: skip
    assert "10.0 points of accuracy were lost" in answer["actions"][0]["action"]
    assert answer["refused"] == [
        "kind: found 'nonsense', expected one of accuracy_degradation, calibration_drift, score_drift"
    ]
    assert (answer["baseline_days"], answer["current_days"]) == (90, 30)


def test_a_figure_that_is_none_spoils_its_own_finding_alone(store: Store) -> None:
    """What cannot be told is refused with its reason; the rest of the batch is sent."""
    given = {"kind": "score_drift", "model": "m", "baseline": 0.0, "current": "much"}
    routed = AlertRouter(store=store).route_batch([given, {**given, "current": 0.3, "trace_ids": None}, worse()])

    assert [one.model for one in routed.sent] == ["churn"]
    assert len(routed.refused) == 2


def test_route_concept_drift_alerts_never_raises(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """Nothing found, nothing given, a channel that cannot be prepared: an answer that says so."""
    assert store.outbox.recent() == []
    assert route_concept_drift_alerts(None, None, 1, 1)["analysed"] == 0  # type: ignore[arg-type]  # as callers may
    monkeypatch.setenv("STAGELIGHT_ENABLE_SLACK", "true")
    assert "no channel could be prepared" in route_concept_drift_alerts([], [worse()], 1, 1)["reason"]
    _guard.forget()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kind": "score_drift", "model": "m", "baseline": 0}, "needs 'current'"),
        ({"kind": "score_drift", "modle": "m"}, "no field 'modle'. Did you mean 'model'"),
        (
            {"kind": "score_drift", "model": "m", "baseline": 0, "current": 1, "severity": "bad"},
            "severity: found 'bad'",
        ),
    ],
)
def test_a_mapping_that_is_no_finding_is_refused(given: dict[str, Any], says: str) -> None:
    """One sentence says what is wrong with it."""
    with pytest.raises(AlertError, match=says):
        finding(given)


def test_a_trace_id_that_is_none_is_left_out() -> None:
    """An example that cannot be opened is not worth the alert."""
    given = {"kind": "score_drift", "model": "m", "baseline": 0, "current": 1, "trace_ids": ["nope", TRACE]}
    assert finding(given).trace_ids == (TRACE,)


@pytest.mark.parametrize(
    ("settings", "more", "says"),
    [
        ({"enable_slack": True}, {}, "STAGELIGHT_SLACK_URL"),
        ({"enable_email": True}, {}, "STAGELIGHT_EMAIL_URL"),
        ({}, {"floor": "hihg"}, "Did you mean 'high'"),
    ],
)
def test_a_router_that_cannot_work_is_refused_at_once(
    settings: dict[str, Any], more: dict[str, Any], says: str
) -> None:
    """A channel without an address, or an unknown severity, is a mistake of set-up."""
    with pytest.raises(ConfigurationError, match=says):
        AlertRouter(config.load(**settings), **more)
