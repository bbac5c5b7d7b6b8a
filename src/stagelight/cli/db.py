"""`stagelight db`: care of the store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stagelight.cli import kept, output
from stagelight.cli.problem import Problem

if TYPE_CHECKING:
    from stagelight.store import Size

EPILOG = """\b
Examples:
  stagelight db size
  stagelight db backup ~/stagelight-2026-11-21.db
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
