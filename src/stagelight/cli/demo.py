"""`stagelight demo`: the digit-reading example in a child, its page in this process, and what there is to see at the end."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from stagelight import _clock, config
from stagelight.catalogue.stages import STAGE_CALLS
from stagelight.cli import output, serving
from stagelight.cli.problem import Problem
from stagelight.cli.run import program_variables
from stagelight.cli.signals import told
from stagelight.errors import MissingExtraError
from stagelight.waterfall.text import render
from stagelight.waterfall.tree import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stagelight.store import Store
    from stagelight.web.server import Serving

REQUESTS: Final = 2000
NAME: Final = "digits"
STAGE_HEADINGS: Final = ("stage", "calls", "errors", "p50 ms", "p95 ms", "p99 ms")

EPILOG = """\b
Examples:
  stagelight demo                     watch it on the page; Ctrl-C ends it
  stagelight demo --once              print what there is to see, and end
  stagelight demo --store demo.db     keep what it leaves, for `stagelight serve --store demo.db`"""


@click.command(epilog=EPILOG)
@click.option("--once", is_flag=True, help="End when the requests are served, instead of keeping the page open.")
@click.option(
    "--requests", type=click.IntRange(1, 1_000_000), default=REQUESTS, show_default=True, help="How many to serve."
)
@serving.page_options
@output.as_json
def demo(host: str | None, port: int | None, store: str | None, *, once: bool, requests: int, as_json: bool) -> None:
    """Read some thousand handwritten digits with models trained on the spot, and watch the pipeline on a local page.

    Everything is real: the images, the models, the damaged uploads that are refused, the large ones that take too long.
    """
    folder = example()
    with _kept(store) as path:
        settings = serving.page_settings(host, port, path)
        from stagelight.store import open_store
        from stagelight.web import server

        with server.running(settings) as found:
            serving.tell(found)
            since = _clock.wall_ns()
            score = _served(folder, requests, found)
            with open_store(settings.store) as kept:
                seen = summary(kept, since, score, found)
            (output.show_json if as_json else show)(seen)
            if not once:
                with told() as stop:  # before the note, which invites Ctrl-C
                    output.note(f"\nThe page stays on {found.url} until Ctrl-C.")
                    stop.wait()


def example() -> Path:
    """Return the folder of the example: the checkout's where there is one, else the one that the wheel carries.

    Raises:
        Problem: Neither is there.
        MissingExtraError: scikit-learn is not installed.
    """
    package = Path(__file__).parents[1]
    for folder in (package.parents[1] / "examples" / NAME, package / "_examples" / NAME):
        if (folder / "__main__.py").is_file():
            break
    else:
        raise Problem("this installation has no examples. Install the wheel, or use a checkout with examples/digits.")
    if not _installed("sklearn"):
        raise MissingExtraError("demo", "stagelight demo")
    return folder


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


@contextmanager
def _kept(store: str | None) -> Iterator[str | None]:
    """Give the store to use: the one that was asked for or set, else one that is forgotten at the end."""
    if store or config.load().store:
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="stagelight-demo-") as folder:
        yield str(Path(folder) / "demo.db")


def child(folder: Path, requests: int, found: Serving) -> subprocess.Popen[str]:
    """Start the example in `folder` as anybody would start their own program, with all it tells sent to the page."""
    variables = program_variables(config.variables(), found)
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder.parent), variables.get("PYTHONPATH"))))
    variables.setdefault("OMP_NUM_THREADS", "1")  # the models are small; their threads would only fight for the cores
    command = [sys.executable, "-m", NAME, "--requests", str(requests), "--progress"]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own example


def _served(folder: Path, requests: int, found: Serving) -> dict[str, Any]:
    """Run the example to its end, its progress as a bar on stderr, and return its score.

    Raises:
        Problem: It ended without one.
    """
    score: dict[str, Any] = {}
    with child(folder, requests, found) as program, progress(requests) as done:
        try:
            for line in program.stdout or ():
                said = json.loads(line)
                done(said.get("done", requests))
                score = said
        except BaseException:
            program.kill()
            raise
    if "statuses" not in score:
        raise Problem(f"the example ended with exit code {program.returncode}; what went wrong stands above.")
    return score


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr where that is a terminal; call what is given with the number done so far."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = output.console(err=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("training three models", total=None)

        def done(count: int) -> None:
            bar.update(task, description="reading digits", completed=count, total=total)

        yield done


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


def _listed(counts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _stage_cells(row: dict[str, Any]) -> list[str]:
    times = [row[name] for name in ("p50_ms", "p95_ms", "p99_ms")]
    shown = ["–" if value is None else f"{value:.2f}" for value in times]
    return [row["stage"], f"{row['calls']:.0f}", f"{row['error_ratio']:.1%}", *shown]
