"""Runbooks: what they tell people to type exists."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest

from stagelight.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INLINE = re.compile(r"`(stagelight [a-z][^`]*)`")
TYPED = re.compile(r"^\$ (stagelight [^#|\n]+)", re.MULTILINE)


def told(texts: Mapping[str, str]) -> Iterator[str]:
    """Every call of our own command on every page."""
    for path, text in texts.items():
        if path.startswith("docs/runbooks/"):
            yield from (*INLINE.findall(text), *TYPED.findall(text))


def misread(line: str) -> str:
    """What of a call our command does not know; empty where it knows all."""
    at: click.Command = cli
    with click.Context(cli) as context:
        for word in shlex.split(line)[1:]:
            if word.startswith("-"):
                if not any(word in option.opts for option in at.params):
                    return word
            elif isinstance(at, click.Group):
                found = at.get_command(context, word)
                if found is None:
                    return word
                at = found
    return ""


def test_every_command_of_a_runbook_exists(texts: Mapping[str, str]) -> None:
    """Who is woken at night types what the page says: each subcommand and option is there."""
    lines = sorted(set(told(texts)))

    assert len(lines) > 8
    assert {line: word for line in lines if (word := misread(line))} == {}


@pytest.mark.parametrize(
    "line", ["stagelight feedbak inspect", "stagelight feedback inspekt", "stagelight tail --error"]
)
def test_a_mistyped_command_is_found(line: str) -> None:
    """The check above sees a wrong group, a wrong command and a wrong option."""
    assert misread(line)
