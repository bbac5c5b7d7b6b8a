"""The monitor: references from three places, checks over the store and over this process's own streams, and what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stagelight import _guard, drift
from stagelight.catalogue.fleet_drift import EFFECTIVE_RATIO, REFERENCE_ROWS, VALUES
from stagelight.catalogue.models import DRIFT_ALERTS, DRIFT_SCORE
from stagelight.errors import ConfigurationError, StoreUnavailableError
from stagelight.store import current, open_store
from stagelight.store.drift import UNSEEN_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stagelight.store import Store
    from stagelight.testing import InMemory, SteppingClock


def found(measurements: list[drift.Measurement]) -> dict[str, tuple[str, str]]:
    return {one.feature: (one.severity, one.verdict) for one in measurements}


def points(telemetry: InMemory, metric: str, model: str = "zero") -> list[Any]:
    """Other tests' counters exist at 0 here too: what was declared once in a process stays."""
    return [point for point in telemetry.points(metric) if point.attributes["model"] == model]


def test_the_first_rows_of_a_version_become_its_reference(
    telemetry: InMemory, store: Store, predicted: Callable[..., None], clock: SteppingClock
) -> None:
    """A thousand rows are frozen, those after them are compared; a feature of lists is left alone."""
    monitor = drift.Monitor("churn", store=store)
    predicted(900)
    assert monitor.check() == []

    clock.advance(hours=1)
    predicted(900)

    assert found(monitor.check()) == dict.fromkeys(("age", "plan", "score"), ("none", "quiet"))
    assert {one.rows for one in monitor.check()} == {800}  # those of the reference are not compared with themselves
    assert {kept.rows for kept in store.drift.references("churn")} == {1_000}


