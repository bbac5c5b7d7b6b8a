"""The file of truth rules: what it means, and what is said of a mistake in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stagelight.errors import ConfigurationError
from stagelight.truth import rules
from stagelight.truth.schedule import Schedule

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0
GOOD = "churn: {truth: exists, events: cancelled, within: 30d}"


def read(text: str) -> rules.Rules:
    return rules.parse(text.encode())


def of(text: str) -> rules.Rules:
    return read(f"types:\n  churn: {{{text}}}\n")


def test_the_example_has_the_five_types_and_their_schedules(root: Path) -> None:
    """The file that ships names the contract's five types, each under the schedule of the contract."""
    found = rules.load(root / "examples/label_lag/outcome_truth_rules.yaml")

    assert {name: found.scheduled(name) for name in found.schedules} == {
        "short": ("trigger", "next_best_action"),
        "medium": ("churn",),
        "long": ("market_share_impact", "risk"),
    }
    assert found.schedules == {
        "short": Schedule(every_s=14_400.0),
        "medium": Schedule(cron="0 2 * * *"),
        "long": Schedule(cron="0 3 * * sun"),
    }
    assert found.schedules["long"].fields["day_of_week"] == "sun"


def test_what_is_not_said_has_a_default() -> None:
    """Three lines make a rule: silence is a no, nothing is corrected later, a score of .5 is a yes."""
    rule = read(f"types: {{{GOOD}}}").rules["churn"]

    made = rule.labelling
    assert (made.within_s, made.maturity_s, made.keep_s) == (30 * DAY, 30 * DAY, 30 * DAY)
    assert (made.negative_on_maturity, made.cut, made.positive, rule.schedule) == (True, 0.5, (), "")
    assert (rule.compare.baseline_s, rule.compare.current_s) == (28 * DAY, 7 * DAY)


def test_a_schedule_that_no_task_runs_by_is_refused() -> None:
    """A type under a schedule of another name was never joined, and nothing said so."""
    text = "schedules: {short: {every: 4h}, hourly: {every: 1h}}\ntypes: {churn: {truth: exists, events: e, within: 1d, schedule: hourly}}"
    with pytest.raises(ConfigurationError, match=r"types\.churn\.schedule: found 'hourly', expected one of short\."):
        rules.parse(text.encode())


