"""The reference of settings is printed from their table; that of metrics is `stagelight generate`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repository import ROOT
from stagelight import config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SETTINGS_HEAD = """\
# Settings

An argument of `configure()` beats the environment, which beats `[tool.stagelight]` in pyproject.toml, which beats the default.
An empty variable counts as not set.
Variables which only the official exporters read (headers, certificates, compression, timeouts) work as OpenTelemetry documents them.
This page is printed from `stagelight.config`; `make reference` prints it anew.

| setting | variable | default | what it does |
|---|---|---|---|
"""


def shown(default: object) -> str:
    """A default as one would write it in the environment; – for empty."""
    if isinstance(default, tuple):
        default = ",".join(default)
    if isinstance(default, bool):
        default = str(default).lower()
    return f"`{default}`" if default != "" else "–"


def settings_page() -> str:
    """The text of docs/settings.md."""
    rows = [f"| `{row.name}` | `{row.variable}` | {shown(row.default)} | {row.help} |" for row in config.table()]
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def test_settings_page_is_the_table(golden: Callable[[Path, str], None]) -> None:
    """docs/settings.md lists every setting with its variable, its default and its meaning, and no other."""
    golden(ROOT / "docs" / "settings.md", settings_page())
