"""promtool's tests: every rule is silent in the calm, fires in the breach, and resolves in the calm after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from stagelight.catalogue.durations import seconds, text
from stagelight.generate.rules import told
from stagelight.generate.slo import alerts as burns_of
from stagelight.generate.yamltext import dump

if TYPE_CHECKING:
    from stagelight.catalogue.rows import Alert, Course, Scenario
    from stagelight.generate.plan import Plan

LOOKBACK = 300.0  #: Seconds for which Prometheus still sees a series that has ended.
LONGEST_STEP = 60.0  #: Seconds between two samples; more, and a range of five minutes holds too few.
SLOW_STEP = 300.0  #: Seconds between two evaluations where windows are days: minutes would make 13,000 of them.
A_DAY = 86_400.0
LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
COUNTS = re.compile(r"\w+_(total|bucket|count|sum)\b")


@dataclass(frozen=True, slots=True)
class Times:
    """How many steps, of so many seconds, the three parts of a scenario last."""

    step: float
    calm: int
    breach: int
    after: int

    @property
    def ends(self) -> tuple[str, str, str]:
        """The last moment of each part, as promtool writes it."""
        lengths = (self.calm, self.calm + self.breach, self.calm + self.breach + self.after)
        return tuple(text((length - 1) * self.step) for length in lengths)  # type: ignore[return-value]  # three, as above


def files(plan: Plan) -> dict[str, str]:
    """Return the text of every file of tests: one for each page, and one for its promises, whose windows are days."""
    slow = {alert.name for slo in plan.slos for alert in burns_of(slo)}
    found: dict[str, str] = {}
    for page, alerts in plan.pages().items():
        parts = {page: [a for a in alerts if a.name not in slow], f"{page}.slo": [a for a in alerts if a.name in slow]}
        found |= {name: _file(plan, page, part) for name, part in parts.items() if part}
    return found


def _file(plan: Plan, page: str, alerts: list[Alert]) -> str:
    tested = [alert for alert in alerts if alert.name not in plan.changed]
    longest = max((seconds(alert.window or "0s") for alert in tested), default=0.0)
    step = min((times(alert).step for alert in tested), default=LONGEST_STEP)
    tests = [_test(plan, alert, scenario) for alert in tested for scenario in alert.scenarios]
    left_out = [
        f"# Not tested, because a deployment changed its figures: {a.name}\n" for a in alerts if a not in tested
    ]
    data = {
        "rule_files": [f"../rules/{page}.yml"],
        "evaluation_interval": text(SLOW_STEP if longest >= A_DAY else step),
        "tests": tests,
    }
    return dump(data) + "".join(left_out)


def times(alert: Alert) -> Times:
    """Return how long the parts of a scenario last for `alert`: long enough for its windows and its `for`."""
    window, short, before = (seconds(length or "0s") for length in (alert.window, alert.short, alert.before))
    step = (
        SLOW_STEP if window >= A_DAY else min(LONGEST_STEP, *(length / 5 for length in (window, short) if length), 60)
    )
    held = seconds(alert.for_) + LOOKBACK + 2 * step
    calm = (before + window if before else min(window, 3600)) + held
    after = (short or window) + held
    return Times(step, *(ceil(part / step) for part in (calm, window + held, after)))


def _test(plan: Plan, alert: Alert, scenario: Scenario) -> dict[str, Any]:
    when = times(alert)
    silent, fires, resolved = when.ends
    return {
        "name": f"{alert.name}: silent, fires, resolves",
        "interval": text(when.step),
        "input_series": [{"series": course.series, "values": values(course, when)} for course in scenario.courses],
        "alert_rule_test": [
            {"eval_time": silent, "alertname": alert.name, "exp_alerts": []},
            {"eval_time": fires, "alertname": alert.name, "exp_alerts": [_fired(plan, alert, scenario)]},
            {"eval_time": resolved, "alertname": alert.name, "exp_alerts": []},
        ],
    }


def _fired(plan: Plan, alert: Alert, scenario: Scenario) -> dict[str, Any]:
    own = {"severity": alert.severity, **scenario.labels}
    slo = re.search(r'\{slo="(\w+)"\}', alert.expr)
    said = LABEL.sub(lambda match: scenario.labels[match[1]], scenario.says or alert.summary)
    if "{{" in said:
        raise ValueError(f"{alert.name}: its summary shows a value; the scenario must say what people read")
    labels = own | ({"slo": slo[1]} if slo else {})
    return {"exp_labels": labels, "exp_annotations": {**told(alert, plan), "summary": said}}


def values(course: Course, when: Times) -> str:
    """Return the samples of `course` in promtool's shorthand."""
    counts = COUNTS.match(course.series) is not None
    written, at = [], 0.0
    for part, steps in ((course.calm, when.calm), (course.breach, when.breach), (course.calm, when.after)):
        if part is None:
            written.append(f"_x{steps}")
            continue
        growth = part * when.step / 60 if counts else 0.0
        start = at + growth if counts else part
        written.append(f"{start:.12g}+{growth:.12g}x{steps - 1}")
        at = start + growth * (steps - 1)
    return " ".join(written)
