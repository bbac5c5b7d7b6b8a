"""What `stagelight demo --example rl_feedback_loop` shows: which model the router chose over time, and what that was worth."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from stagelight import _clock
from stagelight.cli import output
from stagelight.store.loop import consumer_of
from stagelight.waterfall.text import render
from stagelight.waterfall.tree import build
from stagelight.wire import conventions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagelight.store import Store
    from stagelight.store.model import TraceSummary
    from stagelight.web.server import Serving

SETTINGS: Final = {"enable_trajectory_feedback_loop": True, "rl_feedback_loop_interval_seconds": 0.25}
LEARNED_S: Final = 20.0  #: How long the loop may take for what is left when the last user has spoken.
LOOK_S: Final = 0.1
STEPS: Final = 40  #: Of the picture; a character each.
LATE: Final = 4  #: Steps.
BLOCKS: Final = " ▁▂▃▄▅▆▇█"
CHANGE: Final = "┊"
HEADINGS: Final = ("model", "ms", "scans", "photographs", "all", "chosen: scans", "photographs")


def summary(store: Store, since_ns: int, score: dict[str, Any], found: Serving) -> dict[str, Any]:
    """Return what the run left in `store` since `since_ns`: shares of the arms over time, the queue, a judged trace."""
    router = score["router"]
    _learned(store, router)
    notes = [note for note in store.loop_reports.policies() if note.router == router]
    return {
        "url": found.url,
        "score": score,
        "accuracy": accuracies(score["halves"]),
        "shares": shares(store, router, since_ns, score["halves"][0]["requests"]),
        "policy": asdict(notes[0]) if notes else None,
        "queue": asdict(store.loop_reports.queue(consumer_of(router))),
        "trace": judged(store, since_ns),
    }


def _learned(store: Store, router: str) -> None:
    """Wait until the loop has learned what it was told, for a while."""
    deadline, pause = _clock.monotonic_ns() + int(LEARNED_S * 1e9), threading.Event()
    while store.deliveries.depth(consumer_of(router)) and _clock.monotonic_ns() < deadline:
        pause.wait(LOOK_S)


def accuracies(halves: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the share of right answers in each half and in all: of the router, and of each model alone.

    >>> half = {"requests": 10, "right": 9, "alone": {"small": 7}}
    >>> accuracies([half, {"requests": 10, "right": 7, "alone": {"small": 2}}])["small"]
    {'first': 0.7, 'second': 0.2, 'all': 0.45}
    """
    first, second = halves
    right = {"router": (first["right"], second["right"])}
    right |= {name: (first["alone"][name], second["alone"][name]) for name in first["alone"]}
    asked = [max(1, half["requests"]) for half in halves]  # of a single request the second half has none
    total = first["requests"] + second["requests"]
    return {
        name: {"first": a / asked[0], "second": b / asked[1], "all": (a + b) / total} for name, (a, b) in right.items()
    }


