"""`stagelight import`: JSON lines into the store."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from stagelight import _clock, config
from stagelight.cli import kept, output
from stagelight.cli.problem import LOOK
from stagelight.errors import RowError, WireError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagelight.sink.rows import Row
    from stagelight.store import Store
    from stagelight.wire.records import SpanRecord

BATCH: Final = 1000  #: Rows, or spans, committed together.
SHOWN: Final = 5  #: Refused lines that are told one by one.

EPILOG = """\b
Examples:
  stagelight import traces.jsonl feedback.jsonl
  zcat old.jsonl.gz | stagelight import - --keep

\b
What is there already is not doubled. Lines that cannot be read are told, the rest is imported (exit code 1)."""


@click.command("import", epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--keep", is_flag=True, help="Pin the traces, so that they do not expire with TRACE_CLEANUP_HOURS.")
@kept.store_option
@output.as_json
@click.pass_context
def import_(context: click.Context, files: tuple[str, ...], *, keep: bool, store: str | None, as_json: bool) -> None:
    """Read traces (OTLP JSON), predictions, feedback and truth from FILES, or `-` for stdin, into the store."""
    settings = config.load(store=store)
    with kept.of_settings(settings, create=True) as opened:
        intake = Intake(opened, oldest_ns=_clock.wall_ns() - int(settings.trace_cleanup_hours * 3600e9), keep=keep)
        for name in files:
            _read(name, intake)
        intake.settle()
    if as_json:
        output.show_json({"imported": dict(intake.taken), "refused": intake.refused})
    else:
        _tell(intake)
    context.exit(LOOK if intake.refused else 0)


def _read(name: str, intake: Intake) -> None:
    if name == "-":
        for number, line in enumerate(sys.stdin.buffer, start=1):
            intake.line("stdin", number, line)
        return
    path = Path(name)
    with path.open("rb") as file:
        for number, line in enumerate(_watched(file, path), start=1):
            intake.line(path.name, number, line)


def _watched(file: IO[bytes], path: Path) -> Iterator[bytes]:
    with output.bar(path.name, total=path.stat().st_size) as advance:
        for line in file:
            yield line
            advance(len(line))


@dataclass(slots=True)
class Intake:
    """Takes lines of any kind and commits them in batches."""

    store: Store
    oldest_ns: int  #: Traces that began before are removed by the next clean-up.
    keep: bool = False
    taken: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    old: int = 0  #: Traces that the next clean-up will remove.
    _spans: list[SpanRecord] = field(default_factory=list)
    _rows: list[Row] = field(default_factory=list)

    def line(self, where: str, number: int, line: bytes) -> None:
        """Take one line; what cannot be read is put down as refused."""
        if not line.strip():
            return
        try:
            self._take(line)
        except (WireError, RowError, ValueError, RecursionError) as error:
            self.refused.append(f"{where}:{number}: {error}")
        if len(self._spans) >= BATCH or len(self._rows) >= BATCH:
            self.settle()

    def _take(self, line: bytes) -> None:
        from stagelight import journal, wire
        from stagelight.sink import codec

        data = json.loads(line)
        if isinstance(data, dict) and "resourceSpans" in data:
            self._spans += wire.decode_traces(line, "json", journal.LIMITS)
            return
        kind = kind_of(data)
        now = _clock.wall_ns() / 1e9
        self._rows.append(codec.from_json(kind, data, now=now, new_id=_clock.new_id()))  # type: ignore[arg-type]  # `kind_of` gives no other

    def settle(self) -> None:
        """Commit what waits."""
        spans, self._spans = self._spans, []
        rows, self._rows = self._rows, []
        if spans:
            self.store.traces.write(spans)
            self._count(spans)
        for receipt in self.store.rows.write(rows) if rows else ():
            self.taken["rows"] += receipt.accepted
            if not receipt.accepted:
                self.refused.append(f"{receipt.id}: {receipt.reason}")

    def _count(self, spans: Sequence[SpanRecord]) -> None:
        traces = {(span.tenancy, span.trace_id): span.start_ns for span in spans}
        self.taken["spans"] += len(spans)
        self.taken["traces"] += len(traces)
        for (tenancy, trace_id), start_ns in traces.items():
            if self.keep:
                self.store.traces.pin(trace_id, "imported", tenant=tenancy.tenant, workspace=tenancy.workspace)
            else:
                self.old += start_ns < self.oldest_ns


def kind_of(data: Any) -> str:
    """Which kind of row a JSON object is, by the fields that only this kind has.

    Raises:
        RowError: It is none.

    >>> kind_of({"feedback_id": "f1", "signal": "click"})
    'feedback'
    """
    if isinstance(data, dict):
        for kind, mark in (("feedback", "signal"), ("decision", "arm"), ("truth", "event"), ("prediction", "type")):
            if mark in data:
                return kind
    raise RowError(
        "expected a trace (resourceSpans), a prediction (type), feedback (signal), a decision (arm) or truth (event)"
    )


def _tell(intake: Intake) -> None:
    parts = [f"{count:,} {what}" for what, count in intake.taken.items() if count]
    click.echo(f"imported {', '.join(parts) or 'nothing'}")
    if intake.old:
        output.note(
            f"{intake.old:,} traces are older than TRACE_CLEANUP_HOURS and go at the next clean-up; --keep keeps them."
        )
    for line in intake.refused[:SHOWN]:
        output.note(f"refused {output.safe(line)}")
    if len(intake.refused) > SHOWN:
        output.note(f"refused {len(intake.refused) - SHOWN:,} more lines; --json lists them all")
