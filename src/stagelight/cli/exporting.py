"""`stagelight export`: the store's rows as JSON lines."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from stagelight.cli import kept, output
from stagelight.cli.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.store import Store
    from stagelight.wire.records import SpanRecord

KINDS = ("traces", "predictions", "feedback", "decisions", "truth")

EPILOG = """\b
Examples:
  stagelight export traces --out traces.jsonl
  stagelight export traces --trace 4bf92f3577b34da6a3ce929d0e0e4736 | jq .
  stagelight export feedback | stagelight import - --store other.db
  stagelight export feedback --retraining --format parquet --out judged.parquet

\b
Traces are OTLP JSON, a request a line: a collector's file receiver reads them too."""


@click.command(epilog=EPILOG)
@click.argument("kind", type=click.Choice(KINDS))
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write here, in one step, instead of to stdout."
)
@click.option("--trace", "trace_ids", multiple=True, metavar="ID", help="Only this trace; several are possible.")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--retraining", is_flag=True, help="Of feedback: each with the features and the output it judges.")
@click.option(
    "--personal", is_flag=True, help="With --retraining: who it was about, who judged, and what they wrote too."
)
@click.option("--format", "form", type=click.Choice(("jsonl", "parquet")), default="jsonl", help="Of --retraining.")
@kept.store_option
def export(
    *,
    kind: str,
    out: Path | None,
    trace_ids: tuple[str, ...],
    tenant: str | None,
    retraining: bool,
    personal: bool,
    form: str,
    store: str | None,
) -> None:
    """Write the KIND of rows that the store holds as JSON lines."""
    if retraining or personal or form != "jsonl":
        _retraining(kind, out, tenant, store, form=form, asked=retraining, personal=personal)
        return
    if trace_ids and kind != "traces":
        raise Problem(f"--trace goes with `export traces`, not with {kind}.")
    with kept.opened(store) as opened, _target(out) as file:
        lines = output.counted(_lines(opened, kind, trace_ids, tenant), kind, total=_total(opened, kind, trace_ids))
        number = sum(_write(file, line) for line in lines)
    if out is not None:
        output.note(f"{out}: {number:,} {kind}")


def _retraining(
    kind: str, out: Path | None, tenant: str | None, store: str | None, *, form: str, asked: bool, personal: bool
) -> None:
    """Write judged predictions for the next training."""
    from stagelight.feedback import retraining

    if kind != "feedback" or not asked:
        raise Problem("--personal and --format go with `export feedback --retraining`.")
    if form == "parquet" and out is None:
        raise Problem("a Parquet file needs a name: --out judged.parquet")
    with kept.opened(store) as opened, _target(out) as file:
        examples = opened.opinions.examples(tenant=tenant, personal=personal)
        if form == "parquet":
            number = retraining.write_parquet(examples, file, personal=personal)
        else:
            number = sum(_write(file, retraining.line(example, personal=personal)) for example in examples)
    if out is not None:
        output.note(f"{out}: {number:,} judged predictions")


def _total(store: Store, kind: str, trace_ids: tuple[str, ...]) -> int:
    return len(trace_ids) or int(getattr(store.admin.size(), kind))


def _lines(store: Store, kind: str, trace_ids: tuple[str, ...], tenant: str | None) -> Iterator[dict[str, Any]]:
    from stagelight import wire
    from stagelight.sink.codec import to_json

    if kind == "traces":
        chosen = _chosen(store, trace_ids, tenant) if trace_ids else store.traces.export(tenant=tenant)
        yield from (wire.traces_json(spans) for spans in chosen)
    else:
        rows = store.rows.export(kind)  # type: ignore[arg-type]  # click has checked it
        yield from (to_json(row) for row in rows if tenant in (None, row.tenant))


def _chosen(store: Store, trace_ids: tuple[str, ...], tenant: str | None) -> Iterator[list[SpanRecord]]:
    for trace_id in trace_ids:
        found = store.traces.get(trace_id, tenant=tenant)
        if found is None:
            raise Problem(
                f"no trace {trace_id!r}: it never arrived, or it has expired. `stagelight tail --last 9 --no-follow` shows the latest."
            )
        yield list(found.spans)


def _write(file: IO[bytes], line: dict[str, Any]) -> int:
    text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate has no UTF-8; as an escape it is legal JSON.
    file.write(text.encode("utf-8", "backslashreplace") + b"\n")
    return 1


@contextmanager
def _target(out: Path | None) -> Iterator[IO[bytes]]:
    """Stdout, or a file that appears under its name only when it is whole."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink()
        raise
