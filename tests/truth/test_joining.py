"""Late truth: what each kind of rule makes of events, in whatever order and however often they come."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from late_truth import DAY, START, came, joined, outcomes, rule, said
from stagelight import truth
from stagelight.errors import ConfigurationError

if TYPE_CHECKING:
    from stagelight.store import Store
    from stagelight.testing import SteppingClock

CHURN = "churn: {truth: exists, events: [cancelled, lapsed], within: 30d, grace: 2d, exclude: {events: [died]}}"
DIGIT = "digit: {truth: last, events: label, within: 5d, corrections: 30d}"


def test_the_label_of_day_nine_counts_for_the_version_that_predicted(store: Store) -> None:
    """A label that comes nine days later belongs to the version that made the prediction, not to the one of today."""
    store.rows.write([said("p1", version="a"), said("p2", day=8, version="b")])
    store.rows.write([came("t1", "cancelled", 9, of="p1")])
    read = rule(CHURN)

    joined(store, read, 45)

    found = {one.model_version: one for one in truth.assess(store, read.rules["churn"], now=START + 45 * DAY)}
    judged = {name: truth.judged(store, "churn", name, now=START + 45 * DAY).actual.tolist() for name in "ab"}
    assert judged == {"a": [1.0], "b": [0.0]}
    assert found["a"].coverage.lag_seconds == 9 * DAY


def test_exists_is_yes_at_once_and_no_when_the_window_and_its_grace_have_passed(store: Store) -> None:
    """An event makes it true; silence makes it false, and not before late news have had their time."""
    store.rows.write([said("yes"), said("no"), said("late"), came("t1", "lapsed", 3, of="yes")])
    read = rule(CHURN)

    joined(store, read, 31.9)
    assert outcomes(store) == {"yes": "1", "no": "", "late": ""}

    joined(store, read, 32)
    assert outcomes(store) == {"yes": "1", "no": "0", "late": "0"}
    store.rows.write([came("t2", "cancelled", 30, of="late")])
    joined(store, read, 33)
    assert outcomes(store)["late"] == "1"
    assert [row.actual_outcome for row in store.outcomes.history("late")] == ["0", "1"]


def test_an_event_counts_in_its_window_alone(store: Store) -> None:
    """Before the prediction, before `after`, and after `within` nothing counts; both ends do."""
    read = rule("churn: {truth: exists, events: cancelled, after: 2d, within: 30d}")
    days = {"before": -1.0, "too early": 1.99, "begin": 2.0, "end": 30.0, "too late": 30.01}
    store.rows.write([said(name) for name in days])
    store.rows.write([came(name, "cancelled", day, of=name) for name, day in days.items()])

    joined(store, read, 40)

    assert {name for name, found in outcomes(store).items() if found == "1"} == {"begin", "end"}


def test_a_truth_that_names_its_prediction_is_not_older_than_it(store: Store) -> None:
    """A clock that is an hour behind loses no label: what names its prediction came after it; its lag is 0, not less."""
    read = rule(CHURN)
    store.rows.write([said("p1"), said("p2"), came("t1", "cancelled", -1 / 24, prediction_id="p1")])
    store.rows.write([came("t2", "cancelled", -1 / 24, of="p2")])

    report = joined(store, read, 40)

    assert outcomes(store) == {"p1": "1", "p2": "0"}
    assert [lag.mean_seconds for lag in report.types[0].lags] == [0.0]


def test_value_zero_takes_an_event_back(store: Store) -> None:
    """A later word with value 0 undoes the same event, not another one."""
    read = rule(CHURN)
    store.rows.write([said("p1"), said("p2")])
    store.rows.write([came("t1", "cancelled", 3, of="p1"), came("t2", "cancelled", 4, of="p1", value=0.0)])
    store.rows.write([came("t3", "cancelled", 3, of="p2"), came("t4", "lapsed", 4, of="p2", value=0.0)])

    joined(store, read, 40)

    assert outcomes(store) == {"p1": "0", "p2": "1"}


@pytest.mark.parametrize(
    ("text", "values", "outcome"),
    [
        ("{truth: count, events: e, within: 9d, threshold: 2}", [None, None], "1"),
        ("{truth: count, events: e, within: 9d, threshold: 2}", [None, 5.0, -1.0], "0"),
        ("{truth: sum, events: e, within: 9d, threshold: 10}", [4.0, 6.0], "1"),
        ("{truth: sum, events: e, within: 9d, threshold: 10}", [4.0, 6.0, -1.0], "0"),
        ("{truth: last, events: e, within: 9d, threshold: 10}", [12.0, 3.0], "0"),
        ("{truth: last, events: e, within: 9d, threshold: 10}", [3.0, 12.0], "1"),
    ],
)
def test_counts_sums_and_last_values_against_a_threshold(
    store: Store, text: str, values: list[float | None], outcome: str
) -> None:
    """Counts and sums add up and can be taken back; of values the last one holds."""
    store.rows.write([said("p1", "t")])
    store.rows.write([came(f"t{day}", "e", day, of="p1", value=value) for day, value in enumerate(values, start=1)])

    joined(store, rule(f"t: {text}"), 20)

    assert outcomes(store) == {"p1": outcome}


@pytest.mark.parametrize(
    "text", ["count, events: e, within: 9d, threshold: 3", "sum, events: e, within: 9d, threshold: 9"]
)
def test_a_sum_that_may_still_grow_is_not_known(store: Store, text: str) -> None:
    """Two of three, and days to go: neither right nor wrong, and nothing on the prediction; a no when the time is over."""
    read = rule(f"t: {{truth: {text}}}")
    store.rows.write([said("p1", "t"), *(came(f"t{day}", "e", day, of="p1", value=2.0) for day in (1, 2))])

    joined(store, read, 5)
    assert outcomes(store) == {"p1": ""}
    assert truth.judged(store, "t", now=START + 5 * DAY, mature=False).labelled.tolist() == [False]

    joined(store, read, 9)
    assert outcomes(store) == {"p1": "0"}


def test_a_class_is_right_where_the_decision_named_it(store: Store) -> None:
    """The last label holds, also a correction after the window; without a decision nothing is right or wrong."""
    read = rule(DIGIT)
    store.rows.write([said(name, "digit", decision=decision) for name, decision in (("a", "3"), ("b", "3"), ("c", ""))])
    store.rows.write([came(f"of {name}", "label", 2, prediction_id=name, label="3") for name in "abc"])
    store.rows.write([came("correction", "label", 12, prediction_id="b", label="8")])

    joined(store, read, 40)

    assert outcomes(store) == {"a": "3", "b": "8", "c": "3"}
    found = truth.performance(truth.judged(store, "digit", now=START + 40 * DAY))
    assert (found.labelled, found.decided, found.accuracy.value if found.accuracy else None) == (2, 2, 0.5)


def test_what_is_excluded_is_neither_right_nor_wrong(store: Store) -> None:
    """By an event, a decision or a version: such predictions are in no figure; an exclusion can be taken back."""
    read = rule(
        "churn: {truth: exists, events: cancelled, within: 30d,"
        " exclude: {events: died, decisions: suppressed, versions: shadow}}"
    )
    store.rows.write([said("died"), said("alive"), said("held", decision="suppressed"), said("dark", version="shadow")])
    store.rows.write([came("t1", "died", 3, of="died"), came("t2", "cancelled", 2, of="died")])
    store.rows.write([came("t3", "died", 3, of="alive"), came("t4", "died", 4, of="alive", value=0.0)])

    joined(store, read, 40)

    assert outcomes(store) == {"died": "", "alive": "0", "held": "", "dark": ""}
    assert len(truth.judged(store, "churn", now=START + 40 * DAY)) == 1
    assert {one.model_version: one.excluded for one in store.outcomes.coverage("churn", now=START + 40 * DAY)} == {
        "a": 2,
        "shadow": 1,
    }


def test_who_is_predicted_to_be_one(store: Store) -> None:
    """The decision says so where it is among the positive ones, else the score against the cut; without both nobody does."""
    read = rule("t: {truth: exists, events: e, within: 9d, positive_decisions: [offer], positive_score: 0.8}")
    cases = {"offered": ("offer", 0.1), "kept": ("keep", 0.9), "high": ("", 0.8), "low": ("", 0.79), "none": ("", None)}
    store.rows.write([said(name, "t", decision=made, score=score) for name, (made, score) in cases.items()])

    joined(store, read, 20)

    with store._database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT prediction_id, predicted FROM outcomes").all()
    assert {row[0]: row[1] for row in rows} == {"offered": 1, "kept": 0, "high": 1, "low": 0, "none": None}


def test_two_owners_never_share_truth(store: Store) -> None:
    """The same ids and entities in another tenant or workspace are other predictions and other truth."""
    read = rule(CHURN)
    store.rows.write([said("p1"), replace(said("p1"), tenant="b"), replace(said("p1"), workspace="w")])
    store.rows.write([replace(came("t1", "cancelled", 3, of="p1"), tenant="b")])
    store.rows.write([replace(came("t2", "cancelled", 3, prediction_id="p1"), tenant="b")])

    joined(store, read, 40)

    now = START + 40 * DAY
    assert truth.judged(store, "churn", now=now, tenant="b").actual.tolist() == [1.0]
    assert truth.judged(store, "churn", now=now, tenant="default").actual.tolist() == [0.0, 0.0]


def test_joining_again_changes_nothing(store: Store) -> None:
    """The second join finds nothing to write, also when it is told to look at everything anew by a changed rule."""
    read = rule(CHURN)
    store.rows.write([said("p1"), said("p2"), came("t1", "cancelled", 3, of="p1")])
    assert joined(store, read, 40).revisions == 2

    assert joined(store, read, 40).revisions == 0
    assert joined(store, rule(CHURN.replace("2d", "3d")), 40).revisions == 0


def test_a_changed_rule_judges_everything_anew(store: Store) -> None:
    """A window made shorter turns a late event into none; both answers stay in the history."""
    store.rows.write([said("p1"), came("t1", "cancelled", 20, of="p1")])
    joined(store, rule(CHURN), 400)

    report = joined(store, rule(CHURN.replace("30d", "10d")), 401)

    assert report.types[0].corrected == 1
    assert outcomes(store) == {"p1": "0"}
    assert [row.revision for row in store.outcomes.history("p1")] == [1, 2]


def test_truth_that_comes_a_year_late_is_joined(store: Store, clock: SteppingClock) -> None:
    """A join looks at open predictions alone, and at closed ones where news of them came since."""
    read = rule(CHURN)
    store.rows.write([said(f"p{day}", day=day) for day in range(20)])
    clock.advance(hours=3)
    joined(store, read, 60)
    clock.advance(days=365)
    assert joined(store, read, 420).types[0].predictions == 0

    store.rows.write([came("t1", "cancelled", 10, of="p5")])
    report = joined(store, read, 425)

    assert outcomes(store)["p5"] == "1"
    assert (report.revisions, report.types[0].corrected) == (1, 1)


def test_a_prediction_that_arrives_after_its_truth_is_joined(store: Store, clock: SteppingClock) -> None:
    """What waited in a spool for weeks is judged like the rest."""
    read = rule(CHURN)
    store.rows.write([said("p1", day=100), came("t1", "cancelled", 3, of="late")])
    clock.advance(hours=3)
    joined(store, read, 140)
    clock.advance(days=10)
    store.rows.write([said("late")])

    joined(store, read, 150)

    assert outcomes(store)["late"] == "1"


def test_truth_that_has_expired_changes_no_outcome(store: Store) -> None:
    """An outcome that was found stays when the events behind it are gone."""
    read = rule(CHURN)
    store.rows.write([said("p1"), came("t1", "cancelled", 3, of="p1")])
    joined(store, read, 20)
    with store._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM truth")

    assert joined(store, read, 40).types[0].predictions == 1

    assert outcomes(store) == {"p1": "1"}


def test_no_rule_for_a_type_says_which_there_is(store: Store) -> None:
    """A wrong type is a mistake of whoever set it up."""
    with pytest.raises(ConfigurationError, match=r"no rule for predictions of type 'chrun'\. Did you mean 'churn'\?"):
        truth.join(store, rule(CHURN), types=["chrun"])
