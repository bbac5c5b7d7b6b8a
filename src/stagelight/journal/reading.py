"""Reading the trace file back, torn lines and all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from stagelight import wire
from stagelight.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from stagelight.wire.records import SpanRecord

#: A file of our own is trusted with more than a request of a stranger: a trace is one line, however many spans it has.
LIMITS: Final = wire.Limits(
    inflated_bytes=2**30, records=10_000_000, parts=200_000_000, numbers=200_000_000, fields=800_000_000
)


def read(path: str | Path, *, torn: Callable[[int, str], None] | None = None) -> Iterator[list[SpanRecord]]:
    """Yield the spans of each line of `path`, in order; `torn` as `parse` has it.

    Raises:
        OSError: The file cannot be read.
    """
    with Path(path).open("rb") as lines:
        yield from parse(lines, torn=torn)


def parse(lines: Iterable[bytes], *, torn: Callable[[int, str], None] | None = None) -> Iterator[list[SpanRecord]]:
    """Yield the spans of each of `lines`, which `TraceFile`, `stagelight export traces` or a collector wrote.

    Args:
        lines: OTLP JSON, an ExportTraceServiceRequest each.
        torn: Told the number (from 1) of each line that is no OTLP JSON, and why. Such lines are passed over, since a
            power cut or a full disk leaves them behind.

    >>> list(parse([b'{"resourceSpans": []}', b'{"resourceSp'], torn=lambda number, why: print("torn:", number)))
    torn: 2
    [[]]
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            spans = wire.decode_traces(line, "json", LIMITS)
        except WireError as error:
            if torn is not None:
                torn(number, str(error))
        else:
            yield spans
