"""What was said, added up by the database; and where a judged prediction was made."""

from __future__ import annotations

from collections import Counter
from statistics import mean

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagelight.sink.recent import Made
from stagelight.sink.rows import Decision, Feedback, Prediction
from stagelight.store import open_store
from stagelight.store.feedback_reports import KNOWN, folded, tally

DAY = 86_400
TRACE = "a" * 32
SAID = {"trace_id": TRACE, "observed_at": 5.0}
SENTIMENT = st.sampled_from(["", "positive", "neutral", "negative"])
JUDGED = st.one_of(
    st.fixed_dictionaries(
        {"signal": st.just("rating"), "value": st.integers(1, 5).map(float), "reward": st.none() | st.floats(0, 1)}
    ),
    st.fixed_dictionaries({"signal": st.just("thumbs"), "value": st.sampled_from([0.0, 1.0])}),
    st.fixed_dictionaries({"signal": st.just("comment"), "comment": st.just("c"), "sentiment": SENTIMENT}),
    st.fixed_dictionaries({"signal": st.sampled_from(["requery", "click"]), "reward": st.floats(0, 1)}),
)
WHEN = st.fixed_dictionaries(
    {
        "observed_at": st.floats(0, 3 * DAY, exclude_max=True),
        "model_version": st.sampled_from(["", "v1", "v2"]),
        "tenant": st.sampled_from(["a", "b"]),
    }
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("store") / "s.db") as opened:
        yield opened


def row(number, **values):
    kind = "implicit" if values["signal"] in ("requery", "click") else "explicit"
    return Feedback(feedback_id=f"f{number}", kind=kind, trace_id=TRACE, **values)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(JUDGED, WHEN), max_size=20))
def test_the_summary_is_what_adding_up_by_hand_gives(store, given_):
    """Counts, means and shares of one tenant within two days, in all, by day and by model version."""
    store.admin.reset()
    rows = [row(number, **said, **when) for number, (said, when) in enumerate(given_)]
    store.rows.write(rows)
    found = store.opinions.summary(0, 2 * DAY, tenant="a")

    mine = [one for one in rows if one.tenant == "a" and one.observed_at < 2 * DAY]
    agrees(found.total, mine)
    assert {name: one.count for name, one in found.models.items()} == Counter(one.model_version for one in mine)
    by_day = Counter(f"1970-01-0{int(one.observed_at // DAY) + 1}" for one in mine)
    assert {day.day: day.tally.count for day in found.days} == by_day
    for day in found.days_by_model:
        same = [
            one
            for one in mine
            if (one.model_version, f"1970-01-0{int(one.observed_at // DAY) + 1}") == (day.model_version, day.day)
        ]
        agrees(day.tally, same)


def agrees(found, rows):
    ratings = [one.value for one in rows if one.signal == "rating"]
    thumbs = [one.value for one in rows if one.signal == "thumbs"]
    rewards = [one.reward for one in rows if one.reward is not None]
    heard = Counter(one.sentiment or "unknown" for one in rows if one.comment)
    assert found.count == found.explicit + found.implicit == len(rows)
    assert found.signals == Counter(one.signal for one in rows)
    for value, parts in ((found.mean_rating, ratings), (found.thumbs_up_share, thumbs), (found.mean_reward, rewards)):
        assert value == (pytest.approx(mean(parts)) if parts else None)
    assert found.sentiments == heard
    known = sum(heard[name] for name in KNOWN)
    assert found.sentiment_ratio == ({name: heard[name] / known for name in KNOWN} if known else {})


def test_what_waits_to_be_learned_is_counted(store):
    """The queue's depth is the tenant's own."""
    store.admin.reset()
    store.rows.write(
        [
            Decision(decision_id="d", arm="small", trace_id=TRACE, tenant="a", observed_at=1.0),
            Feedback(feedback_id="f", kind="explicit", signal="thumbs", value=1.0, reward=1.0, tenant="a", **SAID),
        ]
    )
    assert [store.opinions.summary(0, DAY, tenant=who).queue_depth for who in ("a", "b", None)] == [1, 0, 1]


def test_a_model_and_a_workspace_can_be_asked_for_alone(store):
    """Everything else is left out."""
    store.admin.reset()
    store.rows.write(
        [
            row(1, signal="click", model_version="v1", observed_at=1.0, workspace="w"),
            row(2, signal="click", model_version="v2", observed_at=1.0),
        ]
    )
    assert store.opinions.summary(0, DAY, model="v1").total.count == 1
    assert list(store.opinions.summary(0, DAY, workspace="default").models) == ["v2"]


def test_nothing_said_is_no_mean_and_no_share():
    """An average of nothing is none, not 0."""
    empty = folded([], since=0, until=1, queue_depth=0)
    assert empty.total == tally([])
    assert (empty.total.mean_rating, empty.total.thumbs_up_share, empty.total.sentiment_ratio) == (None, None, {})
    assert (empty.models, empty.days) == ({}, ())


def test_where_it_was_made(store):
    """A decision comes before a prediction; what names no trace, or is another's, is not known."""
    store.admin.reset()
    made = {"trace_id": TRACE, "span_id": "1" * 16, "observed_at": 1.0, "tenant": "a"}
    store.rows.write(
        [
            Prediction(prediction_id="p", type="t", model_version="v", **made),
            Prediction(prediction_id="loose", type="t", tenant="a", observed_at=1.0),
            Decision(decision_id="d", arm="x", **{**made, "span_id": "2" * 16}),
        ]
    )
    where = store.opinions.made

    assert where("a", "default", prediction_id="p") == Made(TRACE, "1" * 16, "v")
    assert where("a", "default", prediction_id="p", decision_id="d") == Made(TRACE, "2" * 16)
    assert where("a", "default", prediction_id="p", decision_id="other") == Made(TRACE, "1" * 16, "v")
    assert where("a", "default", prediction_id="loose") is None
    assert where("b", "default", prediction_id="p") is None
    assert where("a", "default") is None


def test_examples_name_no_person_unless_asked(store):
    """Whom it was about, who judged and what they wrote come with `personal` alone."""
    store.admin.reset()
    store.rows.write(
        [
            Prediction(prediction_id="p", type="t", entity="customer", observed_at=1.0, tenant="a"),
            Feedback(
                feedback_id="f",
                kind="explicit",
                signal="comment",
                comment="c",
                user="ann",
                prediction_id="p",
                tenant="a",
                observed_at=1.0,
            ),
        ]
    )
    ((hidden,), (shown,)) = (list(store.opinions.examples(personal=personal)) for personal in (False, True))

    assert (hidden.entity, hidden.user, hidden.comment) == ("", "", "")
    assert (shown.entity, shown.user, shown.comment) == ("customer", "ann", "c")


def test_a_replay_is_told_apart_from_what_is_new(store):
    """Within a write and across writes, for each owner: the first one counts and the others are called duplicates."""
    store.admin.reset()
    one = row(1, signal="click", observed_at=1.0)
    again = [receipt.duplicate for receipt in store.rows.write([one, one, row(2, signal="click", observed_at=1.0)])]
    other = Feedback(feedback_id="f1", kind="implicit", signal="click", tenant="b", **SAID)

    assert again == [False, True, False]
    assert [receipt.duplicate for receipt in store.rows.write([one, other])] == [True, False]
