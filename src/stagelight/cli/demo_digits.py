"""What `stagelight demo` shows of the digit-reading service: its slowest trace, its stages, what went wrong where."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click

from stagelight import _clock
from stagelight.catalogue.stages import STAGE_CALLS
from stagelight.cli import output
from stagelight.waterfall.text import render
from stagelight.waterfall.tree import build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.store import Store
    from stagelight.web.server import Serving

STAGE_HEADINGS: Final = ("stage", "calls", "errors", "p50 ms", "p95 ms", "p99 ms")


def summary(store: Store, since_ns: int, score: dict[str, Any], found: Serving) -> dict[str, Any]:
    """Return what the run left in `store` since `since_ns`: its slowest trace, its stages, what went wrong where."""
    from stagelight.store import TraceQuery

    rows = store.traces.search(TraceQuery(sort="slowest", since_ns=since_ns, limit=1)).rows
    slowest = store.traces.get(rows[0].trace_id) if rows else None
    return {
        "url": found.url,
        "score": score,
        "slowest": None if slowest is None else {"trace_id": rows[0].trace_id, "tree": render(build(slowest.spans))},
        "stages": [output.fields(row) for row in store.metrics.stages(since_ns, _clock.wall_ns())],
        "errors": errors(store, since_ns),
    }


def errors(store: Store, since_ns: int) -> list[dict[str, Any]]:
    """Return how often each stage failed and why, out of the stages' own counters."""
    counts: Counter[tuple[str, str]] = Counter()
    for reading in store.metrics.latest(STAGE_CALLS.name):
        if reading.time_ns >= since_ns and reading.labels.get("outcome") != "ok":
            counts[reading.labels["stage"], reading.labels["error_type"]] += int(reading.value)
    return [{"stage": stage, "error": error, "calls": calls} for (stage, error), calls in counts.most_common() if calls]


def show(seen: dict[str, Any]) -> None:
    """Print a summary for people."""
    score = seen["score"]
    total = sum(score["statuses"].values())
    click.echo(f"\n{total} requests in {score['seconds']:.1f} s: " + _listed(score["statuses"]) + ".")
    click.echo("Right answers: " + _listed({name: f"{share:.1%}" for name, share in score["accuracy"].items()}) + ".")
    if not score["delivered"]:
        output.note("Not all of its telemetry arrived; what stands above says why.")
    if seen["slowest"] is not None:
        click.echo(
            f"\nThe slowest trace: {seen['url']}/traces/{seen['slowest']['trace_id']}\n{seen['slowest']['tree']}"
        )
    click.echo()
    output.table(STAGE_HEADINGS, [_stage_cells(row) for row in seen["stages"]], right=range(1, len(STAGE_HEADINGS)))
    click.echo("\nWhat went wrong")
    output.table(("stage", "error", "calls"), [list(row.values()) for row in seen["errors"]], right=[2])
    click.echo(f"\nThe page: {seen['url']}")
    output.note("Next: `stagelight demo --example rl_feedback_loop` shows a model router learn from its users.")


def _listed(counts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _stage_cells(row: dict[str, Any]) -> list[str]:
    times = [row[name] for name in ("p50_ms", "p95_ms", "p99_ms")]
    shown = ["–" if value is None else f"{value:.2f}" for value in times]
    return [row["stage"], f"{row['calls']:.0f}", f"{row['error_ratio']:.1%}", *shown]
