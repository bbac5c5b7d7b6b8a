"""What the page Models computes: lines that keep their place, states that say enough, matters that are told once."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judged_models import DAY, DAYS, NS, a_model, alert, measurement, verdict
from late_truth import START, came, joined, rule, said
from stagelight.store import open_store
from stagelight.store.outcome_model import Coverage
from stagelight.truth import assess, keep
from stagelight.web.view_lines import APART, HEIGHT, TICKS, apart, dates, foot, lines, top
from stagelight.web.view_models import VERSIONS_SHOWN, models
from stagelight.web.view_told import told
from stagelight.web.view_version import EXPECTED, MEASURED, POINTS, PROMISED, version_view

NOW = 20_000 * DAY
KEY = ("default", "default", "digit", "v1")
moments = st.floats(0, 4e9)
figures = st.none() | st.floats(0, 1)


def course(count: int = DAYS, **more: object):
    """The comparisons of so many days, the last two days ago."""
    return [verdict(day, NOW - (DAYS + 1 - day) * DAY, **more) for day in range(count)]


def covered(predictions: int = 30, mature: int = 20) -> Coverage:
    """Predictions of whom the last are not mature."""
    return Coverage("default", "default", "v1", predictions, mature, 16, 3, 0, 3 * DAY)


@given(
    st.lists(st.tuples(moments, figures), max_size=20).map(lambda points: sorted(points, key=lambda point: point[0]))
)
def test_every_figure_stands_in_the_picture_in_its_order(points):
    """A dot for each figure, from left to right, the higher the better; a gap interrupts the line and is no zero."""
    picture = lines({"a": points})
    known = [value for _, value in points if value is not None]
    assert bool(picture) == bool(known)
    for line in picture.lines:
        assert [dot.value for dot in line.dots] == known
        assert all(0 <= dot.x <= 100 and 0 <= dot.y <= HEIGHT for dot in line.dots)
        assert all(one.x <= other.x for one, other in pairwise(line.dots))
        gaps = [value is None for _, value in points]
        assert line.path.count("M") == sum(before and not here for before, here in pairwise([True, *gaps]))
        assert "nan" not in line.path


def test_what_is_beyond_the_scale_stands_at_its_edge():
    """A figure below the foot is not drawn outside of the picture, and is told as it is."""
    (line,) = lines({"a": [(0, 0.2), (1, 0.75)]}, low=0.5).lines

    assert [(dot.y, dot.value) for dot in line.dots] == [(HEIGHT, 0.2), (HEIGHT / 2, 0.75)]


@given(moments, st.floats(0, 1e9))
def test_dates_are_few_and_in_order(since, length):
    """However long or short the time is, there is a date, and never more than fit; each at its moment."""
    ticks = dates(since, since + length)

    assert 1 <= len(ticks) <= TICKS + 1
    assert all(one.at < other.at for one, other in pairwise(ticks))
    assert all(0 <= tick.at <= 100 and tick.label for tick in ticks)


@pytest.mark.parametrize(
    ("hours", "labels"),
    [
        (3, ["20:00", "21:00", "22:00", "23:00"]),
        (20, ["5 Oct", "06:00", "12:00"]),
        (24 * 10, ["6 Oct", "8 Oct", "10 Oct", "12 Oct", "14 Oct"]),
        (24 * 700, ["Jan 2025", "Jul 2025", "Jan 2026", "Jul 2026"]),
    ],
)
def test_dates_are_round_ones_in_utc(hours, labels):
    """Hours within a day, days within weeks, months within years."""
    since = datetime(2024, 10, 4, 20, tzinfo=UTC).timestamp()
    found = [tick.label for tick in dates(since, since + hours * 3600)]

    assert found == labels


def test_moments_no_calendar_knows_do_no_harm():
    """A clock that is wrong by ages gives a date at the edge."""
    assert dates(-1e12, -1e11)
    assert dates(1e13, 1e14)


@given(st.lists(st.floats(0, HEIGHT), max_size=5).map(sorted))
def test_words_at_the_ends_of_lines_do_not_cover_each_other(places):
    """Each is a word's height from the next, in the order of the lines, and none leaves the picture."""
    moved = apart(places)

    assert all(other - one >= APART - 1e-9 for one, other in pairwise(moved))
    assert all(0 <= place <= HEIGHT for place in moved)


