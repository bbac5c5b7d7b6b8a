"""`stagelight truth`: bring truth in, check the rules it is judged by, join it, and see how much is known."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stagelight import config
from stagelight.catalogue import durations
from stagelight.cli import kept, output
from stagelight.cli.problem import LOOK
from stagelight.cli.truth_intake import Intake
from stagelight.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.truth import Assessment, Rule, Rules

EPILOG = """\b
Examples:
  stagelight truth check outcome_truth_rules.yaml
  stagelight truth import cancellations.csv --event cancelled --map entity=customer_id
  stagelight truth import --from postgresql+psycopg://crm/db --query "select ..." --event paid
  stagelight truth join
  stagelight truth status"""

rules_option = click.option(
    "--rules", metavar="FILE", help="Another file than the one in `stagelight settings` (STAGELIGHT_TRUTH_RULES)."
)


@click.group(epilog=EPILOG)
def truth() -> None:
    """Bring in what turned out to be true, and judge predictions by it."""


@truth.command("import")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--format", "kind", type=click.Choice(["csv", "jsonl", "parquet"]), help="Of FILES; by their names if not given."
)
@click.option("--event", default="", help="The event of all records, where they name none.")
@click.option("--map", "pairs", multiple=True, metavar="OURS=THEIRS", help="Which of their columns is ours; repeat it.")
@click.option("--from", "source", default="", metavar="URL", help="SQLAlchemy address of a database to read from.")
@click.option("--query", default="", metavar="SQL", help="What to read there; its columns are ours, or mapped.")
@kept.store_option
@output.as_json
@click.pass_context
def import_(
    context: click.Context, /, files: tuple[str, ...], *, store: str | None, as_json: bool, **given: Any
) -> None:
    """Read truth from FILES (CSV, JSON lines, Parquet; `-` is stdin), or from another database, into the store.

    A record has the columns event, prediction_id or entity, observed_at (with its zone, or seconds since 1970), and as needed
    value, label, truth_id. Reading the same records again adds nothing.
    """
    from stagelight.truth import reading

    if bool(given["source"]) != bool(given["query"]) or bool(files) == bool(given["source"]):
        raise click.UsageError("give either FILES, or both --from and --query", context)
    settings = config.load(store=store)
    names = reading.named(given["pairs"])
    with kept.of_settings(settings, create=True) as opened:
        intake = Intake(opened, names, given["event"], settings.tenant, settings.workspace)
        for where, records in _sources(files, given["kind"] or "", given["source"], given["query"]):
            intake.read(where, records)
    if as_json:
        output.show_json({"read": intake.read_count, "new": intake.new, "refused": intake.refused})
    else:
        intake.tell()
    context.exit(LOOK if intake.refused else 0)


def _sources(
    files: tuple[str, ...], kind: str, source: str, query: str
) -> Iterator[tuple[str, Iterator[tuple[int, Any]]]]:
    from stagelight.truth import reading

    if source:
        from stagelight.store import foreign

        yield "row", foreign.rows(source, query)
    for name in files:
        if name == "-":
            if kind == "parquet":
                raise ConfigurationError("Parquet cannot be read from stdin; name a file")
            yield "stdin", reading.read_text(sys.stdin, kind or "jsonl")
        else:
            yield Path(name).name, reading.records(Path(name), kind)


@truth.command()
@click.argument("file", required=False)
@output.as_json
def check(*, file: str | None, as_json: bool) -> None:
    """Read the rules, and say what they mean, or what is wrong with them and where."""
    rules = _rules(file)
    if as_json:
        output.show_json(
            {name: rule.labelling.as_dict() | {"schedule": rule.schedule} for name, rule in rules.rules.items()}
        )
        return
    output.table(
        ("type", "joined", "truth", "within", "mature after", "without news"),
        [(rule.type, _schedule(rules, rule), _truth(rule), *_spans(rule)) for rule in rules.rules.values()],
    )


@truth.command()
@rules_option
@click.option("--type", "types", multiple=True, help="Of predictions; repeat it. All that have a rule if not given.")
@kept.store_option
@output.as_json
def join(*, rules: str | None, types: tuple[str, ...], store: str | None, as_json: bool) -> None:
    """Say of each prediction what it turned out to be, as far as that is known now; again changes nothing."""
    from stagelight.truth import join as joined

    read = _rules(rules)
    with kept.opened(store) as opened:
        report = joined(opened, read, types=types or None)
    if as_json:
        output.show_json(report)
        return
    output.table(
        ("type", "looked at", "written", "corrected"),
        [(one.type, f"{one.predictions:,}", f"{one.revisions:,}", f"{one.corrected:,}") for one in report.types],
        right=(1, 2, 3),
    )


@truth.command()
@rules_option
@click.option("--type", "types", multiple=True, help="Of predictions; repeat it. All that have a rule if not given.")
@kept.store_option
@output.as_json
def status(*, rules: str | None, types: tuple[str, ...], store: str | None, as_json: bool) -> None:
    """Show how much is known of each version's predictions, and how good it was, as of the last join."""
    from stagelight.truth import assess

    read = _rules(rules)
    with kept.opened(store) as opened:
        lines = [line for rule in read.of(types or None) for line in assess(opened, rule)]
    if as_json:
        output.show_json([line.as_dict() for line in lines])
        return
    if not lines:
        output.note("nothing is known yet; `stagelight truth join` joins truth to predictions")
        return
    output.table(
        (
            "type",
            "version",
            "predictions",
            "mature",
            "known",
            "lag",
            "accuracy",
            "expected",
            "calibration error",
            "verdict",
        ),
        [
            (
                line.type,
                line.model_version or "-",
                f"{line.coverage.predictions:,}",
                f"{line.coverage.mature:,}",
                _percent(line.coverage.ratio),
                durations.text(round(line.coverage.lag_seconds)) if line.coverage.lag_seconds is not None else "-",
                *_figures(line),
            )
            for line in lines
        ],
        right=(2, 3, 4, 5, 6, 7, 8),
    )


def _rules(path: str | None) -> Rules:
    from stagelight.truth.rules import load

    return load(path or config.load().truth_rules)


def _schedule(rules: Rules, rule: Rule) -> str:
    if not rule.schedule:
        return "when asked"
    schedule = rules.schedules[rule.schedule]
    return f"{rule.schedule}: {schedule.cron or 'every ' + durations.text(schedule.every_s)}"


def _truth(rule: Rule) -> str:
    found = rule.labelling
    least = f" ≥ {found.threshold:g}" if found.threshold is not None else ""
    return f"{found.kind} {', '.join(found.events)}{least}"


def _spans(rule: Rule) -> tuple[str, str, str]:
    found = rule.labelling
    silence = "no" if found.negative_on_maturity else "unknown"
    return durations.text(found.within_s), durations.text(found.maturity_s), silence


def _figures(assessment: Assessment) -> tuple[str, str, str, str]:
    current, verdict = assessment.current, assessment.verdict
    return (
        _percent(current.accuracy.value if current.accuracy else None),
        _percent(assessment.estimated.accuracy.value if assessment.estimated else None),
        f"{current.calibration_error.value:.3f}" if current.calibration_error else "-",
        f"{verdict.accuracy_status}/{verdict.calibration_status}",
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
