"""Do the installed OpenTelemetry packages belong together?"""

from __future__ import annotations

import platform
import re
from importlib import metadata
from typing import TYPE_CHECKING, Final

from stagelight._version import __version__
from stagelight.doctor.finding import Finding, failure, good, warning

if TYPE_CHECKING:
    from collections.abc import Mapping

STABLE: Final = ("opentelemetry-api", "opentelemetry-sdk", "opentelemetry-exporter-otlp")
BETA: Final = (
    "opentelemetry-semantic-conventions",
    "opentelemetry-exporter-prometheus",
    "opentelemetry-instrumentation",
)
MATES: Final = 21  #: 1.45 is released with 0.66b, 1.44 with 0.65b: the minor numbers are this far apart.
HOP: Final = "versions"


def installed() -> dict[str, str]:
    """Return the versions of OpenTelemetry's packages that are installed, by name."""
    found: dict[str, str] = {}
    for name in (*STABLE, *BETA):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def check(versions: Mapping[str, str]) -> Finding:
    """Compare the version triple: API, SDK, and the beta packages of the same release.

    >>> check({"opentelemetry-api": "1.45.2", "opentelemetry-sdk": "1.40.0", "opentelemetry-exporter-otlp": "1.45.2"}).verdict
    'failure'
    """
    missing = [name for name in STABLE if name not in versions]
    if missing:
        return failure(HOP, f"{missing[0]} is not installed", "pip install --upgrade stagelight")
    here = f"Python {platform.python_version()}, stagelight {__version__}"
    triple = f"api {versions[STABLE[0]]}, sdk {versions[STABLE[1]]}, otlp {versions[STABLE[2]]}"
    minors = {name: _minor(versions[name]) for name in STABLE}
    if len(set(minors.values())) > 1:
        return failure(
            HOP,
            f"{here}; OpenTelemetry's {triple} are of different releases",
            "pip install --upgrade opentelemetry-api opentelemetry-sdk opentelemetry-exporter-otlp",
        )
    strangers = [f"{name} {versions[name]}" for name in BETA if name in versions and not _mate(versions, name)]
    if strangers:
        return warning(
            HOP,
            f"{here}; OpenTelemetry {triple}, but {', '.join(strangers)} is of another release",
            f"pip install --upgrade {' '.join(name.split()[0] for name in strangers)}",
        )
    beta = next((versions[name] for name in BETA if name in versions), "none")
    return good(HOP, f"{here}; OpenTelemetry {triple}, beta packages {beta}")


def _mate(versions: Mapping[str, str], name: str) -> bool:
    return _minor(versions[name]) == _minor(versions[STABLE[0]]) + MATES


def _minor(version: str) -> int:
    """The second number; -1 where the version has none, which matches nothing.

    >>> _minor("0.66b2"), _minor("1.45.2")
    (66, 45)
    """
    found = re.match(r"\d+\.(\d+)", version)
    return int(found[1]) if found else -1
