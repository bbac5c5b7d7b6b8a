"""The ways in: what README, Makefile, `.ci/run` and the tests say of each other is true."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from repository import ROOT, blocks

README = ROOT / "README.md"
LONGEST_README = 130  #: Lines.


def test_ci_ends_with_the_readme_s_test_command() -> None:
    """CI runs what README tells people to run, last, so that pytest's closing line is what one sees."""
    commands = [line for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines() if line.strip()]
    consoles = [block.source for block in blocks(README) if block.language == "console"]

    assert commands[-2:] == ["make check", "make test"]
    assert any("$ make test\n" in source for source in consoles)


def test_ci_installs_what_the_tests_ask_for() -> None:
    """The Debian packages that `.ci/run` installs are those that a skipped test would name."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    conftest = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    packages = re.search(r"^packages=\((.*)\)$", script, re.MULTILINE)
    table = re.search(r"^PACKAGES = \{(.*?)^\}", conftest, re.MULTILINE | re.DOTALL)

    assert packages
    assert table
    assert set(packages[1].split()) == set(re.findall(r': "([^"]+)"', table[1]))


def test_make_alone_says_what_there_is() -> None:
    """`make` lists every target of the agreement with a sentence."""
    shown = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = re.findall(r"^  make ([a-z-]+) +\S", shown.stdout, re.MULTILINE)

    assert {"help", "demo", "test", "test-long", "check", "bench", "format", "clean"} <= set(targets)


def test_the_readme_fits_on_a_few_screens() -> None:
    """Someone who has two minutes reads all of it."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LONGEST_README


def test_the_changelog_knows_the_version() -> None:
    """Users find what the version they have installed brought."""
    version = re.search(r'__version__ = "(.+)"', (ROOT / "src/stagelight/_version.py").read_text(encoding="utf-8"))

    assert version
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "Dockerfile"])
def test_what_a_stranger_looks_for_is_there(path: str) -> None:
    """The files that people and programs look for by name exist and say something."""
    assert (ROOT / path).stat().st_size > 200


def test_every_ignored_rule_has_its_reason() -> None:
    """Each rule of ruff that is off says why on its line."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    linting = text[text.index("[tool.ruff.lint]") : text.index("[tool.mypy]")]
    ignored = [line for line in linting.splitlines() if re.match(r' *"[A-Z]+\d*",', line)]

    assert ignored
    assert not [line for line in ignored if "#" not in line]


def test_everything_optional_is_in_all() -> None:
    """`stagelight[all]` really is all: what the tests run on is what an extra promises."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    inside = {name for line in extras["all"] for name in re.findall(r"[\w-]+", line.partition("[")[2])}
    inside |= {name for extra in inside for line in extras[extra] for name in re.findall(r"stagelight\[(\w+)\]", line)}

    assert inside == set(extras) - {"all"}
