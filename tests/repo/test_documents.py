"""Every block of code in the documents runs as it stands; one that cannot says why with `no-run: reason` on its fence.

A page is a folder and a reader who goes down it: ```` ```python app.py ```` writes a file, ```` ```python ```` runs a
program of its own, ```` ```console ```` runs the lines that begin with `$ `. What a console block shows below a command, and
what a ```` ```text output ```` block shows after a program, must be what is printed, where `...` stands for anything.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repository import ROOT, Block, blocks, pages

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 60
EXECUTED = {"python", "console"}
ALIASES = {"py", "python3", "bash", "sh", "shell", "zsh", "pycon", "shell-session"}
SAME = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NO_RUN = re.compile(r"no-run: \w.{9,}")
COMMAND = re.compile(r"^\$ (?P<command>.*(?:\\\n.*)*)\n?(?P<output>(?:(?!\$ ).*\n?)*)", re.MULTILINE)

WITH_CODE = [page for page in pages() if any(block.language in EXECUTED for block in blocks(page))]


def environment(folder: Path) -> dict[str, str]:
    """A reader's environment: our programs on the path, a home of their own, telemetry unconfigured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "STAGELIGHT_", "XDG_"))}
    bin_folder = str(Path(sys.executable).parent)
    return kept | {
        "PATH": os.pathsep.join((bin_folder, kept["PATH"])),
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / ".local" / "state"),
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }


def run(command: list[str], folder: Path, where: str) -> str:
    """What `command` prints; it must succeed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, f"{where}: {command[-1]!r} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def compare(shown: str, printed: str, where: str) -> None:
    """Fail unless what the page shows is what was printed."""
    if shown.strip():
        wanted = shown.strip() + "\n"
        assert doctest.OutputChecker().check_output(wanted, printed.strip() + "\n", SAME), (
            f"{where} shows\n{shown}\nbut this was printed:\n{printed}"
        )


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with what is shown below it."""
    for match in COMMAND.finditer(block.source):
        yield match["command"], match["output"]


def read(block: Block, folder: Path, printed: str) -> str:
    """Do what a reader does with `block`; return what the last program printed."""
    if block.info.startswith("no-run"):
        return printed
    if block.language == "console":
        for command, shown in commands(block):
            printed = run(["sh", "-c", command], folder, block.where)
            compare(shown, printed, block.where)
    elif block.language == "python" and block.info:
        (folder / block.info).write_text(block.source, encoding="utf-8")
    elif block.language == "python":
        # Blank lines in front make the traceback's numbers those of the page.
        script = folder / "block.py"
        script.write_text("\n" * block.line + block.source, encoding="utf-8")
        printed = run([sys.executable, str(script)], folder, block.where)
    elif block.language == "text" and block.info == "output":
        compare(block.source, printed, block.where)
    return printed


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_can_be_followed_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    """Whoever copies the page's blocks in order gets what the page shows."""
    if (page.parent / "pyproject.toml").exists() and page.parent != ROOT:
        shutil.copytree(page.parent, tmp_path, dirs_exist_ok=True)
    printed = ""
    for block in blocks(page):
        printed = read(block, tmp_path, printed)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_block_hides_from_the_tests(page: Path) -> None:
    """Code is `python` or `console`, so that it runs here, or carries a reason of some length why it does not."""
    for block in blocks(page):
        assert block.language not in ALIASES, f"{block.where}: write python or console, not {block.language}"
        if block.info.startswith("no-run"):
            assert NO_RUN.fullmatch(block.info), f"{block.where}: say why: `no-run: reason`"
        elif block.language == "console":
            assert list(commands(block)), f"{block.where}: a console block's commands begin with `$ `"
        elif block.language == "python":
            assert re.fullmatch(r"([\w-]+\.py)?", block.info), f"{block.where}: a file's name, or `no-run: reason`"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A link to another page or file of the repository finds it."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", text)
    missing = [target for target in targets if not (page.parent / target).exists()]

    assert not missing, f"{page}: {missing}"
