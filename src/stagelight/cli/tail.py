"""`stagelight tail`: traces in the terminal, as they finish."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from stagelight import _clock
from stagelight.cli import kept, output
from stagelight.cli.follow import Follower, Wanted
from stagelight.cli.problem import Problem
from stagelight.cli.signals import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from threading import Event

    from stagelight.store import Store
    from stagelight.wire.records import SpanRecord

EVERY_SECONDS: Final = 0.25
BATCH: Final = 1000
NOTHING_LEFT: Final = 2**62  #: `--count` not given.

EPILOG = """\b
Examples:
  stagelight tail                             each trace as a tree, until Ctrl-C
  stagelight tail --last 3 --no-follow        the three latest, and end
  stagelight tail --errors --stage llm_call   those with a failure and that stage
  stagelight tail --attr user.id=7 --json     OTLP JSON lines, as `import` reads them

\b
It reads the store that `serve`, `run` or STAGELIGHT_STORE write."""


@click.command(epilog=EPILOG)
@click.option("--last", type=click.IntRange(0, 1000), default=0, metavar="N", help="Begin with the N latest traces.")
@click.option("--follow/--no-follow", default=True, help="Wait for more, or end.")
@click.option("-n", "--count", type=click.IntRange(1), metavar="N", help="End after N traces.")
@click.option("--errors", is_flag=True, help="Only traces in which something failed.")
@click.option("--min-ms", type=click.FloatRange(0), default=0.0, metavar="MS", help="Only traces that took longer.")
@click.option("--text", default="", help="Only traces that mention this in a name or an attribute.")
@click.option("--stage", default="", metavar="NAME", help="Only traces with a span of this name.")
@click.option("--service", default="", metavar="NAME", help="Only traces of this service.")
@click.option("--session", default="", metavar="ID", help="Only traces of this session.")
@click.option("--attr", multiple=True, metavar="KEY=VALUE", help="Only traces with this attribute; several mean all.")
@click.option("--ids", is_flag=True, help="Show span ids.")
@kept.store_option
@output.as_json
def tail(
    *,
    last: int,
    follow: bool,
    count: int | None,
    attr: tuple[str, ...],
    ids: bool,
    store: str | None,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Print each trace as a tree when it has finished."""
    choice = Wanted(attributes=pairs(attr), **wanted)
    left = NOTHING_LEFT if count is None else count
    with kept.opened(store) as opened, told() as stop:
        for spans in _found(opened, choice, stop, last=last, follow=follow):
            show(spans, ids=ids, as_json=as_json)
            left -= 1
            if left == 0 or stop.is_set():
                return


def pairs(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Split KEY=VALUE.

    Raises:
        Problem: There is no `=`, or nothing before it.
    """
    split = [pair.partition("=") for pair in given]
    for key, mark, _ in split:
        if not key or not mark:
            raise Problem(f"--attr {key!r}: expected KEY=VALUE, as --attr user.id=7.")
    return tuple((key, value) for key, _, value in split)


def _found(store: Store, wanted: Wanted, stop: Event, *, last: int, follow: bool) -> Iterator[Sequence[SpanRecord]]:
    after = store.traces.last_id()  # asked first: what arrives while the old ones are printed is not missed
    if last:
        yield from _latest(store, wanted, last)
    if follow:
        yield from _arriving(store, wanted, stop, after)


def _latest(store: Store, wanted: Wanted, last: int) -> Iterator[Sequence[SpanRecord]]:
    """The latest `last` traces that are wanted, oldest first, as a log is read."""
    from stagelight.store import TraceQuery  # SQLAlchemy is slow to load

    chosen: list[Sequence[SpanRecord]] = []
    cursor, more = "", True
    while more and len(chosen) < last:
        page = store.traces.search(TraceQuery(errors_only=wanted.errors, limit=200, cursor=cursor))
        for row in page.rows:
            trace = store.traces.get(row.trace_id, tenant=row.tenant)
            if trace is not None and wanted(trace.spans) and len(chosen) < last:
                chosen.append(trace.spans)
        cursor, more = page.cursor, bool(page.cursor)
    yield from reversed(chosen)


def _arriving(store: Store, wanted: Wanted, stop: Event, after: int) -> Iterator[Sequence[SpanRecord]]:
    follower = Follower()
    while not stop.is_set():
        batch = store.traces.recent_spans(after, BATCH)
        for numbered in batch:
            follower.saw(numbered.span, now_ns=_clock.monotonic_ns())
            after = numbered.id
        for key in follower.rested(now_ns=_clock.monotonic_ns()):
            trace = store.traces.get(key.trace_id, tenant=key.tenant)
            if trace is not None and wanted(trace.spans):
                yield trace.spans
        if len(batch) < BATCH:
            stop.wait(EVERY_SECONDS)


def show(spans: Sequence[SpanRecord], *, ids: bool = False, as_json: bool = False) -> None:
    """Print one trace: a line about it, then its tree; or OTLP JSON on one line."""
    from rich.text import Text  # keeps `--help` quick

    from stagelight import wire
    from stagelight.waterfall import text, tree

    if as_json:
        output.show_json(wire.traces_json(spans), lines=True)
        return
    screen = output.console()
    began = datetime.fromtimestamp(min(s.start_ns for s in spans) / 1e9).astimezone()
    service = output.safe(spans[0].resource.get("service.name") or "")
    screen.print(Text(f"{began:%H:%M:%S}  {service}  {spans[0].trace_id}", style="dim"))
    for line in text.render(tree.build(spans), width=screen.width, ids=ids).splitlines():
        screen.print(Text(line, style="red" if "✗" in line else ""), soft_wrap=True)
    screen.print()
