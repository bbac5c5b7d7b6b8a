"""Folders that belong to the user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def state_folder(*, environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder for what outlives a run: `$XDG_STATE_HOME/stagelight`, or `~/.local/state/stagelight`.

    >>> state_folder(environ={"XDG_STATE_HOME": "/var/lib/me"}).as_posix()
    '/var/lib/me/stagelight'
    """
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_STATE_HOME", "")
    # A relative path is to be ignored, says the XDG base directory specification.
    return (Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state") / "stagelight"  # noqa: PTH117  text, not yet a path
