"""What a deployment wants otherwise, without touching what was generated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from stagelight import generate
from stagelight.errors import ConfigurationError
from stagelight.generate import everything

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from stagelight.generate.plan import Plan


@pytest.fixture
def planned(tmp_path: Path) -> Callable[[str], Plan]:
    """Plan with the overrides that a text holds."""

    def make(text: str) -> Plan:
        path = tmp_path / "stagelight.overrides.yaml"
        path.write_text(text)
        return generate.plan(generate.read(path))

    return make


def rule(plan: Plan, name: str) -> dict[str, Any]:
    """The rule called `name`, as Prometheus will load it."""
    files = [yaml.safe_load(text) for path, text in generate.texts(plan).items() if "/prometheus/rules/" in path]
    rules = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    return next(rule for rule in rules if rule.get("alert") == name)


def test_threshold_for_window_and_severity_are_changed(planned: Callable[[str], Plan]) -> None:
    """Each of the four stands in the rule as the file says."""
    plan = planned(
        "alerts:\n  StagelightStageErrorsHigh: {threshold: 0.2, minimum: 3, window: 10s, for: 5s, severity: page}\n"
    )
    told = rule(plan, "StagelightStageErrorsHigh")

    assert "> 0.2\n" in told["expr"]
    assert ">= 3" in told["expr"]
    assert told["expr"].count("[10s]") == 3
    assert (told["for"], told["labels"]) == ("5s", {"severity": "page"})


def test_the_windows_of_a_promise_s_alert_are_recorded(planned: Callable[[str], Plan]) -> None:
    """Times can be shortened, for a test as for a small shop: what the alert reads is recorded for the new windows."""
    plan = planned("alerts:\n  StagelightDeliveryBurnFast: {window: 20s, short: 4s, minimum: 1}\n")
    text = generate.texts(plan)[f"{everything.RULES}/delivery.slo.yml"]

    assert "record: stagelight:slo_errors:ratio_rate4s" in text
    assert "record: stagelight:slo_events:increase20s" in text
    assert "stagelight_spans_total[4s]" in text
    assert "[5m]" not in text
    # The other two are recorded from the same base, which is another one now.
    assert plan.changed == {f"StagelightDeliveryBurn{word}" for word in ("Fast", "Steady", "Slow")}


def test_an_objective_moves_the_thresholds_of_its_alerts(planned: Callable[[str], Plan]) -> None:
    """99.5 % leave half the budget of 99 %."""
    plan = planned("slos:\n  StagelightStageSuccess: {objective: 0.995, days: 28}\n")

    assert "> 14.4 * 0.005" in rule(plan, "StagelightStageSuccessBurnFast")["expr"]
    assert (
        "99.5 % of the calls of 28 days" in rule(plan, "StagelightStageSuccessBurnFast")["annotations"]["description"]
    )


def test_an_alert_or_a_promise_can_be_switched_off(planned: Callable[[str], Plan]) -> None:
    """Who has no collector does not want to hear that it is missing."""
    plan = planned(
        "alerts:\n  StagelightCollectorMissing: {enabled: false}\nslos:\n  StagelightDelivery: {enabled: false}\n"
    )
    names = {alert.name for alert in plan.alerts}

    assert "StagelightCollectorMissing" not in names
    assert not {name for name in names if name.startswith("StagelightDelivery")}
    assert "slo: StagelightDelivery" not in "".join(generate.texts(plan).values())


def test_links_lead_to_where_a_deployment_keeps_its_runbooks(planned: Callable[[str], Plan]) -> None:
    """A link in a chat must be one that opens."""
    plan = planned("runbooks: https://wiki.example.org/sl/\n")

    assert rule(plan, "StagelightSpansLost")["annotations"]["runbook_url"] == (
        "https://wiki.example.org/sl/delivery.md#lost-spans"
    )


def test_what_is_generated_with_overrides_passes_its_own_tests(
    promtool: Callable[..., subprocess.CompletedProcess[str]], planned: Callable[[str], Plan], tmp_path: Path
) -> None:
    """Cases follow `for` and severity; those of an alert whose figures changed are left out, and the file says so."""
    plan = planned(
        "alerts:\n"
        "  StagelightStageSlow: {for: 1m, severity: page}\n"
        "  StagelightStageErrorsHigh: {threshold: 0.9}\n"
        "  StagelightTargetDown: {for: 30s}\n"
        "  StagelightStageStuck: {window: 2m}\n"
    )
    wanted = generate.texts(plan)
    everything.write(tmp_path, wanted)
    left_out = wanted[f"{everything.TESTS}/stages.test.yml"].split("\n# ")[1:]

    assert [line.strip().rpartition(" ")[2] for line in left_out] == [
        "StagelightStageErrorsHigh",
        "StagelightStageStuck",
    ]
    assert promtool("check", "rules", *(tmp_path / everything.RULES).glob("*.yml")).returncode == 0
    for page in ("stages", "pipeline"):
        done = promtool("test", "rules", tmp_path / everything.TESTS / f"{page}.test.yml")
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_empty_file_changes_nothing(planned: Callable[[str], Plan], texts: dict[str, str]) -> None:
    """A file that is all comments is the catalogue as it is."""
    assert generate.texts(planned("# nothing yet\n")) == texts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alerts: {StagelightStageSlo: {for: 1m}}", "alerts: there is no 'StagelightStageSlo'. Did you mean"),
        ("slos: {StagelightStageSucces: {days: 7}}", "slos: there is no .* Did you mean 'StagelightStageSuccess'"),
        ("alerts: {StagelightStageSlow: {tresh: 1}}", "alerts.StagelightStageSlow.tresh: Extra inputs"),
        ("alerts: {StagelightStageSlow: {threshold: high}}", "threshold: Input should be a valid number"),
        ("alerts: {StagelightStageSlow: {threshold: .inf}}", "threshold: Input should be a finite number"),
        ("alerts: {StagelightStageSlow: {for: 5 minutes}}", "for: Value error, '5 minutes' is no length of time"),
        ("alerts: {StagelightStageSlow: {severity: urgent}}", "severity: Input should be 'critical', 'page'"),
        (
            "alerts: {StagelightTargetDown: {window: 5m}}",
            "StagelightTargetDown has no window; it has for, severity, thr",
        ),
        ("alerts: {StagelightSpansLost: {minimum: 5}}", "StagelightSpansLost has no minimum"),
        ("slos: {StagelightDelivery: {objective: 1}}", "objective: Input should be less than 1"),
        ("alerts: {StagelightStageSlow: {tresh: 1, wind: 2}}", r"\(1 more\)"),
        ("- 1", "the file: Input should be a valid dictionary"),
        ("alerts: {a: &x {}, b: *x}", "line 1: anchors and aliases are not read"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(planned: Callable[[str], Plan], text: str, message: str) -> None:
    """Which key, what was found, what was expected."""
    with pytest.raises(ConfigurationError, match=message):
        planned(text)
