"""How commands print: tables and trees for people, JSON for programs, nothing that could steer a terminal."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Console

T = TypeVar("T")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def console(*, err: bool = False) -> Console:
    """Return rich's console: plain text where it is no terminal or NO_COLOR is set."""
    from rich.console import Console  # keeps `--help` quick

    return Console(stderr=err, highlight=False, markup=False, emoji=False)


def show_json(data: object, *, lines: bool = False) -> None:
    """Print `data` as JSON: indented, or on one line of its own where `lines` follow each other."""
    text = json.dumps(data, ensure_ascii=False, indent=None if lines else 2, default=_plain)
    # A lone surrogate has no UTF-8; as an escape it is legal JSON.
    click.echo(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)


def safe(text: object) -> str:
    r"""Return `text` with control characters made visible: names come from other programs, and ESC steers terminals.

    >>> safe("load" + chr(27) + "[2J")
    'load\\x1b[2J'
    """
    raw = str(text)
    if raw.isprintable():
        return raw
    return "".join(c if c.isprintable() or c == " " else c.encode("unicode_escape").decode("ascii") for c in raw)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> None:
    """Print `rows` under `headings`; the columns `right` (from 0) hold numbers."""
    from rich.table import Table  # keeps `--help` quick

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for index, heading in enumerate(headings):
        grid.add_column(heading, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(safe(cell) for cell in row))
    console().print(grid)


def note(text: str) -> None:
    """Say something for the person at the terminal, on stderr, so that stdout stays data."""
    click.echo(text, err=True)


@contextmanager
def bar(what: str, *, total: int | None = None) -> Iterator[Callable[[float], None]]:
    """Show a progress bar on stderr, where that is a terminal, and give the function that advances it."""
    screen = console(err=True)
    if not screen.is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress  # keeps `--help` quick

    with Progress(console=screen, transient=True) as progress:
        task = progress.add_task(safe(what), total=total)
        yield lambda amount: progress.advance(task, amount)


def counted(items: Iterable[T], what: str, *, total: int | None = None) -> Iterator[T]:
    """Pass `items` on, with a progress bar."""
    with bar(what, total=total) as advance:
        for item in items:
            yield item
            advance(1)


def fields(row: Any) -> dict[str, Any]:
    """Return a frozen dataclass as a dict, one level deep."""
    return {name: getattr(row, name) for name in row.__dataclass_fields__}