@given(st.lists(st.floats(0, 1), max_size=9))
def test_the_scale_holds_all_figures(values):
    """Nothing is cut off at the foot or the top."""
    assert all(foot(values) <= value <= 1 for value in values)
    assert all(value <= top(values) for value in values)


def test_a_version_shows_what_is_measured_beside_what_is_promised():
    """Two lines, in a scale that leaves little empty; a mark for each look that found something."""
    view = version_view(KEY, [], course(), covered(20, 20))

    assert [line.name for line in view.accuracy.lines] == [MEASURED, PROMISED]
    assert [(dot.value, state) for dot, state in view.marks] == [(0.88, "WARN"), (0.7, "ALERT"), (0.69, "ALERT")]
    assert view.states == ("ALERT", "OK")
    assert (view.accuracy.low, view.calibration.high) == (0.5, 0.1)
    assert view.story.startswith("Accuracy of digit v1 over time: measured by labels first 95.0%, last 69.0%")
    assert view.story.endswith("worse than before at 2 of 10 looks")


def test_a_loss_is_not_forgotten_when_the_past_was_bad_too():
    """Where the last look finds nothing worse, and the best is far away all the same, the page tells of it."""
    found = [*course()[:-1], verdict(9, NOW - 2 * DAY, accuracy_status="OK")]
    view = version_view(KEY, [], found, None)

    assert view.best is not None
    assert (view.best.value, view.states[0]) == (0.97, "OK")
    assert version_view(KEY, [], course(), None).best is None
    assert version_view(KEY, [], course(6), None).best is None


def test_what_is_not_mature_is_shown_as_provisional():
    """What scores promise for the time after the last mature window stands to the right of it, by another name."""
    view = version_view(KEY, [], course(), covered())

    assert view.immature == 10
    assert view.provisional is not None
    assert [line.name for line in view.accuracy.lines] == [MEASURED, PROMISED, EXPECTED]
    expected = view.accuracy.lines[2]
    assert (expected.dots[0].x, expected.dots[1].x) == (pytest.approx(view.provisional), 100)
    assert expected.last == 0.94


def test_ok_without_a_test_is_not_shown_as_ok():
    """Where there was too little truth to compare, the page says so."""
    view = version_view(KEY, [], course(1), None)

    assert view.states == ("LITTLE", "LITTLE")
    assert (view.listed, view.marks, view.best, view.immature, view.lag) == ((), (), None, 0, "")


def test_of_one_window_the_last_look_counts():
    """A later look at the same predictions knew more truth."""
    early, late = verdict(5, NOW), verdict(5, NOW, current_accuracy=0.9, judged_ns=int(NOW * NS) + 1)

    (look,) = version_view(KEY, [], [early, late], None).looks
    assert look.verdict.current_accuracy == 0.9


@pytest.mark.parametrize(
    "figures", ["", "nonsense", "[]", "{}", '{"curve": 1, "bias": 2, "expected": []}', '{"bias": {}}']
)
def test_figures_of_another_time_are_left_out(figures):
    """Comparisons kept by an earlier version say less; the page shows what they do say."""
    view = version_view(KEY, [], course(figures=figures), covered())

    assert (view.curve, view.expected, view.provisional) == ((), None, None)
    assert view.last is not None
    assert view.last.bias == ""
    assert len(view.accuracy.lines) == 2


def test_bias_of_coverage_is_a_sentence():
    """Scores with and without truth that differ by far more than chance limit what accuracy says."""
    like = '{"bias": {"distance": 0.01, "noise": 0.01}}'
    (one,) = version_view(KEY, [], [verdict(5, NOW)], None).looks
    (other,) = version_view(KEY, [], [verdict(5, NOW, figures=like)], None).looks

    assert "are not like those without" in one.bias
    assert other.bias.startswith("Predictions with truth are like those without (distance of their scores 0.010")