def test_a_version_with_few_rows_a_day_gets_its_first_thousand_as_reference(
    telemetry: InMemory,
    store: Store,
    predicted: Callable[..., None],
    clock: SteppingClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """300 rows a day never fill a window of a day: the reference comes from days before it, once; then no old row is read."""
    for day in range(3):
        predicted(300)
        assert drift.check_store(store) == [], day
        clock.advance(hours=25)
    predicted(300)
    begun = drift.check_store(store)
    clock.advance(hours=25)
    predicted(300, mean=1.0)
    asked = []
    seen = store.drift.seen
    monkeypatch.setattr(store.drift, "seen", lambda *given, **how: asked.append(how["since"]) or seen(*given, **how))
    later = drift.check_store(store)

    assert {one.rows for one in begun} == {200}
    assert {kept.rows for kept in store.drift.references("churn")} == {1_000}
    assert {(one.rows, one.verdict) for one in later} == {(300, "alert")}
    assert asked == [clock.now - 24 * 3_600]


def test_the_first_rows_of_a_version_are_looked_for_within_bounds(
    telemetry: InMemory, store: Store, predicted: Callable[..., None], clock: SteppingClock
) -> None:
    """A feature that hardly any row tells is waited for over ten times the rows that a reference needs, and no further."""
    predicted(300, over=30 * 24 * 3_600)
    monitor = drift.Monitor("churn", store=store, freeze_after=20, features=["never", "score"])
    read = []
    seen = store.drift.seen

    def counted(*given: Any, **how: Any) -> Any:
        for part in seen(*given, **how):
            read.append((how.get("model_version"), len(part)))
            yield part

    store.drift.seen = counted  # type: ignore[method-assign]
    monitor.check()

    assert ("v1", 200) in read
    assert {kept.feature for kept in store.drift.references("churn")} == {"score"}


def test_an_alert_of_a_version_that_predicts_no_more_ends(
    telemetry: InMemory, store: Store, predicted: Callable[..., None], clock: SteppingClock
) -> None:
    """Nothing measures it any more: eight days after the last check that saw it, it has ended."""
    predicted(1_500)
    drift.Monitor("churn", store=store).freeze()
    clock.advance(hours=1)
    predicted(600, mean=1.0)
    drift.check_store(store)
    seen = round(clock.now * 1e9)
    clock.advance(days=7)
    drift.check_store(store)
    going = store.drift.alerts(open_only=True)
    clock.advance(days=2)
    drift.check_store(store)

    assert {one.feature for one in going} == {"age", "plan", "score"}
    assert {one.ended_ns for one in store.drift.alerts()} == {seen + UNSEEN_NS}


def test_drift_is_found_kept_and_published_with_an_example(
    telemetry: InMemory, store: Store, predicted: Callable[..., None], clock: SteppingClock
) -> None:
    """A shift of one deviation after a quiet day: an alert for each feature, its scores as gauges, a trace that shows it."""
    monitor = drift.Monitor("churn", store=store, window_hours=1)
    predicted(1_500)
    monitor.freeze()
    clock.advance(hours=2)
    predicted(600, mean=1.0)
    measured = {one.feature: one for one in monitor.check()}
    score = measured["score"]

    assert (score.severity, score.verdict) == ("critical", "alert")
    assert score.mean_shift == pytest.approx(1.0, abs=0.1)
    assert monitor.measurements() == sorted(measured.values(), key=lambda one: one.feature)
    assert [alert.feature for alert in monitor.alerts()] == ["age", "plan", "score"]
    labels = {"model": "churn", "model_version": "v1"}
    for method in ("psi", "kl", "js", "ks", "wasserstein", "chi2", "mean_shift"):
        shown = telemetry.value(DRIFT_SCORE.name, **labels, feature="score", method=method)
        assert shown == pytest.approx(getattr(score, method))
    assert telemetry.value(DRIFT_ALERTS.name, **labels) == 3
    (row,) = store.rows.of_trace(score.trace_id)
    assert row.score > 1.5  # where the shift added most


def test_an_alert_carries_a_trace_to_prometheus(
    telemetry: InMemory, store: Store, predicted: Callable[..., None], clock: SteppingClock
) -> None:
    """The count of alerts has an exemplar: the trace of a prediction that shows the drift."""
    monitor = drift.Monitor("churn", store=store, window_hours=1, features=["score"])
    predicted(1_500)
    monitor.freeze()
    clock.advance(hours=2)
    predicted(600, mean=1.0)
    (measured,) = monitor.check()
    exemplars = [
        f"{exemplar.trace_id:032x}" for point in telemetry.points(DRIFT_ALERTS.name) for exemplar in point.exemplars
    ]

    assert measured.trace_id
    assert exemplars == [measured.trace_id]


def test_an_alert_lasts_as_long_as_checks_find_it(
    telemetry: InMemory, store: Store, predicted: Callable[..., None], clock: SteppingClock
) -> None:
    """Two checks that find drift are one alert, with the worst severity seen; the first quiet check ends it."""
    monitor = drift.Monitor("churn", store=store, window_hours=1, features=["score"])
    predicted(1_500)
    monitor.freeze()
    for mean in (1.5, 0.9, 0.0):
        clock.advance(hours=2)
        predicted(600, mean=mean)
        monitor.check()
    (alert,) = monitor.alerts()

    assert alert.severity == "critical"
    assert alert.ended_ns - alert.began_ns == 4 * 3_600_000_000_000
    assert store.drift.alerts("churn", open_only=True) == []
    assert len(monitor.measurements()) == 3


def test_training_data_is_a_reference_that_survives_a_restart(
    telemetry: InMemory, store: Store, predicted: Callable[..., None]
) -> None:
    """What one process was trained on is what another compares with, by way of the store."""
    columns = {"score": np.random.default_rng(0).normal(size=5_000), "plan": ["basic", "plus"] * 2_500}
    drift.Monitor("churn", origin="training", store=store).train(columns, model_version="v1")
    predicted(600, mean=1.0)
    later = drift.Monitor("churn", origin="training", store=store)

    assert found(later.check()) == {"plan": ("high", "alert"), "score": ("critical", "alert")}
    assert {kept.origin for kept in store.drift.references("churn")} == {"training"}


def test_a_reference_of_another_process_is_taken_over(telemetry: InMemory, store: Store) -> None:
    """Where one process is given new training data, the others compare with it from their next check on."""
    one, other = (drift.Monitor("churn", origin="training", store=store) for _ in range(2))
    one.train({"score": np.linspace(0, 1, 500)})
    other.check()
    one.train({"score": np.linspace(0, 2, 500)})
    other.check()

    assert other.references["", "score"].id == one.references["", "score"].id


def test_a_trailing_reference_follows(
    telemetry: InMemory, store: Store, predicted: Callable[..., None], clock: SteppingClock
) -> None:
    """A day is compared with the seven before it: a new level is drift at first, and the reference a week later."""
    monitor = drift.Monitor("churn", origin="trailing", store=store, features=["score"])
    severities = []
    for day in range(17):
        clock.advance(days=1)
        predicted(400, mean=0.0 if day < 9 else 1.0, over=23 * 3_600)
        severities += [one.verdict for one in monitor.check()]

    assert severities[:7] == ["quiet"] * 7  # the first day has nothing before it
    assert severities[8:10] == ["alert"] * 2
    assert severities[-1] == "quiet"


def test_versions_are_watched_apart(
    telemetry: InMemory, store: Store, predicted: Callable[..., None], clock: SteppingClock
) -> None:
    """A second version that is otherwise from the beginning has a reference of its own, and no drift."""
    monitor = drift.Monitor("churn", store=store, features=["score"])
    predicted(1_300, version="v1")
    clock.advance(minutes=5)
    predicted(1_300, version="v2", mean=2.0)

    assert {(one.model_version, one.verdict) for one in monitor.check()} == {("v1", "quiet"), ("v2", "quiet")}


def test_tenants_are_watched_apart(telemetry: InMemory, store: Store, predicted: Callable[..., None]) -> None:
    """`check_store` looks at every tenant's models by themselves, with no code of theirs."""
    predicted(1_300)
    predicted(1_300, tenant="acme", mean=2.0)
    predicted(1_300, model="fraud")
    checked = drift.check_store(store)

    assert {(one.tenant, one.model) for one in checked} == {
        ("default", "churn"),
        ("acme", "churn"),
        ("default", "fraud"),
    }
    assert not [one for one in checked if one.verdict == "alert"]
    with current.using(None):
        assert drift.check_store() == []


def test_a_process_watches_its_own_stream(telemetry: InMemory, clock: SteppingClock) -> None:
    """Without any store: the first thousand values are the reference, what comes after them is checked and counted."""
    rng = np.random.default_rng(0)
    with current.using(None):
        monitor = drift.Monitor("churn")
        observe = monitor.stream("score", model_version="v1").observe
        for value in rng.normal(size=1_000).tolist():
            observe(value)
        assert monitor.check() == []
        for value in rng.normal(size=6_000).tolist():
            monitor.observe({"score": value}, model_version="v1")
        (quiet,) = monitor.check()
        clock.advance(hours=30)
        for value in rng.normal(1, 1, size=600).tolist():
            observe(value)
        (loud,) = monitor.check()

    assert (quiet.rows, quiet.verdict, quiet.reference_rows) == (6_000, "quiet", 1_000)
    assert (loud.rows, loud.verdict) == (600, "alert")
    assert monitor.measurements() == [quiet, loud]
    assert monitor.alerts() == []
    assert telemetry.value(VALUES.name, feature="score") == 6_600
    assert telemetry.value(REFERENCE_ROWS.name, feature="score") == 1_000
    assert telemetry.value(EFFECTIVE_RATIO.name, feature="score") == 1.0


def test_counters_of_the_fleet_begin_at_zero(telemetry: InMemory) -> None:
    """As soon as there is a reference every group is counted from 0; a new one does not mix with the old one's figures."""
    with current.using(None):
        monitor = drift.Monitor("zero")
        monitor.train({"score": np.linspace(0, 1, 500), "plan": ["a", "b"] * 250})
        assert {point.value for point in points(telemetry, VALUES.name)} == {0}
        assert len(points(telemetry, VALUES.name)) == len(points(telemetry, REFERENCE_ROWS.name)) == 23 + 4

        monitor.stream("score").observe(0.5)
        monitor.settle()
        monitor.train({"score": np.linspace(0, 2, 500)})
        monitor.stream("score").observe(0.5)
        monitor.settle()
    counted = {point.attributes["reference"] for point in points(telemetry, VALUES.name) if point.value}
    shown = {point.attributes["reference"] for point in points(telemetry, REFERENCE_ROWS.name)}

    assert len(counted) == 2
    assert len(shown) == 2  # score's new one, and plan's
    assert len(counted & shown) == 1


def test_a_stream_can_be_frozen_by_hand(telemetry: InMemory) -> None:
    """What a process has seen becomes its reference when it says so."""
    with current.using(None):
        monitor = drift.Monitor("churn")
        monitor.train({"score": np.random.default_rng(0).normal(size=1_000)}, model_version="v1")
        for value in np.random.default_rng(1).normal(3, 1, 1_000).tolist():
            monitor.observe({"score": value}, model_version="v1")
        (before,) = monitor.check()
        assert monitor.freeze(model_version="v2") == []
        assert monitor.freeze() == ["score"]
        for value in np.random.default_rng(2).normal(3, 1, 1_000).tolist():
            monitor.observe({"score": value}, model_version="v1")
        (after,) = monitor.check()

    assert (before.severity, after.severity) == ("critical", "none")
    assert list(monitor.references) == [("v1", "score")]


def test_the_threshold_is_the_setting(telemetry: InMemory, store: Store, predicted: Callable[..., None]) -> None:
    """DRIFT_THRESHOLD governs the severity unless the monitor is told another."""
    assert drift.Monitor("churn").threshold == telemetry.telemetry.settings.drift_threshold == 0.1
    assert drift.Monitor("churn", threshold=0.3).threshold == 0.3


def test_a_store_that_is_away_loses_nothing(
    telemetry: InMemory, tmp_path: Path, empty_store: Path, clock: SteppingClock
) -> None:
    """`measure` says that the store is away, `check` only reports it; what streams took in is checked when it is back."""
    path = tmp_path / "away.db"
    path.write_bytes(empty_store.read_bytes())
    with open_store(path) as store:
        monitor = drift.Monitor("churn", store=store)
        monitor.train({"score": np.random.default_rng(0).normal(size=1_000)})
        for value in np.random.default_rng(1).normal(size=500).tolist():
            monitor.stream("score").observe(value)
        path.rename(tmp_path / "elsewhere.db")
        path.write_text("this is no database")
        store.close()

        with pytest.raises(StoreUnavailableError):
            monitor.measure()
        assert monitor.check() == []
        assert _guard.errors()["drift"] >= 1
        path.unlink()
        (tmp_path / "elsewhere.db").rename(path)
        store.close()
        (back,) = monitor.check()

    assert back.rows == 500


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"origin": "yesterday"}, "origin: found 'yesterday', expected one of frozen, training, trailing"),
        ({"freeze_after": 0}, "freeze_after: found 0, expected a number over 0"),
        ({"window_hours": -1}, "window_hours: found -1"),
        ({"minimum": 0}, "minimum: found 0"),
        ({"threshold": 0.0}, "threshold: found 0.0"),
    ],
)
def test_what_cannot_be_is_refused_at_once(wrong: dict[str, object], said: str) -> None:
    """A monitor that could never speak is refused where it is made."""
    with pytest.raises(ConfigurationError, match=said):
        drift.Monitor("churn", **wrong)
