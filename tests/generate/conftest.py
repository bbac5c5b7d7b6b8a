"""What is generated from the catalogue as it stands, and promtool to judge it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from repository import ROOT
from stagelight import generate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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
        rule.get("alert") or f"{rule['record']} {rule['labels']}": rule for group in groups for rule in group["rules"]
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
