"""The scheduled tasks: what they do, when they are due, and what they do when they cannot."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from stagelight import config, loops
from stagelight.errors import ConfigurationError
from stagelight.loops import celery_app, holding, scheduler, tasks, timing, watchers
from stagelight.sink.rows import Prediction, Truth
from stagelight.store import current, open_store
from stagelight.testing import SteppingClock, time_of
from stagelight.truth import rules as truth_rules
from stagelight.truth.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stagelight.store import Store

RULES = """
schedules:
  short: {every: 4h}
  medium: {cron: "0 2 * * *"}
  long: {cron: "0 3 * * 0"}
types:
  trigger: {schedule: short, truth: exists, events: [bought], within: 1h, compare: {baseline: 4d, current: 2d}}
  churn: {schedule: medium, truth: exists, events: [cancelled], within: 30d}
  risk: {schedule: long, truth: exists, events: [defaulted], within: 180d}
"""
DAY = 86_400.0
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def clock() -> Iterator[SteppingClock]:
    """What everybody takes dates from."""
    stepping = SteppingClock()
    with time_of(stepping):
        yield stepping


@pytest.fixture(autouse=True)
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of rules in force."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    monkeypatch.setenv("STAGELIGHT_TRUTH_RULES", str(path))
    return path


@pytest.fixture
def store(tmp_path: Path, clock: SteppingClock) -> Iterator[Store]:
    """The store in use."""
    with open_store(tmp_path / "t.db") as opened, current.using(opened):
        yield opened


def predicted(store: Store, clock: SteppingClock, *, days: range, right: float, each: int = 300, **more: Any) -> None:
    """So many predictions on each of some days back from now, a share of them right."""
    rows: list[Any] = []
    for day in days:
        for number in range(each):
            at = clock.now - day * DAY + number
            name = f"{more.get('tenant', 'default')}-{clock.now:.0f}-{day}-{number}"
            rows.append(
                Prediction(
                    prediction_id=name, type="trigger", model_version="v1", score=0.9, entity=name, observed_at=at,
                    trace_id=TRACE, **more,
                )
            )  # fmt: skip
            if number < right * each:
                rows.append(Truth(truth_id=name, event="bought", entity=name, observed_at=at + 60, **more))
    store.rows.write(rows)


def scored(store: Store, clock: SteppingClock, count: int, *, name: str = "m") -> None:
    """Predictions of just now, with scores that are spread from .1 on."""
    store.rows.write(
        [
            Prediction(
                prediction_id=f"{name}{number}", type="trigger", model_version="v1", score=0.1 + number / 1000,
                observed_at=clock.now - 60,
            )
            for number in range(count)
        ]
    )  # fmt: skip


def test_a_model_that_got_worse_is_joined_judged_and_told_of(store: Store, clock: SteppingClock) -> None:
    """One run says what predictions turned out to be, compares, keeps the verdict, and tells with figures and examples."""
    predicted(store, clock, days=range(4, 8), right=0.9)
    predicted(store, clock, days=range(2, 4), right=0.6)
    done = loops.run_feedback_loop_short_window()
    assert done["status"] == "ok"
    assert done["joined"]["trigger"] == {"predictions": 1800, "revisions": 1800, "corrected": 0}
    (result,) = done["analysis"]["drift_results"]
    assert (result["prediction_type"], result["model_version"], result["accuracy_status"]) == ("trigger", "v1", "ALERT")
    routed = done["analysis"]["routed"]
    assert (routed["sent"], routed["baseline_days"], routed["current_days"]) == (2, 4, 2)  # calibration too
    (accuracy,) = [alert for alert in routed["alerts"] if alert["kind"] == "accuracy_degradation"]
    assert (accuracy["severity"], accuracy["trace_ids"]) == ("critical", (TRACE,))
    assert {kept.name for kept in store.outbox.recent()} == {"StagelightConceptDrift", "StagelightCalibrationDrift"}
    (verdict,) = store.outcomes.verdicts()
    assert verdict.accuracy_status == "ALERT"


def test_done_again_nothing_changes(store: Store, clock: SteppingClock) -> None:
    """The second run writes no outcome, and tells nobody again."""
    predicted(store, clock, days=range(4, 8), right=0.9)
    predicted(store, clock, days=range(2, 4), right=0.6)
    first, second = loops.run_full_feedback_loop(), loops.run_full_feedback_loop()
    assert second["joined"]["trigger"]["revisions"] == 0
    assert second["analysis"]["drift_results"] == first["analysis"]["drift_results"]
    assert (second["analysis"]["routed"]["sent"], second["analysis"]["routed"]["repeated"]) == (0, 2)


def test_a_model_that_recovered_is_told_of_no_more(store: Store, clock: SteppingClock) -> None:
    """When the present is as good as the past again, what fires is over."""
    predicted(store, clock, days=range(4, 8), right=0.9)
    predicted(store, clock, days=range(2, 4), right=0.6)
    loops.run_full_feedback_loop()
    clock.advance(days=9)
    predicted(store, clock, days=range(2, 8), right=0.9)
    loops.run_full_feedback_loop()
    ended = {kept.name for kept in store.outbox.recent() if kept.ends_ns <= clock.wall_ns()}
    assert ended == {"StagelightConceptDrift", "StagelightCalibrationDrift"}


def test_tenants_are_judged_each_by_himself(store: Store, clock: SteppingClock) -> None:
    """One tenant's bad days are not the other's."""
    predicted(store, clock, days=range(2, 8), right=0.9, tenant="a")
    predicted(store, clock, days=range(4, 8), right=0.9, tenant="b")
    predicted(store, clock, days=range(2, 4), right=0.5, tenant="b")
    loops.run_feedback_loop(["trigger"])
    done = loops.analyze_concept_drift_from_truth(["trigger"])
    assert {one["tenant"]: one["accuracy_status"] for one in done["drift_results"]} == {"a": "OK", "b": "ALERT"}
    assert {alert["tenant"] for alert in done["routed"]["alerts"]} == {"b"}


@pytest.mark.parametrize(
    ("task", "types"),
    [
        (loops.run_feedback_loop_short_window, {"trigger"}),
        (loops.run_feedback_loop_medium_window, {"churn"}),
        (loops.run_feedback_loop_long_window, {"risk"}),
        (loops.run_full_feedback_loop, {"trigger", "churn", "risk"}),
        (loops.run_feedback_loop, {"trigger", "churn", "risk"}),
    ],
)
def test_each_window_joins_its_own_types(task: Any, types: set[str], store: Store) -> None:
    """Which types a task joins stands in the rules."""
    assert store is current.current()
    assert set(task()["joined"]) == types


def test_a_type_without_a_rule_is_refused(store: Store) -> None:
    """A wrong name is a mistake of set-up, told at once."""
    assert store is current.current()
    with pytest.raises(ConfigurationError, match="Did you mean 'churn'"):
        loops.run_feedback_loop(["chrun"])


def test_a_store_that_is_away_means_skipped_and_the_next_run_catches_up(
    tmp_path: Path, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No crash, a reason, and a later run that joins all there is."""
    monkeypatch.setenv("STAGELIGHT_STORE", "postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=1")
    for task in (loops.run_feedback_loop_short_window, loops.check_drift):
        assert task()["status"] == "skipped"
        assert "the next run catches up" in caplog.text
    monkeypatch.setenv("STAGELIGHT_STORE", str(tmp_path / "back.db"))
    with open_store(tmp_path / "back.db") as store:
        predicted(store, clock, days=range(1, 3), right=0.9)
    assert loops.run_feedback_loop_short_window()["joined"]["trigger"]["revisions"] == 600


