"""The files that people deploy, as tests read them: docker-compose.yml with its variables put in, .env.example, schemas."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml

from repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

COMPOSE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / ".env.example"
SCHEMAS = ROOT / "tests" / "deploy" / "schemas"
COLLECTOR = ROOT / "collector"

VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}|(?P<odd>.?))")
SETTING = re.compile(r"(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)")


def read(path: Path) -> Any:
    """The document in a YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def mistakes(document: object, schema: str) -> list[str]:
    """What is wrong with `document` by the schema of this name, a line each."""
    checker = jsonschema.Draft202012Validator(read(SCHEMAS / f"{schema}.yaml"))
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(document)]


def example() -> dict[str, str]:
    """What .env.example sets."""
    found = (SETTING.fullmatch(line) for line in EXAMPLE.read_text(encoding="utf-8").splitlines())
    return {match["name"]: match["value"].strip('"') for match in found if match}


def defaults() -> Iterator[tuple[str, str | None]]:
    """Each variable that docker-compose.yml reads, with the default that it has there."""
    for match in VARIABLE.finditer(COMPOSE.read_text(encoding="utf-8")):
        if match["name"]:
            yield match["name"], match["default"]


def filled(path: Path, environ: Mapping[str, str] | None = None) -> Any:
    """The document in a YAML file with its variables put in; those that are empty or missing take their default."""

    def value(match: re.Match[str]) -> str:
        assert match["odd"] is None, f"a lone $ before {match['odd']!r}: write $$ or ${{NAME}}"
        return "$" if match["dollar"] else (environ or {}).get(match["name"]) or match["default"] or ""

    return _each(read(path), lambda text: VARIABLE.sub(value, text))


def compose(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """docker-compose.yml as Docker sees it when the variables are these."""
    told: dict[str, Any] = filled(COMPOSE, environ)
    return told


def _each(node: Any, change: Callable[[str], str]) -> Any:
    if isinstance(node, dict):
        return {key: _each(child, change) for key, child in node.items()}
    if isinstance(node, list):
        return [_each(child, change) for child in node]
    return change(node) if isinstance(node, str) else node
