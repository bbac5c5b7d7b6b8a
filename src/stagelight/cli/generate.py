"""`stagelight generate`: rules, rule tests, dashboards, runbooks and the metric reference, out of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stagelight.cli import output
from stagelight.cli.problem import LOOK, OUT_OF_REACH, Problem
from stagelight.errors import UnreachableError

if TYPE_CHECKING:
    from stagelight.generate.plan import Plan
    from stagelight.generate.renames import Broken

CHECKOUT = "src/stagelight/catalogue"

EPILOG = """\b
Examples:
  stagelight generate                     in a checkout: write what is committed
  stagelight generate --check             is what is committed what the catalogue says?
  stagelight generate --to ./monitoring   anywhere: write everything there
  stagelight generate --to ./monitoring --overrides stagelight.overrides.yaml
  stagelight generate diff                what breaks by names that are gone
  stagelight generate check-live http://localhost:9090

\b
A file of overrides changes threshold, minimum, window, short, before, for, severity or
enabled of an alert, and objective, days, minimum or enabled of a promise:
  alerts:
    StagelightStageSlow: {threshold: 2.5, for: 5m, severity: page}
  slos:
    StagelightStageSuccess: {objective: 0.995}
  runbooks: https://example.org/runbooks/"""

folder = click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder; else the checkout you are in.",
)
overrides = click.option(
    "--overrides",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What you want otherwise; else DIR/stagelight.overrides.yaml, if it is there.",
)


@click.group(epilog=EPILOG, invoke_without_command=True)
@folder
@overrides
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is not what the catalogue says.")
@click.pass_context
def generate(ctx: click.Context, *, to: Path | None, overrides: Path | None, check: bool) -> None:
    """Write rules and their tests, dashboards, runbooks and the metric reference."""
    if ctx.invoked_subcommand:
        return
    from stagelight.generate import everything

    target = _folder(to)
    wanted = everything.texts(_plan(target, overrides))
    if check:
        behind = everything.differing(target, wanted)
        for path in behind:
            click.echo(path)
        if behind:
            raise Problem(f"{len(behind)} files are not what the catalogue says; `stagelight generate` writes them.")
        output.note(f"{len(wanted)} files are what the catalogue says")
        return
    for path in everything.write(target, wanted):
        click.echo(path)
    output.note(f"{len(wanted)} files in {target}")


@generate.command
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--in", "folders", type=click.Path(exists=True, file_okay=False, path_type=Path), multiple=True, metavar="DIR",
    help="Look here too: your own dashboards and rules.",
)  # fmt: skip
@folder
@overrides
@output.as_json
def diff(
    *, names: tuple[str, ...], folders: tuple[Path, ...], to: Path | None, overrides: Path | None, as_json: bool
) -> None:
    """Show what reads NAMEs, or else what the files written last time know and the catalogue has no more.

    A NAME is a metric, a label as `metric{label}`, or an alert. Ends with 1 if something would break.
    """
    from stagelight.generate import renames

    target = _folder(to)
    plan = _plan(target, overrides)
    wanted = [_name(name) for name in names] or renames.gone(target, plan)
    found = renames.broken(wanted, [target, *folders], plan)
    if as_json:
        output.show_json(found)
    else:
        _show(found)
    if any(one.rows or one.uses for one in found):
        click.get_current_context().exit(LOOK)


@generate.command("check-live")
@click.argument("url")
@click.option("--all", "every", is_flag=True, help="Show what is fine, too.")
@output.as_json
def check_live(*, url: str, every: bool, as_json: bool) -> None:
    """Compare the names and labels that the Prometheus at URL has with the catalogue.

    Ends with 1 if a metric is renamed on its way, lacks a label, or is ours and unknown.
    """
    from stagelight.egress import Client
    from stagelight.generate import live

    try:
        found = live.compare(Client(url))
    except UnreachableError as error:
        raise Problem(
            f"{error}. Is this Prometheus' own address, as http://localhost:9090?", code=OUT_OF_REACH
        ) from error
    if as_json:
        output.show_json(found)
    else:
        shown = [finding for finding in found if every or finding.verdict != "fine"]
        output.table(("metric", "verdict", ""), ((one.metric, one.verdict, one.says) for one in shown))
        output.note(f"{sum(one.verdict == 'fine' for one in found)} of {len(found)} are as the catalogue says")
    if any(finding.wrong for finding in found):
        click.get_current_context().exit(LOOK)


def _folder(to: Path | None) -> Path:
    """Where to write: the folder that was named, or the checkout one stands in."""
    if to is not None:
        return to
    if (Path.cwd() / CHECKOUT).is_dir():
        return Path.cwd()
    raise Problem("this is no checkout of stagelight: say where to write with --to DIR.")


def _plan(target: Path, overrides: Path | None) -> Plan:
    from stagelight.generate.overrides import FILE, plan, read

    lying_there = target / FILE
    path = overrides or (lying_there if lying_there.is_file() else None)
    return plan(read(path) if path else None)


def _name(text: str) -> Any:
    from stagelight.generate.renames import Name

    name, _, label = text.partition("{")
    return Name(name, label.rstrip("}"))


def _show(found: list[Broken]) -> None:
    for one in found:
        click.echo(output.safe(" ".join(part for part in (f"{one.name}:", one.hint) if part)))
        for row in one.rows:
            click.echo(f"  {row}")
        for use in one.uses:
            click.echo(output.safe(f"  {use.path}:{use.line}" + (" (generated)" if use.generated else "")))
        if not (one.rows or one.uses):
            click.echo("  nothing reads it")
    if not found:
        output.note("no name is gone")