def test_a_run_after_a_killed_one_waits_for_its_lease(store: Store, clock: SteppingClock) -> None:
    """The killed worker's lease ends while the next one waits, and the run is not lost until next week."""
    predicted(store, clock, days=range(1, 2), right=0.9)
    store.leases.take(tasks.name_of("short"), "killed", seconds=15)
    threading.Timer(0.7, clock.advance, kwargs={"seconds": 16}).start()
    assert loops.run_feedback_loop_short_window()["status"] == "ok"


def test_too_little_data_ends_no_alert(store: Store, clock: SteppingClock) -> None:
    """Drift that was found is not over because hardly anybody came since."""
    predicted(store, clock, days=range(1, 2), right=0, each=1000)
    loops.check_drift()
    for number, count in enumerate((400, 20)):
        clock.advance(days=2)
        scored(store, clock, count, name=f"m{number}")
        loops.check_drift()
    assert [kept.ends_ns > clock.wall_ns() for kept in store.outbox.recent()] == [True]


def test_of_two_workers_one_runs(store: Store, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one worker is at a task, the other skips it and says so; a type that is being joined is left to its worker."""
    monkeypatch.setattr(tasks, "PATIENCE_S", 0.0)
    predicted(store, clock, days=range(1, 2), right=0.9)
    with holding.alone(store, tasks.name_of("short")) as mine:
        assert mine
        assert "another worker runs" in loops.run_feedback_loop_short_window()["reason"]
    with holding.alone(store, tasks.DRIFT):
        assert loops.check_drift()["status"] == "skipped"
    with holding.alone(store, "join:trigger"):
        done = loops.run_feedback_loop()
        assert done["left_to_another_worker"] == ["trigger"]
        assert "trigger" not in done["joined"]


def test_a_lease_is_kept_alive_while_the_work_lasts(tmp_path: Path) -> None:
    """Work that takes longer than the lease keeps it; afterwards others get it at once."""
    with open_store(tmp_path / "l.db") as store, holding.alone(store, "long", seconds=1.0) as mine:
        assert mine
        threading.Event().wait(2.1)
        assert not store.leases.take("long", "other", seconds=1)
    with open_store(tmp_path / "l.db") as store:
        assert store.leases.take("long", "other", seconds=1)


def test_drift_of_scores_is_told_of_without_labels(store: Store, clock: SteppingClock) -> None:
    """The first thousand rows are the reference; scores that move afterwards are an alert with its PSI."""
    predicted(store, clock, days=range(1, 2), right=0, each=1000)
    assert loops.check_drift()["drifted"] == 0
    clock.advance(days=2)
    scored(store, clock, 400)
    done = loops.check_drift()
    assert done["drifted"] == 1
    (alert,) = done["routed"]["alerts"]
    assert (alert["kind"], alert["feature"], alert["severity"]) == ("score_drift", "score", "critical")


def test_beat_has_the_names_and_times_of_the_contract() -> None:
    """Without a word in the rules: four hours, two at night, three on Sunday nights, all on the queue `analytics`."""
    app = celery_app.make_app(
        config.load(redis_url="redis://127.0.0.1:1/0"),
        truth_rules.parse(b"types: {x: {truth: exists, events: y, within: 1d}}"),
    )
    beat = app.conf.beat_schedule
    assert beat["feedback-loop-short-window"]["schedule"] == 14_400
    medium, long = (beat[f"feedback-loop-{window}-window"]["schedule"] for window in ("medium", "long"))
    assert (medium.hour, medium.minute, len(medium.day_of_week)) == ({2}, {0}, 7)
    assert (long.hour, long.minute, long.day_of_week) == ({3}, {0}, {0})
    for entry in beat.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["queue"] == "analytics"
        assert app.amqp.router.route({}, entry["task"])["queue"].name == "analytics"


def test_beat_follows_the_rules(rules: Path) -> None:
    """Times that the rules give are those of beat and of the embedded scheduler alike; 0 minutes check no drift."""
    rules.write_text(RULES.replace("4h", "1h").replace("0 2 * * *", "30 1 * * 1-5"))
    read = truth_rules.load(rules)
    settings = config.load(drift_check_interval=0.0, watch_interval=0.0)
    beat = celery_app.beat_schedule(settings, read)
    assert beat["feedback-loop-short-window"]["schedule"] == 3600
    assert beat["feedback-loop-medium-window"]["schedule"].day_of_week == {1, 2, 3, 4, 5}
    planned = scheduler.plan(settings, read)
    assert {name: schedule for name, (schedule, _) in planned.items()} == {
        "feedback-loop-short-window": Schedule(every_s=3600),
        "feedback-loop-medium-window": Schedule(cron="30 1 * * 1-5"),
        "feedback-loop-long-window": Schedule(cron="0 3 * * 0"),
    }


def test_a_named_file_of_rules_that_is_missing_is_refused(tmp_path: Path) -> None:
    """Celery does not start on rules that nobody can read; without a name it starts on the contract's times."""
    with pytest.raises(ConfigurationError, match="No such file"):
        celery_app.make_app(config.load(truth_rules=str(tmp_path / "none.yaml")))


@pytest.mark.parametrize(
    ("schedule", "done_days", "now_days", "due"),
    [
        (Schedule(every_s=3600), 0, 10, True),  # never done
        (Schedule(every_s=3600), 10, 10.02, False),
        (Schedule(every_s=3600), 10, 10.05, True),
        (Schedule(cron="0 2 * * *"), 10.1, 10.9, False),  # done after 02:00 of that day
        (Schedule(cron="0 2 * * *"), 10.1, 11.1, True),
        (Schedule(cron="0 3 * * 0"), 3.2, 9.9, False),  # 1970-01-04, a Sunday, to the Saturday after
        (Schedule(cron="0 3 * * 0"), 3.2, 10.2, True),
    ],
)
def test_what_was_missed_is_known(schedule: Schedule, done_days: float, now_days: float, *, due: bool) -> None:
    """A task that should have run since it was last done is due at once; 0 is Sunday, as cron has it."""
    assert timing.missed(schedule, int(done_days * DAY * 1e9), int(now_days * DAY * 1e9)) is due


def test_the_embedded_scheduler_runs_what_was_missed_and_goes_on(tmp_path: Path, rules: Path) -> None:
    """Everything was never done, so everything runs at the start, and the short one again when its time has come."""
    rules.write_text(RULES.replace("4h", "1s"))
    running = scheduler.Scheduler(config.load(), truth_rules.load(rules))
    names = [tasks.name_of(window) for window in ("short", "medium", "long")]
    names += [tasks.DRIFT, watchers.LEARNING, watchers.EXPERIMENTS]
    assert sorted(running.jobs) == sorted(names)
    with open_store(tmp_path / "s.db") as store, current.using(store):
        running.start()
        try:
            first = until(lambda: all(store.leases.done_ns(name) for name in names) and store.leases.done_ns(names[0]))
            assert until(lambda: store.leases.done_ns(names[0]) > first)
        finally:
            running.stop()


def until(found: Callable[[], int]) -> int:
    """Wait until there is something, for a minute at most, and return it."""
    pause = threading.Event()
    for _ in range(1200):
        if value := found():
            return value
        pause.wait(0.05)
    raise AssertionError("it never came")
