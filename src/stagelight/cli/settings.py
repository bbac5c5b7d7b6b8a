"""`stagelight settings`: what is in force, and which place decided it."""

from __future__ import annotations

import re
from typing import Final

import click

from stagelight import config
from stagelight.cli import output
from stagelight.config import origin

SECRET: Final = frozenset(row.name for row in config.table() if row.secret)
PASSWORD: Final = re.compile(r"(://[^/@:]*:)[^/@]*(@)")

EPILOG = """\b
Examples:
  stagelight settings --changed    only what is not at its default
  stagelight settings --json | jq '.[] | select(.source == "environment")'

\b
An argument of configure() beats the variable, which beats [tool.stagelight] in pyproject.toml, which beats the default."""


@click.command(epilog=EPILOG)
@click.option("--changed", is_flag=True, help="Leave out what is at its default.")
@output.as_json
def settings(*, changed: bool, as_json: bool) -> None:
    """Show every setting: its value, where that came from, its variable and what it does."""
    rows = [row for row in origin.origins() if not changed or row.source != "default"]
    if as_json:
        output.show_json([{**row._asdict(), "value": _shown(row)} for row in rows])
        return
    output.table(
        ("setting", "value", "from", "variable", "what it does"),
        ((row.name, _text(_shown(row)), row.source, row.variable, row.help) for row in rows),
    )


def _shown(row: origin.Origin) -> object:
    """The value; of a secret only whether there is one, as terminals are recorded and screens shared."""
    if row.name in SECRET and row.value:
        return "(set)"
    return PASSWORD.sub(r"\1***\2", row.value) if isinstance(row.value, str) else row.value


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
