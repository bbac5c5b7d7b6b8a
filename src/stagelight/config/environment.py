"""Variables that are no setting of ours: those that OpenTelemetry documents for each signal, and which distro was chosen."""

from __future__ import annotations

import os


def variable(name: str, default: str = "") -> str:
    """Return the variable `name`, or `default` where it is not set; an empty value counts as not set.

    >>> variable("STAGELIGHT_NO_SUCH_VARIABLE", "default")
    'default'
    """
    return os.environ.get(name, "").strip() or default


def suggest(name: str, value: str) -> None:
    """Set the variable `name` for this process and its children, unless it is set already."""
    os.environ.setdefault(name, value)


def variables() -> dict[str, str]:
    """Return a copy of all variables: to look at, or to hand on to a child, changed."""
    return dict(os.environ)
