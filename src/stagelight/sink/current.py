"""Which sink this process writes to."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stagelight import _guard
from stagelight.config.paths import state_folder
from stagelight.errors import StagelightError
from stagelight.sink import hurry, recent
from stagelight.sink.checks import checked, id_of
from stagelight.sink.rows import Receipt
from stagelight.sink.spool import Spool
from stagelight.sink.spooled import SpooledSink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagelight.config import Settings
    from stagelight.sink.rows import Row, Sink

NO_SINK = (
    "no store configured: set STAGELIGHT_STORE or STAGELIGHT_URL and call stagelight.configure(), without "
    "OTEL_SDK_DISABLED=true, which turns all of it off"
)

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

    The receipt is `stored` after the commit, `spooled` when the row is on this machine's disk because the store or the
    server is away, and `refused` with a reason when it is neither.
    """
    return write_all([row])[0]


def write_all(rows: Sequence[Row]) -> list[Receipt]:
    """Commit `rows` on one way, which is much quicker than one by one, and say what became of each; never raises."""
    receipts: list[Receipt] = []
    with _guard.guard("sink"), hurry.hurrying():
        receipts = _written(rows)
    return receipts or [Receipt("refused", "", "an error inside stagelight; its log says more") for _ in rows]


def _written(rows: Sequence[Row]) -> list[Receipt]:
    sink, refused = _sink, _refused(rows)
    good = [row for number, row in enumerate(rows) if number not in refused]
    told: Iterator[Receipt] = (Receipt("refused", id_of(row), NO_SINK) for row in good)
    if sink is not None and good:
        try:
            told = iter(sink.write(good))
        except StagelightError as error:
            reason = str(error)
            told = (Receipt("refused", id_of(row), reason) for row in good)
    receipts = [refused.get(number) or next(told) for number in range(len(rows))]
    for row, receipt in zip(rows, receipts, strict=True):
        if receipt.accepted:
            recent.remember(row)
    return receipts


def _refused(rows: Sequence[Row]) -> dict[int, Receipt]:
    """Return by its place each row that cannot be kept, with the reason; it does not stop its neighbours."""
    refused: dict[int, Receipt] = {}
    for number, row in enumerate(rows):
        try:
            checked(row)
        except StagelightError as error:
            refused[number] = Receipt("refused", id_of(row), str(error))
    return refused


def from_settings(settings: Settings) -> Sink | None:
    """The sink that `settings.url` asks for, with its spool; None where it names no server.

    Raises:
        ConfigurationError: The address cannot be used, or the spool's folder cannot be made.
    """
    from stagelight.sink.http import HttpSink

    if not settings.url:
        return None
    place = f"{settings.url}\0{settings.token}"
    return with_spool(HttpSink(settings.url, settings.token), settings, place, at_once=True)


def with_spool(sink: Sink, settings: Settings, place: str, *, at_once: bool = False) -> Sink:
    """Return `sink` with the spool that `settings` ask for; `sink` itself where they ask for none.

    Args:
        sink: Where rows are committed.
        settings: Folder and size of the spool.
        place: Tells one sink's rows from another's in the user's state folder: what waits for one must not go elsewhere,
            or to another tenant. A folder that the settings name is one sink's own.
        at_once: Make the folder now, as one that the settings name is made in any case, and not with the first row.

    Raises:
        ConfigurationError: The folder cannot be made.
    """
    if not settings.spool_max_bytes:
        return sink
    owner = hashlib.sha256(place.encode()).hexdigest()[:16]
    folder = Path(settings.spool) if settings.spool else state_folder() / "spool" / owner
    spool = Spool(folder, settings.spool_max_bytes)
    if at_once or settings.spool:
        spool.make()
    return SpooledSink(sink, spool)
