"""promtool's tests: every rule is silent in the calm, fires in the breach, and resolves in the calm after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from stagelight.catalogue import RECORDINGS
from stagelight.catalogue.durations import seconds, text
from stagelight.generate.rules import told
from stagelight.generate.slo import alerts as burns_of
from stagelight.generate.yamltext import dump

if TYPE_CHECKING:
    from stagelight.catalogue.rows import Alert, Course, Scenario
    from stagelight.generate.plan import Plan

LOOKBACK = 300.0  #: Seconds for which Prometheus still sees a series that has ended.
LONGEST_STEP = 60.0  #: Seconds between two samples; more, and a range of five minutes holds too few.
SLOW_STEP = 300.0  #: Seconds between two evaluations where windows are days or much is recorded: minutes are too many.
A_DAY = 86_400.0
LONGEST_PART = A_DAY / 4  #: Seconds of a window of days that are played through.
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
    """Return the text of every file of tests: for each page, for its alerts on what is recorded, and for its promises."""
    slow = {alert.name for slo in plan.slos for alert in burns_of(slo)}
    found: dict[str, str] = {}
    for page, alerts in plan.pages().items():
        read = {alert.name for alert in alerts if alert.name not in slow and _reads_recorded(alert)}
        plain = [alert for alert in alerts if alert.name not in slow | read]
        parts = (
            (page, (page,), plain),
            (f"{page}.recorded", (f"{page}.recorded", page), [alert for alert in alerts if alert.name in read]),
            (f"{page}.slo", (f"{page}.slo",), [alert for alert in alerts if alert.name in slow]),
        )
        found |= {name: _file(plan, rules, tested) for name, rules, tested in parts if tested}
    return found


def _reads_recorded(alert: Alert) -> bool:
    return any(row.name in alert.expr for row in RECORDINGS.values())


def _file(plan: Plan, rules: tuple[str, ...], alerts: list[Alert]) -> str:
    tested = [alert for alert in alerts if alert.name not in plan.changed]
    longest = max((seconds(alert.window or "0s") for alert in tested), default=0.0)
    step = min((times(alert).step for alert in tested), default=LONGEST_STEP)
    tests = [_test(plan, alert, scenario) for alert in tested for scenario in alert.scenarios]
    left_out = [
        f"# Not tested, because a deployment changed its figures: {a.name}\n" for a in alerts if a not in tested
    ]
    data = {
        "rule_files": [f"../rules/{name}.yml" for name in rules],
        "evaluation_interval": text(SLOW_STEP if longest >= A_DAY or len(rules) > 1 else step),
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
    # Of a window of days only a part is filled: the rest is before the first sample, and all of it takes minutes to run.
    calm = (min(before, LONGEST_PART) + window if before else min(window, 3600)) + held
    breach = min(window, LONGEST_PART) + held
    after = (short or window) + held
    return Times(step, *(ceil(part / step) for part in (calm, breach, after)))


def _test(plan: Plan, alert: Alert, scenario: Scenario) -> dict[str, Any]:
    when = times(alert)
    silent, fires, resolved = when.ends
    cases = {silent: [], fires: [_fired(plan, alert, scenario)], resolved: []} if scenario.fires else _silence(when)
    return {
        "name": f"{alert.name}: {'silent, fires, resolves' if scenario.fires else 'silent all along'}",
        "interval": text(when.step),
        "input_series": [{"series": course.series, "values": values(course, when)} for course in scenario.courses],
        "alert_rule_test": [
            {"eval_time": at, "alertname": alert.name, "exp_alerts": fired} for at, fired in cases.items()
        ],
    }


def _silence(when: Times) -> dict[str, list[Any]]:
    """Moments at which nothing must fire: the ends of the parts, and some on the way through breach and second calm."""
    ways = ((when.calm, when.breach), (when.calm + when.breach, when.after))
    passed = [(start + length * eighth // 8) * when.step for start, length in ways for eighth in range(8)]
    return {text((when.calm - 1) * when.step): [], **{text(at): [] for at in passed}, when.ends[-1]: []}


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
