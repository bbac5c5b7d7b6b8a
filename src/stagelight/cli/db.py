"""`stagelight db`: care of the store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stagelight import config
from stagelight.cli import kept, output
from stagelight.cli.problem import Problem
from stagelight.config.paths import state_folder

if TYPE_CHECKING:
    from stagelight.config import Settings
    from stagelight.store import Size

EPILOG = """\b
Examples:
  stagelight db size
  stagelight db backup ~/stagelight-2026-11-21.db
  stagelight db forget --user ann
  stagelight db reset --yes"""


@click.group(epilog=EPILOG)
def db() -> None:
    """Back up, measure or empty the store."""


@db.command()
@kept.store_option
@output.as_json
def size(*, store: str | None, as_json: bool) -> None:
    """Show what the store holds, and how much room that takes."""
    with kept.opened(store) as opened:
        held, where = opened.admin.size(), str(opened.path or opened.url)
    if as_json:
        output.show_json({"store": where, **asdict(held)})
        return
    click.echo(f"{output.safe(where)}: {_bytes(held.bytes)} of {_bytes(held.max_bytes)}")
    output.table(("rows", "of"), [(f"{count:,}", kind) for kind, count in _counts(held)], right=(0,))


@db.command()
@click.argument("path", type=click.Path(path_type=Path))
@kept.store_option
def backup(path: Path, *, store: str | None) -> None:
    """Copy the store to PATH, whole and consistent, while others go on writing to it."""
    with kept.opened(store) as opened:
        opened.admin.backup(path)
    click.echo(f"{path}: {_bytes(path.stat().st_size)}")


@db.command()
@kept.store_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(*, store: str | None, yes: bool) -> None:
    """Remove every trace, metric, prediction, feedback and truth; tokens stay."""
    with kept.opened(store) as opened:
        held, where = opened.admin.size(), output.safe(str(opened.path or opened.url))
        what = ", ".join(f"{count:,} {kind}" for kind, count in _counts(held) if count) or "nothing"
        if not yes and not _agreed(f"{where} holds {what}. Remove it all?"):
            raise Problem("nothing was removed. `stagelight db backup PATH` copies it first; --yes does not ask.")
        opened.admin.reset()
    click.echo(f"{where}: removed {what}")


@db.command()
@kept.store_option
@click.option("--user", required=True, metavar="ID", help="As the application calls them.")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.as_json
def forget(*, store: str | None, user: str, tenant: str | None, yes: bool, as_json: bool) -> None:
    """Remove all that is kept of a person: what they said, their traces, what was predicted about them.

    Rows of theirs that wait in this machine's spool go too. Backups, exports and the trace file are not reached.
    """
    from stagelight.sink.forgetting import forget as spool  # the store's packages are slow to load
    from stagelight.stages.context import told_as

    if not yes and not _agreed(f"Remove all that is kept of {output.safe(user)}? It cannot be brought back."):
        raise Problem("nothing was removed. --yes does not ask.")
    told = config.load(store=store)
    names = {user, told_as(user, told.user_id_key)}
    waiting = sum(spool(folder, names) for folder in _spools(told))
    with kept.of_settings(told) as opened:
        gone = opened.people.forget(names, tenant=tenant)
    counts = {"waiting": waiting, **gone._asdict()}
    if as_json:
        output.show_json(counts)
        return
    what = ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if kind != "scrubbed" and count) or "nothing"
    click.echo(f"removed {what}")
    if not gone.scrubbed:
        output.note(
            "Old copies may still stand on free pages of the database: another program was reading. Run this again."
        )


def _spools(told: Settings) -> list[Path]:
    """Every spool of this user on this machine."""
    if told.spool:
        return [Path(told.spool)]
    folder = state_folder() / "spool"
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _agreed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # no terminal to ask, or Ctrl-C
        output.note("")
        return False


def _counts(held: Size) -> list[tuple[str, int]]:
    return [(name, int(count)) for name, count in asdict(held).items() if not name.endswith("bytes")]


def _bytes(number: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:  # noqa: PLR2004  a KiB
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"
