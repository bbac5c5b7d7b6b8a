"""What must be there before the stack starts: secrets, each readable by its program alone, and Alertmanager's file.

docker compose runs this as root in stagelight's image, first `secrets`, then, when the store can be reached, `token`. What
lies in the folder of secrets is copied to where its reader looks: programs in containers run as users of their own, to whom
a file that you alone may read is closed. Passwords that nobody gave, and the collector's token for the relay, are made once.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

RECEIVERS = ("pagerduty_configs", "slack_configs", "email_configs", "webhook_configs")
TOKEN_DAYS = 3650
USER = 10001  #: Of stagelight's image, whose store it is, and of the collector's.


@dataclass(frozen=True, slots=True)
class Reader:
    """A program in a container, and the secrets that it reads."""

    user: int  #: As which it runs.
    files: tuple[str, ...]


READERS = {
    "alertmanager": Reader(65534, ("slack_url", "pagerduty_key", "smtp_password", "webhook_token")),
    "collector": Reader(USER, ("relay_token",)),
    "grafana": Reader(472, ("grafana_password",)),
    "postgres": Reader(999, ("postgres_password",)),
    "stagelight": Reader(USER, ()),
}


def give(path: Path, user: int, mode: int) -> None:
    """Make `path` the file or folder of `user`; without root it stays ours."""
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, user, user)


def write(path: Path, text: str, user: int) -> None:
    """Put `text` at `path` for `user` alone, in one step, so that nobody reads half of it."""
    made = path.with_suffix(".new")
    made.unlink(missing_ok=True)
    made.touch(0o600)
    made.write_text(text, encoding="utf-8")
    give(made, user, 0o400)
    made.replace(path)


def hand_out(given: Path, run: Path) -> None:
    """Copy each secret of the folder `given` to its reader's folder below `run`."""
    for name, reader in READERS.items():
        folder = run / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        give(folder, reader.user, 0o700)
        for file in reader.files:
            text = (given / file).read_text(encoding="utf-8").strip() if (given / file).is_file() else ""
            if text:
                write(folder / file, text, reader.user)
            elif name == "alertmanager":
                (folder / file).unlink(missing_ok=True)  # taken away: that receiver is not told any more


def make_passwords(run: Path) -> None:
    """Make the passwords that nobody gave; PostgreSQL's also as the file in which its clients look."""
    for program in ("grafana", "postgres"):
        path = run / program / f"{program}_password"
        if not path.exists():
            write(path, secrets.token_urlsafe(18), READERS[program].user)
    password = (run / "postgres" / "postgres_password").read_text(encoding="utf-8")
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    write(run / "stagelight" / "pgpass", f"*:*:*:*:{escaped}\n", USER)


def make_token(run: Path) -> None:
    """Make the collector's token for the relay unless there is one; the store keeps its hash alone."""
    path = run / "collector" / "relay_token"
    if path.exists():
        return
    command = ["stagelight", "token", "create", "collector", "--scope", "ingest", "--days", str(TOKEN_DAYS)]
    who: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **who)  # noqa: S603  ours, in our image
    write(path, made.stdout.strip(), USER)


def alertmanager(told: dict[str, Any], environ: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Alertmanager's configuration with what `environ` says, and without what has no secret in `folder` or no address."""

    def value(name: str) -> str:
        return environ.get(f"STAGELIGHT_{name}", "").strip()

    for receiver in told["receivers"]:
        for email in receiver.get("email_configs", ()):
            email |= {"smarthost": value("SMTP_HOST"), "from": value("SMTP_FROM"), "to": value("EMAIL_TO")}
            email["auth_username"] = value("SMTP_USER")
            if not value("SMTP_USER"):
                del email["auth_username"], email["auth_password_file"]
        for slack in receiver.get("slack_configs", ()):
            slack["channel"] = value("SLACK_CHANNEL") or slack["channel"]
        address = value("WATCHDOG_URL" if receiver["name"] == "watchdog" else "WEBHOOK_URL")
        receiver["webhook_configs"] = [_webhook(hook, address, folder) for hook in receiver.get("webhook_configs", ())]
        for kind in RECEIVERS:
            receiver[kind] = [config for config in receiver.get(kind, ()) if _usable(config, folder)]
            if not receiver[kind]:
                del receiver[kind]
    return told


def _webhook(hook: dict[str, Any], address: str, folder: Path) -> dict[str, Any]:
    made = {**hook, "url": address}
    if not (folder / "webhook_token").exists():
        made.pop("http_config", None)
    return made


def _usable(config: Mapping[str, Any], folder: Path) -> bool:
    """Whether every secret and address that `config` needs is there."""
    files = [Path(value).name for name, value in config.items() if name.endswith("_file")]
    addresses = [config[name] for name in ("url", "smarthost", "from", "to") if name in config]
    return all(addresses) and all((folder / name).exists() for name in files)


def prepare_secrets(run: Path, environ: Mapping[str, str]) -> None:
    """Secrets and passwords, the collector's folder on disk, and Alertmanager's configuration, each for its program."""
    hand_out(Path(environ["STAGELIGHT_SECRETS_DIR"]), run)
    make_passwords(run)
    give(Path(environ["STAGELIGHT_COLLECTOR_QUEUE_DIR"]), USER, 0o700)
    source = Path(__file__).parent / "alertmanager" / "alertmanager.yml"
    folder = run / "alertmanager"
    told = alertmanager(yaml.safe_load(source.read_text(encoding="utf-8")), environ, folder)
    write(folder / "alertmanager.yml", yaml.safe_dump(told, sort_keys=False), READERS["alertmanager"].user)
    quiet = [receiver["name"] for receiver in told["receivers"] if set(receiver) == {"name"}]
    print(f"Alertmanager's receivers without anybody to tell: {', '.join(quiet)}")


def main(what: str, environ: Mapping[str, str]) -> None:
    """Do `secrets` or `token` for the folder STAGELIGHT_RUN_DIR."""
    run = Path(environ["STAGELIGHT_RUN_DIR"])
    if what == "secrets":
        prepare_secrets(run, environ)
    elif what == "token":
        make_token(run)
    else:
        sys.exit(f"prepare.py: secrets or token, not {what!r}")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]), os.environ)
