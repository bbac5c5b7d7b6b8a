"""Promises: the workbook's table, and shares that agree with a calculation by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from stagelight import catalogue
from stagelight.catalogue.scenarios import at_most
from stagelight.catalogue.stages import STAGE_CALLS, STAGE_DURATION
from stagelight.generate import everything, slo

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

SUCCESS = catalogue.SLOS["StagelightStageSuccess"]


def test_the_alerts_are_the_workbook_s_table() -> None:
    """Google's SRE workbook, "Alerting on SLOs", table 5-8: 14.4 over 1 h and 5 m, 6 over 6 h and 30 m, 1 over 3 d and 6 h."""
    rows = [(row.threshold, row.window, row.short, row.severity) for row in slo.alerts(SUCCESS)]

    assert rows == [(14.4, "1h", "5m", "page"), (6, "6h", "30m", "page"), (1, "3d", "6h", "ticket")]


def test_a_burn_asks_both_windows_against_the_budget() -> None:
    """99 % leave 1 %; fourteen times that in the long window and in the short one."""
    fast = slo.alerts(SUCCESS)[0].promql

    assert "slo_errors:ratio_rate1h" in fast
    assert "slo_errors:ratio_rate5m" in fast
    assert fast.count("> 14.4 * 0.01") == 2


@pytest.mark.parametrize("objective", [0, 1, 1.5, -0.1])
def test_a_promise_without_a_budget_is_refused(objective: float) -> None:
    """Whoever promises 100 % can only break it."""
    with pytest.raises(ValueError, match="expected a share between 0 and 1"):
        replace(SUCCESS, objective=objective)


def test_a_promise_about_durations_needs_a_bucket_that_ends_there() -> None:
    """A histogram cannot tell how many calls took under 3 s if no bucket ends at 3 s."""
    assert at_most(STAGE_DURATION, 0.5) == 'le=~"0[.]50*"'
    with pytest.raises(ValueError, match="has no bucket that ends at 3"):
        at_most(STAGE_DURATION, 3)


def test_a_promise_that_nobody_watches_records_nothing() -> None:
    """Where a deployment has switched all its alerts off, Prometheus need not compute it."""
    assert slo.recordings(SUCCESS, []) == []


def series(outcome: str, values: str, stage: str = "s") -> dict[str, str]:
    labels = f'stage="{stage}",outcome="{outcome}",error_type="",tenant="t",workspace="w"'
    return {"series": f"{STAGE_CALLS.name}{{{labels}}}", "values": values}


def asked(promtool: Callable[..., subprocess.CompletedProcess[str]], folder: Path, test: dict[str, Any]) -> None:
    """Run a case of one's own against the generated rules."""
    rules = folder / everything.RULES / "stages.slo.yml"
    path = folder / "own.yml"
    path.write_text(
        yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [{"interval": "1m", **test}]})
    )
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_recorded_share_is_the_share(
    promtool: Callable[..., subprocess.CompletedProcess[str]], written: Path
) -> None:
    """An hour in which 60 calls a minute come, half of them failing for half an hour: a quarter failed.

    At 3 h, the last hour holds 30 minutes with 30 of 60 calls failing and 30 minutes with none: 900 of 3,600. The share is
    made of five-minute rates, which smear an edge over five minutes: 1 % of tolerance.
    """
    asked(
        promtool,
        written,
        {
            # Failures from 2:00 on, for half an hour.
            "input_series": [
                series("ok", "0+60x120 7230+30x29 8160+60x30"),
                series("error", "0+0x120 30+30x29 900+0x30"),
            ],
            "promql_expr_test": [
                {
                    "expr": "abs(stagelight:slo_errors:ratio_rate1h{slo='StagelightStageSuccess'} - 0.25) < bool 0.01",
                    "eval_time": "3h",
                    "exp_samples": [
                        {"labels": '{slo="StagelightStageSuccess",stage="s",tenant="t",workspace="w"}', "value": 1}
                    ],
                }
            ],
        },
    )


def test_all_failing_is_a_share_of_one(
    promtool: Callable[..., subprocess.CompletedProcess[str]], written: Path
) -> None:
    """A stage of which nothing ever succeeded has no series of good calls; that is 100 % bad, not unknown."""
    asked(
        promtool,
        written,
        {
            "input_series": [series("error", "0+60x120")],
            "promql_expr_test": [
                {
                    "expr": "stagelight:slo_errors:ratio_rate1h{slo='StagelightStageSuccess'}",
                    "eval_time": "2h",
                    "exp_samples": [
                        {
                            "labels": 'stagelight:slo_errors:ratio_rate1h{slo="StagelightStageSuccess",stage="s",tenant="t",workspace="w"}',
                            "value": 1,
                        }
                    ],
                }
            ],
        },
    )


@pytest.mark.parametrize(
    ("calls", "why"),
    [
        ([series("ok", "0+60x240"), series("error", "0+0x180 60+60x3 240+0x60")], "four minutes use 6 % of the hour"),
        ([series("ok", "0+0x240"), series("error", "0+0.5x240")], "thirty calls an hour are too few to say"),
    ],
    ids=["burst", "few"],
)
def test_nobody_is_woken_by_little(
    promtool: Callable[..., subprocess.CompletedProcess[str]], written: Path, calls: list[dict[str, str]], why: str
) -> None:
    """A short burst of failures, or failures of a stage that hardly runs, page nobody."""
    asked(
        promtool,
        written,
        {
            "name": why,
            "input_series": calls,
            "alert_rule_test": [
                {"eval_time": f"{minute}m", "alertname": "StagelightStageSuccessBurnFast", "exp_alerts": []}
                for minute in range(170, 240, 3)
            ],
        },
    )


def test_a_handful_of_events_wakes_nobody(
    promtool: Callable[..., subprocess.CompletedProcess[str]], written: Path
) -> None:
    """Two failures of three calls since Prometheus began to look are three events in every window, not thousands."""
    few = {
        "input_series": [series("ok", "0 1 1x60"), series("error", "0 0 1 2 2x60")],
        "promql_expr_test": [
            {
                "expr": f'{slo.EVENTS}3d{{slo="{SUCCESS.name}"}} >= {SUCCESS.minimum}',
                "eval_time": f"{at}m",
                "exp_samples": [],
            }
            for at in (4, 10, 60)
        ]
        + [{"expr": 'ALERTS{alertname=~".*Burn.*"}', "eval_time": f"{at}m", "exp_samples": []} for at in (4, 10, 60)],
    }
    asked(promtool, written, few)
