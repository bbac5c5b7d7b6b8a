"""Rules: Prometheus accepts them, they read what exists, and each fires, stays silent and resolves."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from repository import ROOT
from stagelight import catalogue
from stagelight.catalogue.rows import Alert, Course, Runbook, Scenario, Section
from stagelight.generate import everything, promql, ruletests
from stagelight.generate.plan import Plan

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Promtool = Callable[..., subprocess.CompletedProcess[str]]

TESTS = sorted(path.name for path in (ROOT / everything.TESTS).glob("*.yml"))
SLOW = {name for name in TESTS if ".slo." in name}  #: Their windows are days.


def test_prometheus_accepts_every_rule(promtool: Promtool) -> None:
    """Prometheus' tool finds no mistake in the files that Prometheus loads."""
    done = promtool("check", "rules", *sorted((ROOT / everything.RULES).glob("*.yml")))

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", TESTS)
def test_every_rule_is_silent_fires_and_resolves(promtool: Promtool, name: str) -> None:
    """Prometheus' own engine runs each rule through calm, breach and calm."""
    done = promtool("test", "rules", ROOT / everything.TESTS / name)

    assert done.returncode == 0, done.stdout + done.stderr


def test_no_rule_is_without_its_three_cases(texts: Mapping[str, str], plan: Plan) -> None:
    """Each alert has a case in which it fires, one before in which it is silent, and one after in which it has resolved."""
    cases: dict[str, list[int]] = {}
    for path, text in texts.items():
        for test in yaml.safe_load(text)["tests"] if path.startswith(everything.TESTS) else ():
            for case in test["alert_rule_test"]:
                cases.setdefault(case["alertname"], []).append(len(case["exp_alerts"]))

    assert set(cases) == {alert.name for alert in plan.alerts}
    assert {tuple(seen[:3]) for seen in cases.values()} == {(0, 1, 0)}


def test_a_case_of_silence_looks_all_along_its_breach(texts: Mapping[str, str]) -> None:
    """A rule that must not take something for its own is asked at many moments, not only at the end."""
    tests = yaml.safe_load(texts[f"{everything.TESTS}/rl-feedback.test.yml"])["tests"]
    silent = [test["alert_rule_test"] for test in tests if test["name"].endswith("silent all along")]

    assert len(silent) > 5
    assert all(len(cases) > 10 and not any(case["exp_alerts"] for case in cases) for cases in silent)


@pytest.mark.parametrize(("expr", "fails_at"), [("vector(0) > 1", "got:[]"), ("vector(1)", "exp:[]")])
def test_the_cases_see_a_rule_that_never_or_always_fires(
    promtool: Promtool, written: Path, expr: str, fails_at: str
) -> None:
    """A case that passes whatever the rule says would prove nothing; every alert's fails for a dead and a mad rule."""
    for path in (written / everything.RULES).glob("*.yml"):
        told = yaml.safe_load(path.read_text())
        for group in told["groups"]:
            group["rules"] = [rule | {"expr": expr, "for": "0s"} for rule in group["rules"] if "alert" in rule]
        path.write_text(yaml.safe_dump(told))

    for name in sorted(set(TESTS) - SLOW):
        test = written / everything.TESTS / name
        told = yaml.safe_load(test.read_text())
        # One scenario for each alert will do.
        told["tests"] = list({case["alert_rule_test"][0]["alertname"]: case for case in told["tests"][::-1]}.values())
        test.write_text(yaml.safe_dump(told))
        done = promtool("test", "rules", test)
        wanted = set(re.findall(r"alertname: (\w+)", test.read_text()))
        failures = (done.stdout + done.stderr).split("    alertname: ")[1:]
        failed = {part.split(",")[0] for part in failures if fails_at in part}
        assert failed == wanted, name