def test_what_an_assessment_keeps_is_what_the_page_reads(tmp_path):
    """Curve, bias and expectation come to the page by the kept verdict: no prediction is read again."""
    churn = rule("churn: {truth: exists, events: [left], within: 10d, compare: {baseline: 20d, current: 10d}}")
    now = 45.0
    with open_store(tmp_path / "assessed.db") as store:
        store.rows.write([said(f"p{at}", day=at / 10, score=at % 10 / 10) for at in range(400)])
        store.rows.write([came(f"t{at}", "left", at / 10 + 1, of=f"p{at}") for at in range(400) if at % 10 > 4])
        joined(store, churn, now)
        for found in assess(store, churn.rules["churn"], now=START + now * DAY):
            keep(store, found, judged_ns=int((START + now * DAY) * NS))
        (view,) = models(store, now_ns=int((START + now * DAY) * NS)).versions

    assert sum(point.size for point in view.curve) == view.last.verdict.current_size == 100
    assert (view.immature, round(view.expected["value"], 2)) == (49, 1.0)
    assert view.last.bias == ""  # silence is an answer here, so there are none without truth


def test_reliability_in_the_picture_and_in_words():
    """Each point at its score and its share, with its interval."""
    view = version_view(KEY, [], course(), None)

    assert [(point.x, round(point.y), round(point.low), round(point.high)) for point in view.curve] == [
        (30, 80, 90, 60),
        (90, 20, 30, 10),
    ]
    assert (
        view.curve_story
        == "Reliability of digit v1: score 0.30 came true in 20% of 40; score 0.90 came true in 80% of 60"
    )


def test_no_drift_is_lost_where_a_chart_has_fewer_points_than_checks():
    """A single high check among thousands is still the peak of the small chart."""
    checks = [measurement(at, NOW, 0.9 if at == 777 else 0.01) for at in range(2_000)]
    (row,) = version_view(KEY, checks, [], None).features
    points = row.course.count(",") // 2

    assert "0.9]" in row.course or "0.9," in row.course
    assert points <= POINTS
    assert not row.drifts


def test_a_matter_is_told_once_however_bad_it_grew():
    """Page, then critical: one matter since its beginning. A month later it is another one. Over is said to be over."""
    page = alert("StagelightModelDrift", since=NOW - 9 * DAY, until=NOW - 8 * DAY, severity="page")
    critical = alert("StagelightModelDrift", since=NOW - 8 * DAY, severity="critical")
    past = alert("StagelightModelDrift", since=NOW - 40 * DAY, until=NOW - 39 * DAY, severity="warning")
    other = alert(since=NOW - 5 * DAY, until=NOW - DAY)
    foreign = alert("HighCPUUsage", since=NOW - DAY)

    found = told([critical, past, other, page, foreign], now_ns=int(NOW * NS))

    assert [(one.alert, one.over) for one in found] == [(critical, False), (other, True), (past, True)]
    assert found[0].since_ns == page.starts_ns
    assert found[1].until_ns == other.ends_ns


def test_an_end_in_the_future_is_none_yet():
    """An alert that would end by itself next week goes on."""
    (one,) = told([alert(since=NOW - DAY, until=NOW + 7 * DAY)], now_ns=int(NOW * NS))

    assert not one.over


def test_the_page_begins_with_what_needs_somebody(tmp_path):
    """Worse before drifting before well; more versions than have room are listed; each tenant sees its own alone."""
    with open_store(tmp_path / "models.db") as store:
        a_model(store, NOW)
        store.outcomes.keep(verdict(4, NOW, type="calm"))
        store.drift.put_measurements([measurement(0, NOW, 0.4, model="drifts")])
        store.drift.put_measurements([measurement(0, NOW, 0.4, model=f"m{at}", tenant="acme") for at in range(20)])
        everybody = models(store, now_ns=int(NOW * NS))
        mine = models(store, now_ns=int(NOW * NS), tenant="default")
        theirs = models(store, now_ns=int(NOW * NS), tenant="acme")
        nobody = models(store, now_ns=int(NOW * NS), tenant="zeta")

    assert [one.name for one in mine.versions] == ["digit v1", "drifts v1", "calm v1"]
    assert (mine.worse, mine.watch, mine.drifting, len(mine.listed), mine.many_owners) == (1, 0, 2, 3, False)
    assert mine.coverage == pytest.approx(14 / 18, abs=0.1)
    assert [one.over for one in mine.alerts] == [False, True]
    assert (len(theirs.versions), len(theirs.shown), theirs.alerts) == (20, VERSIONS_SHOWN, ())
    assert everybody.many_owners
    assert (nobody.empty, nobody.alerts, nobody.coverage) == (True, (), None)
