"""Which sink this process writes to."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stagelight import _guard
from stagelight.config.paths import state_folder
from stagelight.errors import StagelightError
from stagelight.sink.codec import checked, id_of
from stagelight.sink.rows import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.config import Settings
    from stagelight.sink.rows import Row, Sink

NO_SINK = "no store configured: set STAGELIGHT_STORE or STAGELIGHT_URL and call stagelight.configure()"

_sink: Sink | None = None


def use(sink: Sink | None) -> Sink | None:
    """Write to `sink` from now on, or nowhere; return the one in use before."""
    global _sink
    before, _sink = _sink, sink
    return before


@contextmanager
def using(sink: Sink | None) -> Iterator[None]:
    """Write to `sink` inside the block, and to the one before after it."""
    before = use(sink)
    try:
        yield
    finally:
        use(before)


def write(row: Row) -> Receipt:
    """Commit `row` and say what became of it; never raises.

    The receipt is `stored` after the commit, `spooled` when the row is on this machine's disk because the server is away,
    and `refused` with a reason when it is neither.
    """
    receipt: Receipt | None = None
    with _guard.guard("sink"):
        receipt = _written(row)
    return receipt or Receipt("refused", "", "an error inside stagelight; its log says more")


def _written(row: Row) -> Receipt:
    sink = _sink
    try:
        checked(row)
        if sink is None:
            return Receipt("refused", id_of(row), NO_SINK)
        return sink.write([row])[0]
    except StagelightError as error:
        return Receipt("refused", id_of(row), str(error))


def from_settings(settings: Settings) -> Sink | None:
    """The sink that `settings.url` asks for, with its spool; None where it names no server.

    Raises:
        ConfigurationError: The address cannot be used.
    """
    from stagelight.sink.http import HttpSink
    from stagelight.sink.spool import Spool
    from stagelight.sink.spooled import SpooledSink

    if not settings.url:
        return None
    sink = HttpSink(settings.url, settings.token)
    if not settings.spool_max_bytes:
        return sink
    folder = Path(settings.spool) if settings.spool else state_folder() / "spool" / _owner(settings)
    return SpooledSink(sink, Spool(folder, settings.spool_max_bytes))


def _owner(settings: Settings) -> str:
    """A folder's name for each server and token: rows that one program left must not go elsewhere, or to another tenant."""
    return hashlib.sha256(f"{settings.url}\0{settings.token}".encode()).hexdigest()[:16]