def test_a_class_has_no_answer_without_an_event() -> None:
    """Silence says nothing of a class, so `last` without a threshold leaves it open."""
    assert of("truth: last, events: label, within: 5d").rules["churn"].labelling.negative_on_maturity is False
    assert of("truth: last, events: label, within: 5d").rules["churn"].labelling.is_class
    assert not of("truth: last, events: v, within: 5d, threshold: 2").rules["churn"].labelling.is_class


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("truth: exist, events: e, within: 1d", r"types\.churn\.truth: found 'exist', expected one of exists, .*Did you mean 'exists'\?"),
        ("events: e, within: 1d", r"types\.churn\.truth: found nothing, expected one of"),
        ("truth: exists, within: 1d", r"types\.churn\.events: found nothing, expected the events that make the truth"),
        ("truth: exists, events: [], within: 1d", r"types\.churn\.events: found \[\]"),
        ("truth: exists, events: [3], within: 1d", r"types\.churn\.events: found 3, expected a text of at most 256"),
        ("truth: exists, events: e", r"types\.churn\.within: found nothing, expected a length of time such as 30m"),
        ("truth: exists, events: e, within: 7 days", r"types\.churn\.within: found '7 days', expected a length of time"),
        ("truth: exists, events: e, within: 0s", r"types\.churn\.within: found '0s', .*longer than 0"),
        ("truth: exists, events: e, within: 30", r"types\.churn\.within: found 30, expected a length of time"),
        ("truth: exists, events: e, within: 1d, after: 2d", r"types\.churn\.after: found '2d', expected less than `within`"),
        ("truth: exists, events: e, within: 1d, withing: 1d", r"types\.churn\.withing: .*Did you mean 'within'\?"),
        ("truth: exists, events: e, within: 1d, threshold: 2", r"types\.churn\.threshold: found 2, expected none with"),
        ("truth: sum, events: e, within: 1d", r"types\.churn\.threshold: found nothing, expected the sum from which"),
        ("truth: count, events: e, within: 1d, threshold: .inf", r"types\.churn\.threshold: found inf, expected a finite"),
        (f"truth: count, events: e, within: 1d, threshold: {10**400}", r"types\.churn\.threshold: found 10+, expected a finite"),
        ("truth: count, events: e, within: 1d, threshold: true", r"types\.churn\.threshold: found True, expected a finite"),
        ("truth: last, events: e, within: 1d, negative_on_maturity: true", r"negative_on_maturity: found True, expected false"),
        ("truth: last, events: e, within: 1d, negative_on_maturity: 1", r"negative_on_maturity: found 1, expected true or false"),
        ("truth: exists, events: e, within: 1d, exclude: {events: e}", r"types\.churn\.exclude\.events: found 'e'"),
        ("truth: exists, events: e, within: 1d, exclude: {event: e}", r"types\.churn\.exclude\.event: .*Did you mean 'events'"),
        ("truth: exists, events: e, within: 1d, exclude: e", r"types\.churn\.exclude: found 'e', expected names, each"),
        ("truth: exists, events: e, within: 1d, schedule: shrot", r"types\.churn\.schedule: found 'shrot', expected one of"),
        ("truth: exists, events: e, within: 1d, compare: {current: 1h}", r"compare\.current: found '1h', expected a length"),
        ("truth: exists, events: e, within: 1d, compare: {accuracy_drop: 0}", r"accuracy_drop: found 0, expected a finite number from 0.001 to 1"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text: str, sentence: str) -> None:
    """Where in the file, what was found, what was expected, and what was probably meant."""
    with pytest.raises(ConfigurationError, match=sentence):
        of(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("types: {}", r"outcome_truth_rules.yaml: types: found \{\}, expected a rule for each"),
        ("version: 2\ntypes: {churn: {}}", r"version: found 2, expected 1"),
        ("type: {}", r"type: found \{\}, expected one of schedules, types, version. Did you mean 'types'"),
        ("[]", r"outcome_truth_rules.yaml: found \[\], expected names"),
        ("types: {'': {}}", "expected a name of at most 256"),
        (f"types: {{{GOOD}}}\nschedules: {{a: {{every: 0s}}}}", r"schedules\.a\.every: found '0s'"),
        (f"types: {{{GOOD}}}\nschedules: {{a: {{}}}}", r"schedules\.a: found \{\}, expected either"),
        (f"types: {{{GOOD}}}\nschedules: {{a: {{cron: '0 2 * *'}}}}", r"schedules\.a\.cron: .*expected five fields"),
        (f"types: {{{GOOD}}}\nschedules: {{a: {{cron: '60 2 * * *'}}}}", r"found '60', expected a minute from 0 to 59"),
        (f"types: {{{GOOD}}}\nschedules: {{a: {{cron: '* */0 * * *'}}}}", r"found '\*/0', expected a hour"),
        (f"types: {{{GOOD}}}\nschedules: {{a: {{cron: '* 5-3 * * *'}}}}", r"found '5-3', expected a hour"),
        (f"types: {{{GOOD}}}\nschedules: {{a: {{cron: '* * * * sunny'}}}}", r"found 'sunny', expected a day of week"),
        (
            f"types: {{{GOOD}}}\nschedules: {{a: {{cron: '0 0 31 2 *'}}}}",
            r"a\.cron: found '0 0 31 2 \*', expected a day that comes: the months named have 29 days at most\. Name an earlier",
        ),
        (f"types: {{{GOOD}}}\nschedules: {{a: {{cron: '0 0 31 apr,6-6,9,11 *'}}}}", r"have 30 days at most"),
        (
            f"types: {{{GOOD}}}\nschedules: {{a: {{cron: '*/90 * * * *'}}}}",
            r"found '\*/90', expected a minute from 0 to 59",
        ),
        (f"types: {{{GOOD}}}\nschedules: {{a: {{cron: '5/10 * * * *'}}}}", r"or steps in a range: \*/n, a-b/n"),
        ("types: {a: &x {}, b: *x}", "anchors and aliases are not read here"),
        ("types: !!python/object:os.system {}", "tags are not read here"),
        ("types: {a: {}, a: {}}", "the key 'a' stands here twice"),
        ("#" * (256 * 1024 + 1), "expected at most 262144"),
        ("types: " + "[" * 25 + "]" * 25, "deeper than 20 levels"),
    ],
)
def test_a_file_that_is_no_file_of_rules_is_refused(text: str, sentence: str) -> None:
    """What is wrong with the whole is told as well, and what is more than data is not read."""
    with pytest.raises(ConfigurationError, match=sentence):
        read(text)


@pytest.mark.parametrize(
    "cron", ["*/15 0-6,22 1 jan-mar mon-fri", "0 0 31 12 7", "5 4 * * SUN", "0 0 29 2 *", "0 0 31 1,2 fri-sun"]
)
def test_cron_is_read_as_cron_reads_it(cron: str) -> None:
    """Ranges, lists, steps and names."""
    found = read(f"types: {{{GOOD}}}\nschedules: {{a: {{cron: '{cron}'}}}}")

    assert found.schedules["a"].cron == cron.lower()


def test_a_missing_file_says_which_setting_names_it(tmp_path: Path) -> None:
    """The first thing that goes wrong is that there is no file."""
    with pytest.raises(ConfigurationError, match="No such file or directory; STAGELIGHT_TRUTH_RULES names"):
        rules.load(tmp_path / "none.yaml")
