"""alertmanager.yml: every severity reaches the people it is meant for, and what users wrote calls nobody."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, get_args

import pytest

from deployment import COLLECTOR, read
from stagelight.catalogue.rows import Severity

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = COLLECTOR / "alertmanager" / "alertmanager.yml"
ROUTES = {
    "critical": ["pager"],
    "page": ["pager"],
    "warning": ["chat"],
    "ticket": ["chat"],
    "info": ["email"],
    "unheard-of": ["chat"],
}


@pytest.fixture
def amtool(program: Callable[[str], str]) -> Callable[..., str]:
    """Run amtool and return what it says; it must succeed."""

    def run(*words: str) -> str:
        done = subprocess.run([program("amtool"), *words], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def goes_to(amtool: Callable[..., str], *receivers: str, **labels: str) -> None:
    """Fail unless an alert with these labels is announced to these receivers, in this order, and to no other."""
    pairs = [f"{name}={value}" for name, value in labels.items()]
    wanted = f"--verify.receivers={','.join(receivers)}"
    amtool("config", "routes", "test", f"--config.file={FILE}", wanted, *pairs)


def test_alertmanager_takes_the_file(amtool: Callable[..., str]) -> None:
    """Syntax, references and receivers are right."""
    amtool("check-config", str(FILE))


def test_every_severity_of_the_catalogue_has_a_route() -> None:
    """A new severity is thought of here too."""
    assert set(get_args(Severity)) <= set(ROUTES)


@pytest.mark.parametrize(("severity", "receivers"), ROUTES.items())
def test_a_severity_reaches_its_people(amtool: Callable[..., str], severity: str, receivers: list[str]) -> None:
    """Pager for what cannot wait, chat for what can, email for what is good to know; nothing is told to nobody."""
    goes_to(amtool, *receivers, alertname="Anything", severity=severity, tenant="acme", workspace="shop")


def test_an_alert_without_severity_is_told_too(amtool: Callable[..., str]) -> None:
    """One that a program posted by itself, or a rule that somebody added."""
    goes_to(amtool, "chat", alertname="Anything")


def test_a_critical_queue_goes_to_pager_and_chat(amtool: Callable[..., str]) -> None:
    """Whoever is on call and whoever is at work both hear of it."""
    goes_to(amtool, "chat", "pager", alertname="CriticalQueueLength", severity="critical", queue="training")


def test_the_dead_man_s_switch_disturbs_nobody(amtool: Callable[..., str]) -> None:
    """It fires all the time, and only its watcher hears."""
    goes_to(amtool, "watchdog", alertname="StagelightDeadMansSwitch", severity="info")


def test_doctor_s_canary_disturbs_nobody(amtool: Callable[..., str]) -> None:
    """Whoever asks whether alerting works wakes nobody by it."""
    goes_to(amtool, "nobody", alertname="StagelightCanary", severity="critical")


def test_a_wrong_route_would_be_noticed(program: Callable[[str], str]) -> None:
    """The check that all of the above rest on does say no."""
    command = [program("amtool"), "config", "routes", "test", f"--config.file={FILE}", "--verify.receivers=email"]

    assert subprocess.run([*command, "severity=page"], check=False, capture_output=True).returncode == 1


def test_alerts_are_grouped_by_whose_they_are() -> None:
    """One tenant's trouble is one message; another tenant's is another."""
    assert read(FILE)["route"]["group_by"] == ["alertname", "tenant", "workspace"]


def test_only_a_critical_queue_silences_and_only_the_same_one() -> None:
    """The warning about a queue is no news once the same queue is critical; nothing else is held back."""
    (rule,) = read(FILE)["inhibit_rules"]

    assert rule == {
        "source_matchers": ['alertname="CriticalQueueLength"'],
        "target_matchers": ['alertname="HighQueueLength"'],
        "equal": ["queue"],
    }


def test_what_cannot_wait_does_not() -> None:
    """Routes to the pager, and a critical queue's to the chat, have no time in which a group is gathered."""
    urgent = [
        route
        for route in read(FILE)["route"]["routes"]
        if route["receiver"] == "pager" or "CriticalQueueLength" in route["matchers"][0]
    ]

    assert [route["group_wait"] for route in urgent] == ["0s", "0s"]


@pytest.mark.parametrize("field", ["title", "text", "fallback"])
def test_slack_mentions_nobody_that_a_label_names(amtool: Callable[..., str], tmp_path: Path, field: str) -> None:
    """`<!channel>` and links in what users wrote arrive as text."""
    hostile = "<!channel> <https://evil.example|click> & more"
    alert = {"status": "firing", "labels": {}, "annotations": {"summary": hostile, "first_step": hostile}}
    data = tmp_path / "data.json"
    data.write_text(json.dumps({"status": "firing", "alerts": [alert], "commonLabels": {"alertname": hostile}}))
    (slack,) = next(r for r in read(FILE)["receivers"] if r["name"] == "chat")["slack_configs"]

    none = tmp_path / "none.tmpl"  # amtool asks for a file of templates
    none.touch()

    shown = amtool(
        "template", "render", f"--template.glob={none}", f"--template.text={slack[field]}", f"--template.data={data}"
    )

    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; more" in shown
    assert "<" not in shown
