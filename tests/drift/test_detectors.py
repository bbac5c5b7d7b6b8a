"""Streaming detectors: they hear that errors have become more, and hold their peace while they have not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stagelight import drift, trace_stage
from stagelight.catalogue.models import DRIFT_ALERTS
from stagelight.drift.page_hinkley import PageHinkley
from stagelight.errors import ConfigurationError, MissingExtraError
from stagelight.store import current

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagelight.drift.detectors import Name
    from stagelight.store import Store
    from stagelight.testing import InMemory

STEADY = 5_000


def errors(seed: int, *shares: tuple[int, float]) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(wrong) for rows, share in shares for wrong in rng.random(rows) < share]


@pytest.mark.parametrize("name", ["page_hinkley", "adwin"])
def test_more_errors_are_noticed_soon(name: Name) -> None:
    """From one wrong in ten to three: noticed within 500 predictions in every one of ten runs, and never before."""
    for seed in range(10):
        watch = drift.detector(name)
        stream = errors(seed, (STEADY, 0.1), (500, 0.3))
        alarms = [at for at, error in enumerate(stream) if watch.update(error)]

        assert alarms
        assert alarms[0] >= STEADY


@pytest.mark.parametrize("name", ["page_hinkley", "adwin"])
def test_fewer_errors_are_no_alarm(name: Name) -> None:
    """That a model got better wakes nobody."""
    watch = drift.detector(name)

    assert not any(watch.update(error) for error in errors(1, (2_000, 0.5), (2_000, 0.1)))


def test_page_hinkley_is_its_definition() -> None:
    """The sum over its lowest point, as the papers have it, computed here the long way round."""
    stream = errors(3, (400, 0.2), (400, 0.6))
    watch, sums, total, seen = PageHinkley(tolerance=0.02, limit=8.0, minimum=30), [0.0], 0.0, []
    alarm = next(at for at, error in enumerate(stream) if watch.update(error))
    for error in stream:
        seen.append(error)
        total += error - sum(seen) / len(seen) - 0.02
        sums.append(total)
        if len(seen) >= 30 and total - min(sums) > 8.0:
            break

    assert alarm == len(seen) - 1


def test_page_hinkley_begins_anew_after_an_alarm_and_does_not_hear_nan() -> None:
    """What is then, is normal; a value that is no number changes nothing."""
    watch = PageHinkley(limit=5.0)
    assert any(watch.update(error) for error in [0.0] * 100 + [1.0] * 20)
    assert watch == PageHinkley(limit=5.0, seen=watch.seen, mean=watch.mean, risen=watch.risen)
    before = (watch.seen, watch.mean, watch.risen)

    assert not watch.update(float("nan"))
    assert (watch.seen, watch.mean, watch.risen) == before


def test_an_unknown_detector_is_refused() -> None:
    """The message names those there are."""
    with pytest.raises(ConfigurationError, match="detector: found 'cusum', expected one of page_hinkley, adwin"):
        drift.detector("cusum")


def test_adwin_without_river_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says which extra brings it."""
    monkeypatch.setitem(sys.modules, "river", None)
    with pytest.raises(
        MissingExtraError, match=r"ADWIN needs packages that are not installed: pip install 'stagelight\[river\]'"
    ):
        drift.detector("adwin")


def test_an_alarm_is_counted_kept_and_shown_by_a_trace(telemetry: InMemory, store: Store) -> None:
    """The stream's alarm is an alert of the feature `error`, in the store and as a metric, with the trace it rose in."""
    with current.using(store):
        watched = drift.ErrorStream("churn", model_version="v9")
        with trace_stage("judge"):
            alarms = [watched.observe(error) for error in [0.0] * 300 + [1.0] * 100]
    (alert,) = store.drift.alerts("churn")

    assert any(alarms)
    assert (alert.feature, alert.severity, alert.model_version) == ("error", "high", "v9")
    assert alert.trace_id == telemetry.span("judge").trace_id
    assert telemetry.value(DRIFT_ALERTS.name, model_version="v9", severity="high") == 1
    assert telemetry.value(DRIFT_ALERTS.name, model_version="v9") == 1


def test_an_error_stream_never_raises(telemetry: InMemory, guarded: Callable[[], int]) -> None:
    """What is no number is reported, and counts for nothing."""
    with current.using(None):
        assert drift.ErrorStream("churn").observe("wrong") is False

    assert guarded() == 1
