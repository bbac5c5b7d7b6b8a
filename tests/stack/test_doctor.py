"""`stagelight doctor` on the whole pipeline: the canary is followed from hop to hop, and the hop that loses it is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from click.testing import CliRunner

from servers import refusing
from serving import served
from stack_prometheus import APPLICATIONS, place, rules
from stagelight.cli.main import cli
from stagelight.doctor import hops

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stack_collector import Collector
    from stack_prometheus import Alertmanager, Prometheus, Webhook

BEHIND = ("traces", "prometheus", "alertmanager")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


class Told(NamedTuple):
    """What doctor said."""

    lost_at: str
    hops: dict[str, Any]

    @property
    def verdicts(self) -> list[str]:
        """Of the hops behind the collector, in the order of the way."""
        return [self.hops[name]["verdict"] for name in BEHIND]


def doctor() -> Told:
    """Run `stagelight doctor --json` in this process."""
    told = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).stdout)
    return Told(told["lost_at"], {finding["hop"]: finding for finding in told["findings"]})


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the addresses that doctor is to know."""

    def to(through: Collector, **urls: str) -> None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", through.http)
        monkeypatch.setenv("STAGELIGHT_COLLECTOR_HEALTH_URL", through.health)
        for name, url in urls.items():
            monkeypatch.setenv(f"STAGELIGHT_{name}", url)

    return to


def test_the_program_that_is_away_is_named(
    collector: Callable[..., Collector],
    prometheus: Callable[..., Prometheus],
    alertmanager: Callable[..., Alertmanager],
    webhook: Webhook,
    tell: Callable[..., None],
    tmp_path: Path,
) -> None:
    """With all up each hop tells its time, in order; with one stopped that one is named, and only what hangs on it is left."""
    with served(tmp_path) as backend:
        through = collector("collector.yaml", "prometheus2.yaml", STAGELIGHT_TRACES_ENDPOINT=backend.url)
        told = alertmanager()
        metrics = prometheus({APPLICATIONS: place(through.scrape)}, alertmanager=told.url, rules=rules(tmp_path))
        tell(through, TEMPO_URL=backend.url, PROMETHEUS_URL=metrics.url, ALERTMANAGER_URLS=told.url)
        metrics.scraped("up == 1")

        well = doctor()
        assert (well.lost_at, well.verdicts) == ("", ["good"] * 3), well
        times = [well.hops[name]["seconds"] for name in ("canary", "prometheus", "alertmanager")]
        assert times == sorted(times)
        print("seconds by hop:", {name: well.hops[name]["seconds"] for name in ("canary", *BEHIND)})

        told.server.stop()
        without = doctor()
        assert (without.lost_at, without.verdicts) == ("alertmanager", ["good", "good", "failure"]), without

        told.server.start()
        metrics.server.stop()
        without = doctor()
        assert (without.lost_at, without.verdicts) == ("prometheus", ["good", "failure", "unchecked"]), without
        assert "was lost at prometheus" in without.hops["alertmanager"]["found"]
        metrics.server.start()

    without = doctor()
    assert (without.lost_at, without.verdicts) == ("traces", ["failure", "good", "good"]), without

    through.server.stop()
    without = doctor()
    assert (without.lost_at, without.verdicts) == ("collector", ["unchecked"] * 3), without
    assert not webhook.told(alertname="StagelightCanary"), "people are told of a canary"


def test_what_gets_lost_between_programs_that_run_is_named(
    collector: Callable[..., Collector],
    prometheus: Callable[..., Prometheus],
    alertmanager: Callable[..., Alertmanager],
    tell: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With all up, and an address wrong in one of them, the hop behind it is named, and what to correct."""
    monkeypatch.setattr(hops, "WAIT_SECONDS", 2.5)
    with served(tmp_path) as backend:
        through = collector("collector.yaml", "prometheus2.yaml", STAGELIGHT_TRACES_ENDPOINT=refusing())
        told = alertmanager()
        applications = {APPLICATIONS: place(through.scrape)}
        gone = {"job_name": "gone", "static_configs": [{"targets": [place(refusing())]}]}
        metrics = prometheus(applications, jobs=[gone])
        tell(through, TEMPO_URL=backend.url, PROMETHEUS_URL=metrics.url, ALERTMANAGER_URLS=told.url)
        metrics.scraped("up == 1")

        without_rules = doctor()
        assert (without_rules.lost_at, without_rules.verdicts) == ("traces", ["failure", "good", "failure"])
        assert "STAGELIGHT_TRACES_ENDPOINT" in without_rules.hops["traces"]["advice"]
        assert "has no rule StagelightCanary" in without_rules.hops["alertmanager"]["advice"]

        metrics.configure(applications, jobs=[gone], rules=rules(tmp_path))
        untold = doctor()
        assert "Does Prometheus know its address?" in untold.hops["alertmanager"]["advice"]

        metrics.configure(jobs=[gone], alertmanager=told.url, rules=rules(tmp_path))
        unscraped = doctor()
        assert unscraped.verdicts == ["failure", "failure", "unchecked"]
        assert "It cannot scrape gone" in unscraped.hops["prometheus"]["advice"]
