"""What is generated from the catalogue as it stands, and promtool to judge it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from repository import ROOT
from stagelight import catalogue, generate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from stagelight.generate.plan import Plan


@pytest.fixture(scope="session")
def plan() -> Plan:
    """The catalogue's rows without overrides."""
    return generate.plan()


@pytest.fixture(scope="session")
def texts(plan: Plan) -> dict[str, str]:
    """Every generated file, by its path."""
    return generate.texts(plan)


@pytest.fixture(scope="session")
def rules(texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Every alerting and recording rule of the generated files, by its name."""
    files = [yaml.safe_load(text) for path, text in texts.items() if "/prometheus/rules/" in path]
    groups = [group for file in files for group in file["groups"]]
    return {
        rule.get("alert") or f"{rule['record']} {rule.get('labels', '')}": rule
        for group in groups
        for rule in group["rules"]
    }


@pytest.fixture(scope="session")
def promtool(program: Callable[[str], str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call promtool: `promtool("check", "rules", path)`."""
    path = program("promtool")

    def call(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [path, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False, timeout=110
        )

    return call


@pytest.fixture
def written(texts: Mapping[str, str], tmp_path: Path) -> Path:
    """A folder that holds every generated file."""
    from stagelight.generate import everything

    everything.write(tmp_path, texts)
    return tmp_path


@pytest.fixture
def course(
    promtool: Callable[..., subprocess.CompletedProcess[str]], written: Path, tmp_path: Path
) -> Callable[..., None]:
    """Run series a step apart, through the generated rules.

    The alert `name` must fire with `labels` and its severity, once, at the steps `at`, and not at all at those of `silent`.
    """
    from stagelight.generate import everything

    def run(
        name: str,
        *told: dict[str, str],
        labels: Mapping[str, str],
        at: Iterable[int] = (),
        silent: Iterable[int] = (),
        step_minutes: int = 1,
    ) -> None:
        alert = catalogue.ALERTS[name]
        named = {"alertname": name, "alertstate": "firing", "severity": alert.severity, **labels}
        said = ",".join(f'{label}="{value}"' for label, value in named.items())
        fired = [{"labels": f"ALERTS{{{said}}}", "value": 1}]
        cases = [(minute, fired) for minute in at] + [(minute, []) for minute in silent]
        asked = [
            {
                "expr": f'ALERTS{{alertname="{name}",alertstate="firing"}}',
                "eval_time": f"{step * step_minutes}m",
                "exp_samples": samples,
            }
            for step, samples in cases
        ]
        recorded = any(row.name in alert.expr for row in catalogue.RECORDINGS.values())
        parts = (".recorded", "") if recorded else ("",)
        files = [str(written / everything.RULES / f"{alert.runbook.page}{part}.yml") for part in parts]
        test = {"interval": f"{step_minutes}m", "input_series": list(told), "promql_expr_test": asked}
        path = tmp_path / "own.yml"
        path.write_text(
            yaml.safe_dump(
                {
                    "rule_files": files,
                    "evaluation_interval": f"{step_minutes}m",
                    "tests": [test],
                }
            )
        )
        done = promtool("test", "rules", path)
        assert done.returncode == 0, done.stdout + done.stderr

    return run
