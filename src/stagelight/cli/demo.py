"""`stagelight demo`: an example in a child, its page in this process, and what there is to see at the end."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from stagelight import _clock, config
from stagelight.cli import demo_digits, demo_feedback, demo_lag, output, serving
from stagelight.cli.problem import Problem
from stagelight.cli.run import program_variables
from stagelight.cli.signals import told
from stagelight.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stagelight.store import Store
    from stagelight.web.server import Serving

NAME: Final = "digits"


class Shown(NamedTuple):
    """How an example is run and shown."""

    summary: Callable[[Store, int, dict[str, Any], Serving], dict[str, Any]]  #: What it left in the store.
    show: Callable[[dict[str, Any]], None]  #: Print that for people.
    requests: int  #: How many make a good picture.
    settings: Mapping[str, Any]  #: What its page needs beside the settings in force.
    keeps: bool = False  #: It writes into the page's store itself, as a program does whose tasks run beside it.


EXAMPLES: Final = {
    NAME: Shown(demo_digits.summary, demo_digits.show, 2000, {}),
    "rl_feedback_loop": Shown(demo_feedback.summary, demo_feedback.show, 1400, demo_feedback.SETTINGS),
    "label_lag": Shown(demo_lag.summary, demo_lag.show, 48, demo_lag.SETTINGS, keeps=True),
}

EPILOG = """\b
Examples:
  stagelight demo                     watch it on the page; Ctrl-C ends it
  stagelight demo --once              print what there is to see, and end
  stagelight demo --store demo.db     keep what it leaves, for `stagelight serve --store demo.db`
  stagelight demo --example rl_feedback_loop
                                      watch a model router learn from its users, and follow a change
  stagelight demo --example label_lag
                                      two weeks of a model whose labels come late: what is known when"""


@click.command(epilog=EPILOG)
@click.option(
    "--example", "name", type=click.Choice(list(EXAMPLES)), default=NAME, show_default=True, help="What to run."
)
@click.option("--once", is_flag=True, help="End when the requests are served, instead of keeping the page open.")
@click.option(
    "--requests",
    type=click.IntRange(1, 1_000_000),
    help="How many to serve; 2000, 1400, or 48 a day, as the example is.",
)
@serving.page_options
@output.as_json
def demo(
    host: str | None, port: int | None, store: str | None, *, name: str, once: bool, requests: int | None, as_json: bool
) -> None:
    """Read some thousand handwritten digits with models trained on the spot, and watch the pipeline on a local page.

    Everything is real: the images, the models, the damaged uploads that are refused, the large ones that take too long.
    In the second example a router chooses among the models, and learns from what users say of the answers. In the third
    labels come days after the answers, some never: drift is seen before them, a change of what they mean only with them.
    """
    folder, shown = example(name), EXAMPLES[name]
    with _kept(store) as path:
        settings = serving.page_settings(host, port, path, **shown.settings)
        from stagelight.store import open_store
        from stagelight.web import server

        with server.running(settings) as found:
            serving.tell(found)
            since = _clock.wall_ns()
            score = _served(folder, requests or shown.requests, found, keeps=shown.keeps)
            with open_store(settings.store) as kept:
                seen = shown.summary(kept, since, score, found)
            (output.show_json if as_json else shown.show)(seen)
            if not once:
                with told() as stop:  # before the note, which invites Ctrl-C
                    output.note(f"\nThe page stays on {found.url} until Ctrl-C.")
                    stop.wait()


def example(name: str = NAME) -> Path:
    """Return the folder of an example: the checkout's where there is one, else the one that the wheel carries.

    Raises:
        Problem: Neither is there.
        MissingExtraError: scikit-learn is not installed.
    """
    package = Path(__file__).parents[1]
    for folder in (package.parents[1] / "examples" / name, package / "_examples" / name):
        if (folder / "__main__.py").is_file():
            break
    else:
        raise Problem(f"this installation has no examples. Install the wheel, or use a checkout with examples/{name}.")
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


def child(folder: Path, requests: int, found: Serving, *, keeps: bool = False) -> subprocess.Popen[str]:
    """Start the example in `folder` as anybody would start their own program, with all it tells sent to the page."""
    variables = program_variables(config.variables(), found)
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder.parent), variables.get("PYTHONPATH"))))
    if keeps:
        variables["STAGELIGHT_STORE"] = found.store
    variables.setdefault("OMP_NUM_THREADS", "1")  # the models are small; their threads would only fight for the cores
    command = [sys.executable, "-m", folder.name, "--requests", str(requests), "--progress"]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own example


def _served(folder: Path, requests: int, found: Serving, *, keeps: bool = False) -> dict[str, Any]:
    """Run the example to its end, its progress as a bar on stderr, and return its score.

    Raises:
        Problem: It ended without one.
    """
    score: dict[str, Any] = {}
    with child(folder, requests, found, keeps=keeps) as program, progress(requests) as done:
        try:
            for line in program.stdout or ():
                said = json.loads(line)
                done(said.get("done", requests), said.get("of", requests))
                score = said
        except BaseException:
            program.kill()
            raise
    if "delivered" not in score:
        raise Problem(f"the example ended with exit code {program.returncode}; what went wrong stands above.")
    return score


@contextmanager
def progress(total: int) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr where that is a terminal; call what is given with the number done so far, and of how many."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = output.console(err=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("training", total=None)

        def done(count: int, of: int = total) -> None:
            bar.update(task, description="reading digits", completed=count, total=of)

        yield done
