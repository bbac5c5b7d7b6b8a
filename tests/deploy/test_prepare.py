"""collector/prepare.py: each secret reaches its program alone, and Alertmanager tells whom it can reach."""

from __future__ import annotations

import importlib.util
import os
import re
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import deployment
from deployment import COLLECTOR, EXAMPLE, compose, read
from stagelight.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

CONFIGURATION = COLLECTOR / "alertmanager" / "alertmanager.yml"
EVERYTHING = {
    "STAGELIGHT_SLACK_CHANNEL": "#shop",
    "STAGELIGHT_SMTP_HOST": "mail.example.org:587",
    "STAGELIGHT_SMTP_USER": "shop",
    "STAGELIGHT_SMTP_FROM": "shop@example.org",
    "STAGELIGHT_EMAIL_TO": "me@example.org",
    "STAGELIGHT_WATCHDOG_URL": "https://watch.example.org/1",
    "STAGELIGHT_WEBHOOK_URL": "http://shop.example.org/alerts",
}


@pytest.fixture
def prepare() -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("prepare", COLLECTOR / "prepare.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["prepare"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """Folders as the containers have them: secrets given, secrets handed out, the collector's queue."""
    folders = {
        "STAGELIGHT_SECRETS_DIR": "given",
        "STAGELIGHT_RUN_DIR": "run",
        "STAGELIGHT_COLLECTOR_QUEUE_DIR": "queue",
    }
    for name in folders.values():
        (tmp_path / name).mkdir()
    return {variable: str(tmp_path / name) for variable, name in folders.items()}


@pytest.fixture
def do(
    prepare: ModuleType, place: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Run a step as somebody who is not root, and return the folder that was prepared."""
    monkeypatch.setattr(prepare.os, "geteuid", lambda: 1000)
    monkeypatch.setenv("STAGELIGHT_STORE", str(tmp_path / "stagelight.db"))
    monkeypatch.setenv("PATH", f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}")  # noqa: PTH120

    def run(what: str = "secrets", given: dict[str, str] | None = None, **variables: str) -> Path:
        for name, text in (given or {}).items():
            (tmp_path / "given" / name).write_text(text, encoding="utf-8")
        prepare.main(what, place | variables)
        return tmp_path / "run"

    return run


def receivers(run: Path) -> dict[str, dict[str, Any]]:
    """Alertmanager's receivers in the file that was written, by name."""
    return {receiver["name"]: receiver for receiver in read(run / "alertmanager" / "alertmanager.yml")["receivers"]}


def test_without_any_secret_alertmanager_runs_and_tells_nobody(
    do: Callable[..., Path], program: Callable[[str], str]
) -> None:
    """A receiver that cannot work would fail at every alert, and its failing is an alert too."""
    run = do()
    amtool = [program("amtool"), "check-config", str(run / "alertmanager" / "alertmanager.yml")]

    assert subprocess.run(amtool, check=False, capture_output=True).returncode == 0
    assert all(set(receiver) == {"name"} for receiver in receivers(run).values())


def test_with_every_secret_all_are_told_as_env_says(do: Callable[..., Path], program: Callable[[str], str]) -> None:
    """What .env and the folder of secrets hold is what Alertmanager gets; nothing of the example is left."""
    names = ("slack_url", "pagerduty_key", "smtp_password", "webhook_token")
    run = do(given=dict.fromkeys(names, "secret\n"), **EVERYTHING)
    amtool = [program("amtool"), "check-config", str(run / "alertmanager" / "alertmanager.yml")]
    told = receivers(run)
    email = told["email"]["email_configs"][0]

    assert subprocess.run(amtool, check=False, capture_output=True).returncode == 0
    assert told["chat"]["slack_configs"][0]["channel"] == "#shop"
    assert (email["smarthost"], email["from"], email["to"]) == (
        "mail.example.org:587",
        "shop@example.org",
        "me@example.org",
    )
    assert email["auth_username"] == "shop"
    assert told["watchdog"]["webhook_configs"][0]["url"] == "https://watch.example.org/1"
    assert {told[name]["webhook_configs"][0]["url"] for name in ("pager", "chat", "email")} == {
        "http://shop.example.org/alerts"
    }
    assert "example.com" not in yaml.safe_dump(told)
    assert (run / "alertmanager" / "slack_url").read_text() == "secret"


def test_everything_but_the_receivers_stays_as_it_is(do: Callable[..., Path]) -> None:
    """Routes, groups and inhibitions are those that the tests of the stack run."""
    told, source = read(do() / "alertmanager" / "alertmanager.yml"), read(CONFIGURATION)

    assert [receiver["name"] for receiver in told.pop("receivers")] == [r["name"] for r in source.pop("receivers")]
    assert told == source


def test_a_mail_server_may_ask_for_no_password(do: Callable[..., Path]) -> None:
    """Without a user there is nothing to log in with; a user without a password cannot work."""
    open_server = {name: value for name, value in EVERYTHING.items() if name != "STAGELIGHT_SMTP_USER"}

    assert "auth_username" not in receivers(do(**open_server))["email"]["email_configs"][0]
    assert "email_configs" not in receivers(do(**EVERYTHING))["email"]


def test_a_webhook_may_want_no_token(do: Callable[..., Path]) -> None:
    """Alertmanager would send nothing at all if the file of the token were missing."""
    run = do(**EVERYTHING)

    assert "http_config" not in receivers(run)["pager"]["webhook_configs"][0]


def test_a_secret_that_was_taken_away_is_gone(do: Callable[..., Path], tmp_path: Path) -> None:
    """Deleting the file and starting again ends what it allowed."""
    do(given={"slack_url": "https://hooks.example.org/1"})
    (tmp_path / "given" / "slack_url").unlink()
    run = do()

    assert not (run / "alertmanager" / "slack_url").exists()
    assert "slack_configs" not in receivers(run)["chat"]


def test_passwords_are_made_once_and_given_ones_win(do: Callable[..., Path]) -> None:
    """Another start is not another password; one that people chose replaces ours."""
    path = do() / "grafana" / "grafana_password"
    made = path.read_text()

    assert len(made) >= 20
    do()
    assert path.read_text() == made
    do(given={"grafana_password": "chosen\n"})
    assert path.read_text() == "chosen"


def test_postgres_clients_find_the_password(do: Callable[..., Path]) -> None:
    r"""The file that libpq reads is fields between colons, in which `:` and `\` are escaped."""
    run = do(given={"postgres_password": r"a:b\c"})

    assert (run / "stagelight" / "pgpass").read_text() == r"*:*:*:*:a\:b\\c" + "\n"


def test_the_token_opens_the_relay_and_nothing_else(do: Callable[..., Path], tmp_path: Path) -> None:
    """The store knows it, for sending alone; it has no line's end, which would break the collector's header; it is made once."""
    do()
    path = do("token") / "collector" / "relay_token"
    token = path.read_text()
    do("token")

    with open_store(tmp_path / "stagelight.db") as store:
        grant = store.tokens.verify(token)
        assert len(store.tokens.list()) == 1
    assert grant
    assert set(grant.scopes) == {"ingest"}
    assert path.read_text() == token == token.strip()


def test_a_given_token_is_used(do: Callable[..., Path]) -> None:
    """Who runs the relay elsewhere brings its token."""
    do(given={"relay_token": "sl_elsewhere"})
    path = do("token") / "collector" / "relay_token"

    assert path.read_text() == "sl_elsewhere"


def test_only_the_owner_can_look(do: Callable[..., Path]) -> None:
    """Folders and files are closed to all others, also those of the volume that they share."""
    run = do(given={"slack_url": "x", "pagerduty_key": "y"}, **EVERYTHING)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in run.rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in run.iterdir()}

    assert modes == {0o400}
    assert folders == {0o700}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_each_program_owns_what_it_reads(prepare: ModuleType, place: dict[str, str], tmp_path: Path) -> None:
    """As root, which it is in its container, it gives each folder to the user that the program runs as."""
    command = [sys.executable, str(COLLECTOR / "prepare.py"), "secrets"]
    subprocess.run(command, check=True, env={**os.environ, **place}, capture_output=True)

    for name, reader in prepare.READERS.items():
        for path in (tmp_path / "run" / name, *(tmp_path / "run" / name).iterdir()):
            assert path.stat().st_uid == reader.user, path
    assert (tmp_path / "queue").stat().st_uid == prepare.USER


def test_an_unknown_step_says_which_there_are(do: Callable[..., Path]) -> None:
    """A mistake in docker-compose.yml ends the start, with a line that says what was expected."""
    with pytest.raises(SystemExit, match="secrets or token, not 'everything'"):
        do("everything")


def test_the_example_names_every_secret(prepare: ModuleType) -> None:
    """What people can give is what is handed out, and what is explained."""
    handed_out = {file for reader in prepare.READERS.values() for file in reader.files}
    explained = set(re.findall(r"^#   ([a-z_]+) {2,}\S", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))

    assert explained == handed_out


def test_secrets_are_read_where_they_are_put(prepare: ModuleType) -> None:
    """Compose and Alertmanager's configuration name files that this script writes."""
    written = {f"/run/stagelight/{name}/{file}" for name, reader in prepare.READERS.items() for file in reader.files}
    written |= {"/run/stagelight/stagelight/pgpass", "/run/stagelight/alertmanager/alertmanager.yml"}
    text = yaml.safe_dump(compose()) + CONFIGURATION.read_text(encoding="utf-8")
    named = set(re.findall(r"/run/stagelight/[a-z]+/[a-z_.]+", text))

    assert named <= written
    assert {f"/run/stagelight/alertmanager/{file}" for file in prepare.READERS["alertmanager"].files} <= named


def test_tempo_and_the_rest_are_not_given_what_they_do_not_need() -> None:
    """The volume of secrets is mounted by those that read one, and written by the two that prepare it."""
    mounting = {
        name: [mount for mount in service.get("volumes", ()) if mount.startswith("run:")]
        for name, service in deployment.compose()["services"].items()
    }
    writing = {name for name, mounts in mounting.items() if any(not mount.endswith(":ro") for mount in mounts)}

    assert writing == {"prepare", "token"}
    assert {name for name, mounts in mounting.items() if mounts} - writing == {
        "stagelight",
        "collector",
        "alertmanager",
        "grafana",
        "postgres",
    }
