"""`python -m benchmarks`: measure, and print the table of the performance contract."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks import crew, drift, measure, peers, queues, table
from benchmarks.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

KEYS = (*(row.key for row in ROWS), "import", "queue", "drift")
NOT_HERE = """\
  command to first trace in the page, warm: goal <=3 s; the browser test measures it and prints it
    (pytest tests/browser -s)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for and print it; the exit code says only whether ours could be measured."""
    options = parser().parse_args(arguments)
    chosen = options.only or list(KEYS)
    pythons = {} if options.no_peers else {peer.subject: peers.interpreter(peer) for peer in peers.PEERS}
    found: list[table.Line] = []
    started = time.monotonic()
    with crew.sink() as address:
        for row in (row for row in ROWS if row.key in chosen):
            with ticking(row.key) as tick:
                results = measure.measured(row, pythons, address=address, quick=options.quick, tick=tick)
            found += show(row.item, list(table.lines(row, results)), quiet=options.json)
    if "import" in chosen:
        with ticking("import") as tick:
            results = measure.imports(pythons, quick=options.quick, tick=tick)
        found += show("import, in a fresh process", list(table.import_lines(results)), quiet=options.json)
    if "queue" in chosen:
        with ticking("queue") as tick:
            rows = list(queues.lines(quick=options.quick, peers=not options.no_peers, tick=tick))
        found += show(queues.ITEM, rows, quiet=options.json)
    if "drift" in chosen:
        with ticking("drift") as tick:
            rows = list(drift.lines(quick=options.quick, peers=not options.no_peers, tick=tick))
        found += show(drift.ITEM, rows, quiet=options.json)
    summary(found, time.monotonic() - started, as_json=options.json)
    return int(any(line.subject == measure.OURS and line.cost is None for line in found))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument(
        "--only",
        action="append",
        choices=KEYS,
        metavar="ROW",
        help=f"this row alone, again for more: {', '.join(KEYS)}",
    )
    made.add_argument("--json", action="store_true", help="print JSON")
    made.add_argument("--quick", action="store_true", help="show that everything runs; the figures mean nothing")
    made.add_argument("--no-peers", action="store_true", help="only raw OpenTelemetry and stagelight")
    return made


def show(item: str, lines: list[table.Line], *, quiet: bool) -> list[table.Line]:
    """Print a row's lines, unless JSON follows; return them."""
    if not quiet:
        print(f"\n{item}\n{table.HEADINGS}")
        for line in lines:
            print(line.text())
    return lines


def summary(found: list[table.Line], seconds: float, *, as_json: bool) -> None:
    """Print what is met, or everything as JSON."""
    judged = [line for line in found if line.met is not None]
    met = sum(bool(line.met) for line in judged)
    machine = f"CPython {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    if as_json:
        print(
            json.dumps(
                {"machine": machine, "seconds": seconds, "lines": [table.as_dict(line) for line in found]}, indent=2
            )
        )
        return
    print(f"\n{NOT_HERE}\n\n{met} of {len(judged)} goals met now; {seconds:.0f} s; {machine}")


@contextmanager
def ticking(what: str) -> Iterator[Callable[[], None]]:
    """Show on a terminal that `what` is going on, a dot per round."""
    shown = sys.stderr.isatty()
    if shown:
        sys.stderr.write(f"{what} ")

    def tick() -> None:
        if shown:
            sys.stderr.write(".")
            sys.stderr.flush()

    try:
        yield tick
    finally:
        if shown:
            sys.stderr.write("\r\033[K")


if __name__ == "__main__":
    sys.exit(main())