def every_expression(plan: Plan, rules: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """All PromQL there is: rules, panels, and what runbooks tell people to look at."""
    found = {name: rule["expr"] for name, rule in rules.items()}
    found |= {
        f"panel {panel.name} {number}": promql.readable(expr)
        for panel in catalogue.PANELS.values()
        for number, expr in enumerate(panel.expr)
    }
    found |= {
        f"section {row.page} {row.name} {number}": query
        for row in catalogue.SECTIONS.values()
        for number, query in enumerate(row.queries)
    }
    return found | {
        f"runbook {alert.runbook.name} {number}": line
        for alert in plan.alerts
        for number, line in enumerate(alert.runbook.look)
        if not line.startswith("$ ")
    }


def test_every_expression_reads_what_exists(plan: Plan, rules: Mapping[str, Mapping[str, Any]]) -> None:
    """A rule on a metric that nobody exports is silent for ever, and nobody notices."""
    strange = {name: found for name, expr in every_expression(plan, rules).items() if (found := promql.unknown(expr))}
    recorded = {rule["record"] for rule in rules.values() if "record" in rule}
    read = {one.name for expr in every_expression(plan, rules).values() for one in promql.selectors(expr)}

    assert not strange
    assert {name for name in read if promql.RECORDED.fullmatch(name)} <= recorded


def test_every_expression_chooses_by_labels_that_its_metric_has(
    plan: Plan, rules: Mapping[str, Mapping[str, Any]]
) -> None:
    """A matcher on a label that a metric does not carry finds nothing, or everything."""
    labels = {name: {*row.label_names, "le"} for name, row in catalogue.METRICS.items()}
    labels |= {name: set(row.labels) for name, row in catalogue.FOREIGN.items()}
    known = promql.exposed()
    chosen = [
        (name, one.name, label)
        for name, expr in every_expression(plan, rules).items()
        for one in promql.selectors(expr)
        for label in one.labels
        if one.name in known and label not in labels[known[one.name]] | {"alertstate"}
    ]

    assert not chosen


def test_no_expression_asks_for_one_spelling_of_a_bucket(plan: Plan, rules: Mapping[str, Mapping[str, Any]]) -> None:
    """`le="5"` on one route is `le="5.0"` on the other."""
    assert not [name for name, expr in every_expression(plan, rules).items() if re.search(r"\ble *!?= *\"", expr)]


def test_every_expression_is_accepted_by_prometheus(
    promtool: Promtool, plan: Plan, rules: Mapping[str, Mapping[str, Any]], tmp_path: Path
) -> None:
    """What a panel or a runbook asks goes through Prometheus' own parser, all of it as recording rules in one file."""
    exprs = every_expression(plan, rules).values()
    recorded = [{"record": f"checked:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    path = tmp_path / "all.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": recorded}]}))

    done = promtool("check", "rules", path)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_tells_whoever_it_wakes_what_to_do(plan: Plan, rules: Mapping[str, Mapping[str, Any]]) -> None:
    """Summary, meaning, first step and a runbook whose section exists."""
    for alert in plan.alerts:
        told = rules[alert.name]["annotations"]
        page, _, anchor = told["runbook_url"].partition("#")
        text = (ROOT / page).read_text(encoding="utf-8")
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert anchor in {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert all(told[part].strip() for part in ("summary", "description", "first_step"))
        assert rules[alert.name]["labels"]["severity"] in {"critical", "page", "warning", "ticket", "info"}
        assert alert.name in text


def test_the_pipeline_watches_itself(rules: Mapping[str, Mapping[str, Any]]) -> None:
    """Queue filling, exports failing, target down and the dead man's switch are there, and the switch always fires."""
    assert {
        "StagelightQueueFilling",
        "StagelightExportsFailing",
        "StagelightTargetDown",
        "StagelightDeadMansSwitch",
    } <= set(rules)
    assert rules["StagelightDeadMansSwitch"]["expr"] == "sum(up) > 0"
    assert "for" not in rules["StagelightDeadMansSwitch"]


def test_kubernetes_gets_the_same_groups(texts: Mapping[str, str], promtool: Promtool, tmp_path: Path) -> None:
    """A PrometheusRule holds what the files of rules hold, group for group, and promtool accepts it."""
    resource = yaml.safe_load(texts[everything.KUBERNETES])
    files = [yaml.safe_load(text)["groups"] for path, text in texts.items() if path.startswith(f"{everything.RULES}/")]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump(resource["spec"]))

    assert (resource["apiVersion"], resource["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert resource["spec"]["groups"] == [group for file in files for group in file]
    assert promtool("check", "rules", path).returncode == 0


BOOK = Runbook(name="Up", page="up", look=("up",), mitigate=("Start it.",))
CASE = Scenario(courses=(Course("up", 1, 0),), says="")


def row(**more: Any) -> Alert:
    """An alert on `up`, with `more`."""
    fields = {"expr": "up < $threshold", "threshold": 1, "summary": "down", "scenarios": (CASE,)} | more
    return Alert(name="Down", severity="page", means="m", first_step="f", runbook=BOOK, **fields)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"expr": "up < 1"}, "the expression uses .*, the row gives .*threshold"),
        ({"window": "5m"}, "the row gives .*window"),
        ({"for_": "5 minutes"}, "is no length of time"),
        ({"scenarios": ()}, "no scenario"),
        ({"scenarios": (replace(CASE, fires=False),)}, "no scenario"),
    ],
)
def test_a_row_that_does_not_fit_together_is_refused(more: dict[str, Any], message: str) -> None:
    """A figure that stands nowhere in the expression could be overridden without any effect."""
    with pytest.raises(ValueError, match=message):
        row(**more)


def test_a_rule_on_an_unknown_metric_is_not_generated() -> None:
    """A mistyped name is found when it is generated, not when nothing fires."""
    with pytest.raises(ValueError, match="Down reads upp, which the catalogue does not know"):
        everything.texts(Plan((row(expr="upp < $threshold"),), ()))


def test_a_section_on_an_unknown_metric_is_not_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    """What people are told to ask at night is checked as rules are."""
    section = Section(name="Tuning", page="up", text="Ask:\n\n```promql\nrate(upp[5m])\n```\n")
    monkeypatch.setattr(everything, "SECTIONS", {section.name: section})
    with pytest.raises(ValueError, match="the section 'Tuning' reads upp, which the catalogue does not know"):
        everything.texts(Plan((row(),), ()))


def test_a_page_carries_its_sections_after_its_alerts(texts: Mapping[str, str]) -> None:
    """Operations, tuning, recovery and reviews stand once, on the page of their subject."""
    headings = re.findall(r"^## (.+)$", texts["docs/runbooks/rl-feedback.md"], re.MULTILINE)

    assert headings[-7:] == [row.name for row in catalogue.SECTIONS.values() if row.page == "rl-feedback"]
    assert "## Tuning" not in texts["docs/runbooks/stages.md"]


def test_an_expression_that_does_not_parse_or_names_nothing_is_refused() -> None:
    """What cannot be read cannot be checked."""
    with pytest.raises(ValueError, match="parenthesis"):
        promql.selectors("sum(up")
    with pytest.raises(ValueError, match="without a metric's name"):
        promql.selectors('{job="shop"}')


def test_a_summary_with_a_value_needs_the_words_people_read() -> None:
    """Prometheus' tool compares the rendered text, and only a person can say what it should be."""
    plan = Plan((row(summary="{{ $value }} are down"),), ())
    with pytest.raises(ValueError, match="Down: its summary shows a value"):
        ruletests.files(plan)
    said = row(summary="{{ $value }} are down", scenarios=(Scenario(courses=CASE.courses, says="0 are down"),))
    assert "summary: 0 are down" in ruletests.files(Plan((said,), ()))["up"]
