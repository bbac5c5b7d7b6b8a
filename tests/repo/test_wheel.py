"""What users install: the wheel in a fresh environment, first bare, then with `[serve]`."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from repository import PACKAGE, ROOT, files

if TYPE_CHECKING:
    from pathlib import Path

MOST_MEGABYTES = 135
MOST_PACKAGES = 55

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(400)]

BARE = """
import sys
import stagelight

@stagelight.trace_stage
def double(n):
    return 2 * n

assert double(21) == 42
heavy = {"numpy", "opentelemetry.sdk.metrics", "sqlalchemy", "fastapi", "click", "grpc"} & set(sys.modules)
assert not heavy, heavy
telemetry = stagelight.configure(traces_exporter="none", metrics_exporter="none")
assert double(21) == 42
assert telemetry.flush(1.0)
heavy = {"numpy", "sqlalchemy", "fastapi", "click", "grpc"} & set(sys.modules)
assert not heavy, heavy
print(stagelight.__version__)
"""


def run(*command: str | Path, fails: bool = False) -> str:
    """What a command prints, errors included; it must succeed, or fail where that is expected."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "OTEL_", "STAGELIGHT_"))}
    done = subprocess.run(
        [str(part) for part in command],
        env=settings | {"PYTHONDONTWRITEBYTECODE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "NO_COLOR": "1"},
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode != 0) == fails, f"{command}: {done.returncode}\n{done.stdout}"
    return done.stdout


@dataclass(frozen=True)
class Environment:
    """A fresh environment without even pip in it: what is there came with the wheel."""

    folder: Path

    def install(self, what: str) -> None:
        """Install `what`, from pip's cache where it can; no bytecode, which is not ours to count."""
        run(sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet", "--no-compile", what)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> list[Path]:
        """What is installed, by its folder of metadata."""
        return sorted(self.folder.glob("lib/python*/site-packages/*.dist-info"))

    @property
    def megabytes(self) -> float:
        """What the packages take on disk."""
        paths = self.folder.glob("lib/python*/site-packages/**/*")
        return sum(path.stat().st_size for path in paths if path.is_file() and path.suffix != ".pyc") / 1e6


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel alone."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    environment = Environment(folder)
    environment.install(str(wheel))
    return environment


@pytest.fixture(scope="module")
def checked_bare(bare: Environment) -> Environment:
    """The bare environment after it was seen to work, since `[serve]` is installed into the same one."""
    version = run(bare.python, "-c", BARE)
    said = run(bare.folder / "bin" / "stagelight", "--help", fails=True)

    assert version.strip()
    assert said.count("\n") == 1
    assert "stagelight[serve]" in said
    return bare


def test_the_wheel_carries_every_file_of_the_package(wheel: Path) -> None:
    """Pages, migrations, types and the demo's examples are in the wheel, and nothing of the tests is."""
    inside = set(zipfile.ZipFile(wheel).namelist())
    missing = {str(path.relative_to(ROOT / "src")) for path in files() if PACKAGE in path.parents} - inside

    assert not missing
    for example in ("digits", "rl_feedback_loop"):
        assert f"stagelight/_examples/{example}/__main__.py" in inside
    assert not [name for name in inside if not name.startswith(("stagelight/", "stagelight-"))]


def test_the_bare_core_works_and_names_the_missing_extra(checked_bare: Environment) -> None:
    """Without extras a program is traced, nothing heavy is loaded, and the command says in one line what to install."""
    names = {path.name.partition("-")[0].lower() for path in checked_bare.packages}

    assert "opentelemetry_sdk" in names
    assert not names & {"fastapi", "sqlalchemy", "click", "scikit_learn"}


def test_serve_is_small_and_its_command_runs(wheel: Path, checked_bare: Environment) -> None:
    """`stagelight[serve]` stays within 135 MB and 55 packages, and its console script answers."""
    checked_bare.install(f"stagelight[serve] @ {wheel.as_uri()}")
    command = checked_bare.folder / "bin" / "stagelight"

    assert "serve" in run(command, "--help")
    assert run(command, "--version").strip()
    print(f"[serve]: {checked_bare.megabytes:.0f} MB without bytecode, {len(checked_bare.packages)} packages")
    assert checked_bare.megabytes <= MOST_MEGABYTES
    assert len(checked_bare.packages) <= MOST_PACKAGES