def shares(store: Store, router: str, since_ns: int, change: int) -> dict[str, Any]:
    """Return the share of each arm in each step of the run, and the step in which decision number `change` fell."""
    reports, now = store.loop_reports, _clock.wall_ns() + 1
    rough = reports.arm_shares(router, since_ns, now, max(1, (now - since_ns) // 1000))
    if not rough:
        return {"arms": {}, "change": 0}
    begin, end = rough[0].time_ns, rough[-1].time_ns + max(1, (now - since_ns) // 1000)
    step = -(-(end - begin) // STEPS)
    arms: dict[str, list[float]] = {}
    counts = [0] * STEPS
    for point in reports.arm_shares(router, begin, end, step):
        at = (point.time_ns - begin) // step
        arms.setdefault(point.arm, [0.0] * STEPS)[at] = point.share
        counts[at] += point.decisions
    before = [sum(counts[: at + 1]) for at in range(STEPS)]
    return {"arms": dict(sorted(arms.items())), "change": sum(count <= change for count in before)}


def judged(store: Store, since_ns: int) -> dict[str, str] | None:
    """Return a trace in which a user's feedback can be seen soon after the answer; None where there is none."""
    from stagelight.store import TraceQuery

    spoken = {conventions.OPENINFERENCE_SPAN_KIND: "EVALUATOR"}
    rows = store.traces.search(TraceQuery(attributes=spoken, since_ns=since_ns, limit=200)).rows
    soon: TraceSummary | None = min(
        (row for row in rows if row.span_count > 1), key=lambda row: row.duration_ns, default=None
    )
    trace = store.traces.get(soon.trace_id) if soon else None
    return {"trace_id": soon.trace_id, "tree": render(build(trace.spans))} if soon and trace else None


def show(seen: dict[str, Any]) -> None:
    """Print a summary for people."""
    score = seen["score"]
    told = ", ".join(f"{act} {count}" for act, count in sorted(score["feedback"].items()))
    click.echo(f"\n{score['requests']} requests in {score['seconds']:.1f} s; users: {told}.")
    if not score["delivered"]:
        output.note("Not all of its telemetry arrived; what stands above says why.")
    _picture(seen["shares"])
    _table(seen)
    click.echo(f"\n{verdict(seen['accuracy'], score['halves'])}")
    queue, policy = seen["queue"], seen["policy"]
    click.echo(
        f"Queue: {queue['done']} rewards learned, {queue['waiting'] + queue['leased']} waiting, {queue['dead']} dead; "
        f"policy {policy['kind']}, version {policy['version']}."
        if policy
        else "Nothing was learned: is the loop on?"
    )
    if seen["trace"]:
        click.echo(f"\nA judged trace: {seen['url']}/traces/{seen['trace']['trace_id']}\n{seen['trace']['tree']}")
    click.echo(f"\nThe page: {seen['url']}/feedback")


def _picture(found: Mapping[str, Any]) -> None:
    """Print each arm's share over time as a line of blocks, the moment of the change marked."""
    width = max(map(len, found["arms"]), default=0)
    click.echo(f"\n{'':{width}}  {'scans':<{found['change']}}{CHANGE}photographs")
    for arm, row in found["arms"].items():
        line = blocks(row)
        late = sum(row[-LATE:]) / LATE
        click.echo(f"{arm:{width}}  {line[: found['change']]}{CHANGE}{line[found['change'] :]}  {late:.0%} of late")


def blocks(values: Sequence[float]) -> str:
    """Return shares as a line of blocks.

    >>> blocks([0.0, 0.02, 0.5, 1.0])
    ' ▁▄█'
    """
    return "".join(BLOCKS[-int(-value * (len(BLOCKS) - 1) // 1)] for value in values)


def _table(seen: Mapping[str, Any]) -> None:
    """Print what each model alone would have got right, how often it was chosen, and the router below them."""
    score, rows = seen["score"], []
    for name in [*score["milliseconds"], "router"]:
        right = [f"{seen['accuracy'][name][part]:.1%}" for part in ("first", "second", "all")]
        chosen = [
            f"{half['chosen'].get(name, 0) / max(1, half['requests']):.0%}" if name != "router" else ""
            for half in score["halves"]
        ]
        price = f"{score['milliseconds'][name]:.1f}" if name != "router" else ""
        rows.append(("with the router" if name == "router" else name, price, *right, *chosen))
    click.echo("\nRight answers, had one model read everything")
    output.table(HEADINGS, rows, right=range(1, len(HEADINGS)))


def verdict(accuracy: Mapping[str, Mapping[str, float]], halves: Sequence[Mapping[str, Any]]) -> str:
    """Return in a sentence what the router was worth, against the model that anybody would have chosen after the first half."""
    alone = halves[0]["alone"]
    best = max(alone, key=alone.__getitem__)
    ours, theirs = accuracy["router"]["all"], accuracy[best]["all"]
    return (
        f"The router was right in {ours:.1%}. {best}, the best model of the first half, "
        f"would have been right in {theirs:.1%}: {100 * (ours - theirs):+.1f} points."
    )
