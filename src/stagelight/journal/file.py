"""Appending finished traces to the trace file, and forgetting the old ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from stagelight import _clock, wire
from stagelight.journal import lock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.wire.records import SpanRecord

HOUR_NS: Final = 3600 * 1_000_000_000
LOOK_EVERY_NS: Final = HOUR_NS // 6  #: How often one process looks for old lines, at most.
OURS: Final = b'{"resourceSpans"'
# A quote inside a JSON text is escaped, so no attribute's value can pass for an end time.
END_TIME: Final = re.compile(rb'"endTimeUnixNano":\s*"?(\d+)')


class TraceFile:
    """Keeps every finished trace of `hours` as a line of `path`; safe for many threads and processes at once.

    >>> import tempfile
    >>> from stagelight.wire.records import SpanRecord
    >>> span = SpanRecord(trace_id="1" * 32, span_id="2" * 16, name="load", start_ns=_clock.wall_ns(), end_ns=_clock.wall_ns())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     TraceFile(f"{folder}/traces.jsonl", 24.0).append([span])
    ...     Path(folder, "traces.jsonl").read_text()[:16]
    '{"resourceSpans"'
    """

    def __init__(self, path: str | Path, hours: float) -> None:
        """Append to `path`, whose folder is made if need be; lines older than `hours` go at some later append."""
        self.path = Path(path)
        self._keep_ns = int(hours * HOUR_NS)
        self._next_look_ns = 0

    def append(self, records: Sequence[SpanRecord]) -> None:
        """Add the spans of one finished trace as one line; nothing for no spans.

        Raises:
            OSError: The file cannot be written; nothing is half written that a reader would take for a trace.
        """
        if not records:
            return
        text = json.dumps(wire.traces_json(records), ensure_ascii=False, separators=(",", ":"))
        # A lone surrogate has no UTF-8; `\udc80`, as backslashreplace writes it, is how JSON spells it.
        _append(self.path, text.encode("utf-8", "backslashreplace") + b"\n")
        if _clock.monotonic_ns() >= self._next_look_ns:
            self._next_look_ns = _clock.monotonic_ns() + LOOK_EVERY_NS
            self.expire()

    def expire(self) -> int:
        """Forget the traces that ended more than `hours` ago; return how many. Others may append meanwhile: they wait.

        Raises:
            OSError: The file cannot be replaced; it is left as it was.
        """
        oldest_ns = _clock.wall_ns() - self._keep_ns
        if not _starts_before(self.path, oldest_ns):
            return 0
        with lock.alone(self.path):
            return _rewrite(self.path, oldest_ns)


def _append(path: Path, line: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock.shared(path):
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, lock.MODE)
        try:
            written = os.write(descriptor, line if _ends_whole(descriptor) else b"\n" + line)
        finally:
            os.close(descriptor)
    if written < len(line):
        raise OSError(f"{path}: only {written} of {len(line)} bytes were written; is the disk full?")


def _ends_whole(descriptor: int) -> bool:
    """Whether the file's last line is complete; after a torn one the next must begin anew, or both were lost."""
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _starts_before(path: Path, oldest_ns: int) -> bool:
    """Whether the first line, the oldest, has to go; reading one line spares reading a gigabyte."""
    try:
        with path.open("rb") as lines:
            first = next((line for line in lines if line.strip()), b"")
    except FileNotFoundError:
        return False
    return bool(first) and not _stays(first, oldest_ns)


def _stays(line: bytes, oldest_ns: int) -> bool:
    """Whether `line` is young enough; a line that is not ours stays, a torn one of ours goes."""
    if not line.startswith(OURS):
        return bool(line.strip())
    ends = [int(end) for end in END_TIME.findall(line)]
    return line.endswith(b"}\n") and max(ends, default=0) >= oldest_ns


def _rewrite(path: Path, oldest_ns: int) -> int:
    """Replace the file by one without its old lines, in one step, so that a crash leaves the one or the other."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as kept, path.open("rb") as lines:
            gone = _copy(lines, kept, oldest_ns)
            kept.flush()
            os.fsync(kept.fileno())
        shutil.copymode(path, name)
        os.replace(name, path)  # noqa: PTH105  mkstemp gives a name
    except BaseException:
        os.unlink(name)  # noqa: PTH108  mkstemp gives a name
        raise
    return gone


def _copy(lines: IO[bytes], kept: IO[bytes], oldest_ns: int) -> int:
    gone = 0
    for line in lines:
        if _stays(line, oldest_ns):
            kept.write(line)
        else:
            gone += 1
    return gone
