"""The pages' own files: scripts and style sheets, served from memory under a path that names their contents."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

_MEDIA = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as a browser gets it."""

    body: bytes
    media: str


@cache
def assets() -> Mapping[str, Asset]:
    """Return every file that may be served, by its path below `static/`; nothing else on disk can be asked for."""
    return dict(_found(files("stagelight.web") / "static", ""))


@cache
def version() -> str:
    """Return a digest of all assets: a new release has new addresses, so browsers may keep the old for ever."""
    digest = hashlib.sha256()
    for path, asset in sorted(assets().items()):
        digest.update(path.encode() + b"\0" + asset.body)
    return digest.hexdigest()[:12]


def _found(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _found(entry, f"{prefix}{entry.name}/")
        elif media := _MEDIA.get(entry.name.rpartition(".")[2]):
            found.append((f"{prefix}{entry.name}", Asset(entry.read_bytes(), media)))
    return found
