"""The alerts on models at the edges of what they watch: first checks, doubled signals, young models, batches of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight import catalogue
from stagelight.catalogue import models

if TYPE_CHECKING:
    from collections.abc import Callable

    Course = Callable[..., None]

WHOSE = 'model="churn",model_version="v3"'
AGE = {"model": "churn", "model_version": "v3", "feature": "age"}
CHURN = {"model": "churn"}
HOUR = 12  #: Steps of five minutes.


def score(values: str) -> dict[str, str]:
    return {"series": f'stagelight_drift_score{{{WHOSE},feature="age",method="psi"}}', "values": values}


def found(values: str) -> dict[str, str]:
    return {"series": f'stagelight_drift_alerts_total{{{WHOSE},severity="medium"}}', "values": values}


def fleet(low: str, high: str) -> list[dict[str, str]]:
    """Values in two groups, of which the reference has half each."""
    whose = f'{WHOSE},feature="age",reference="r"'
    return [
        {"series": f'stagelight_drift_values_total{{{whose},bin="00"}}', "values": low},
        {"series": f'stagelight_drift_values_total{{{whose},bin="01"}}', "values": high},
        {"series": f'stagelight_drift_reference_rows{{{whose},bin="00"}}', "values": "5000x200"},
        {"series": f'stagelight_drift_reference_rows{{{whose},bin="01"}}', "values": "5000x200"},
        {"series": f"stagelight_drift_effective_ratio{{{whose}}}", "values": "1x200"},
    ]


def test_the_four_alerts_are_the_contract_s() -> None:
    """Their names, which the loops' own messages carry too."""
    assert {models.MODEL_DRIFT, models.CONCEPT_DRIFT, models.CALIBRATION_DRIFT, models.LABELS_LATE} <= set(
        catalogue.ALERTS
    )


def test_a_check_that_finds_drift_the_first_time_it_looks_is_told(course: Course) -> None:
    """Its counter comes into being at 1 and stays there until the next check, an hour later."""
    course(
        "StagelightModelDrift",
        score("0.3x30"), found("_x12 1x11 2x11"),
        labels=AGE, step_minutes=5, at=(20, 30), silent=(10,),
    )  # fmt: skip


def test_drift_that_a_later_check_finds_no_more_has_ended(course: Course) -> None:
    """The score says so at once; the counter alone would go on for two hours."""
    course(
        "StagelightModelDrift",
        score("0.3x24 0.05x12"), found("0x11 1x12 2x12"),
        labels=AGE, step_minutes=5, at=(20, 24), silent=(26, 30, 35),
    )  # fmt: skip


def test_a_fleet_that_drifts_and_a_process_that_finds_it_are_one_alert(course: Course) -> None:
    """Both say it of one feature: people are told once."""
    course(
        "StagelightModelDrift",
        *fleet("0+150x12 1800+270x40", "0+150x12 1800+30x40"), score("0.02x12 0.9x40"), found("0x12 1x12 2x28"),
        labels=AGE, step_minutes=5, at=(40, 50), silent=(11,),
    )  # fmt: skip


def test_a_fleet_with_few_values_is_silent(course: Course) -> None:
    """180 values in an hour, nine tenths of them in one half: fewer than 200 are no evidence."""
    course("StagelightModelDrift", *fleet("0+13.5x50", "0+1.5x50"), labels=AGE, step_minutes=5, silent=range(0, 50, 5))


def lags(bucket: str, values: str) -> dict[str, str]:
    return {"series": f'stagelight_label_lag_seconds_bucket{{{WHOSE},le="{bucket}"}}', "values": values}


def coverage(values: str, version: str = "v3") -> dict[str, str]:
    return {
        "series": f'stagelight_label_coverage_ratio{{model="churn",model_version="{version}"}}',
        "values": values,
    }


def test_a_young_model_s_labels_are_not_late(course: Course) -> None:
    """There is no earlier week to be compared with: whatever its coverage is, it did not fall."""
    course("StagelightLabelsLate", coverage("0.2x40"), labels=CHURN, step_minutes=60, silent=range(0, 40, 4))


def test_labels_that_are_joined_once_a_day_are_not_late_in_between(course: Course) -> None:
    """The nightly run brings a day's labels at once; the counters stand still until the next."""
    nightly = " ".join(f"{number * 100}x23" for number in range(10))
    course(
        "StagelightLabelsLate",
        lags("86400", nightly), lags("172800", nightly), lags("+Inf", nightly), coverage("0.9x240"),
        {"series": f"stagelight_label_lag_seconds_count{{{WHOSE}}}", "values": nightly},
        labels=CHURN, step_minutes=60, silent=range(0, 240, 7),
    )  # fmt: skip


def test_labels_that_stop_coming_are_late(course: Course) -> None:
    """No lag is measured of what does not come; coverage falls as predictions mature without their truth."""
    falling = " ".join(f"{0.9 - day / 8:.3f}x23" for day in range(6))
    course(
        "StagelightLabelsLate",
        coverage(f"0.9x191 {falling}"),
        labels=CHURN,
        step_minutes=60,
        at=(300,),
        silent=(190, 215),
    )
