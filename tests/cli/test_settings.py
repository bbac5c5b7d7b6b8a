"""`settings` and `completion`: what is in force, and TAB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stagelight import config

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Call = Callable[..., Result]


def shown(call: Call, *arguments: str) -> dict[str, dict[str, object]]:
    """The settings as the command prints them, by name."""
    result = call("settings", "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    return {row["name"]: row for row in json.loads(result.stdout)}


def test_every_setting_is_shown_with_its_value(call: Call) -> None:
    """The table is complete and in the order of the reference."""
    assert list(shown(call)) == [row.name for row in config.table()]


def test_each_value_says_where_it_came_from(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment beats pyproject.toml, which beats the default, and the command says which one decided."""
    (tmp_path / "pyproject.toml").write_text('[tool.stagelight]\nport = 4400\ntenant = "acme"\n')
    monkeypatch.setenv("STAGELIGHT_TENANT", "globex")

    rows = shown(call)

    assert (rows["port"]["value"], rows["port"]["source"]) == (4400, "pyproject")
    assert (rows["tenant"]["value"], rows["tenant"]["source"]) == ("globex", "environment")
    assert rows["workspace"]["source"] == "default"


def test_only_what_was_changed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--changed` leaves the defaults out."""
    monkeypatch.setenv("STAGELIGHT_PORT", "4400")

    assert list(shown(call, "--changed")) == ["port"]


def test_secrets_are_not_printed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a token only that it is set; of a database's address all but the password."""
    monkeypatch.setenv("STAGELIGHT_TOKEN", "sl_1_verysecret")
    monkeypatch.setenv("STAGELIGHT_USER_ID_KEY", "verysecret")
    monkeypatch.setenv("STAGELIGHT_STORE", "postgresql://me:verysecret@db/stagelight")

    assert "verysecret" not in call("settings", "--json").stdout
    assert "verysecret" not in call("settings").stdout
    assert shown(call)["store"]["value"] == "postgresql://me:***@db/stagelight"


def test_the_table_is_for_people(call: Call) -> None:
    """Without --json names, values and meanings stand in columns; switches read on and off."""
    lines = call("settings").stdout.splitlines()

    assert lines[0].split()[:3] == ["setting", "value", "from"]
    assert any(line.startswith("disabled") and " off " in line for line in lines)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_shell_s_script(call: Call, shell: str) -> None:
    """The script of each shell names the variable by which the shell asks us."""
    result = call("completion", shell)

    assert result.exit_code == 0, result.stderr
    assert "_STAGELIGHT_COMPLETE" in result.stdout


def test_tab_completes_commands_and_options() -> None:
    """What bash asks on TAB is answered by the real script."""

    def answers(words: str, index: int) -> list[str]:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("stagelight"))],
            env={**os.environ, "_STAGELIGHT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert answers("stagelight se", 1) == ["serve", "settings"]
    assert "--no-follow" in answers("stagelight tail --no", 2)
    assert answers("stagelight export tr", 2) == ["traces", "truth"]


def test_an_old_bash_is_told(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where click cannot write for this shell the reason is one line."""
    from click import shell_completion

    def refuse(_: object) -> str:
        raise RuntimeError("Shell completion is not supported for Bash versions older than 4.4.")

    monkeypatch.setattr(shell_completion.BashComplete, "source", refuse)
    result = call("completion", "bash")

    assert (result.exit_code, "older than 4.4" in result.stderr) == (2, True)


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR not even a forced terminal gets colours."""
    from stagelight.cli.output import console

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert console().color_system is not None
    monkeypatch.setenv("NO_COLOR", "1")
    screen = console()
    with screen.capture() as capture:
        screen.print("[red]", style="red")
    assert "\x1b[31m" not in capture.get()
