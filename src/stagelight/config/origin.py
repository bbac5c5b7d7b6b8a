"""Which place decided each setting, for people to read."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from stagelight.config import settings
from stagelight.config.environment import variables

if TYPE_CHECKING:
    from collections.abc import Mapping

Source = Literal["environment", "pyproject", "default"]


class Origin(NamedTuple):
    """A setting in force, for people to read."""

    name: str
    variable: str
    value: object
    source: Source
    help: str


def origins(*, environ: Mapping[str, str] | None = None, start: Path | None = None) -> list[Origin]:
    """Return every setting with its value and the place that decided it; arguments as `load` has them.

    Raises:
        ConfigurationError: A value does not parse, or a name is unknown.

    >>> [o.source for o in origins(environ={"PROMETHEUS_PORT": "9189"}) if o.name == "prometheus_port"]
    ['environment']
    """
    environ = variables() if environ is None else environ
    start = start or Path.cwd()
    loaded = settings.load(environ=environ, start=start)
    written = settings._pyproject(start)  # noqa: SLF001  the same room
    found: list[Origin] = []
    for row in fields(settings.Settings):
        variable = row.metadata["variable"]
        source: Source = "pyproject" if row.name in written else "default"
        if environ.get(variable, "").strip():
            source = "environment"
        found.append(Origin(row.name, variable, getattr(loaded, row.name), source, row.metadata["help"]))
    return found
