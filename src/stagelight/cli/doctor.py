"""`stagelight doctor`: the findings, and what to do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from stagelight.cli import output

if TYPE_CHECKING:
    from rich.console import Console

    from stagelight.doctor import Finding

MARKS: Final = {"good": ("✓", "green"), "warning": ("!", "yellow"), "failure": ("✗", "red"), "unchecked": ("?", "cyan")}
WIDTH: Final = 18

EPILOG = """\b
Examples:
  stagelight doctor
  OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 stagelight doctor --json | jq -r .verdict

\b
Run it with the variables of the program in question. It sends one span and one metric; where it is told the addresses
(STAGELIGHT_TEMPO_URL, STAGELIGHT_PROMETHEUS_URL, STAGELIGHT_ALERTMANAGER_URLS) it looks for them behind the collector.
Exit codes: 0 all good; 1 a warning; 2 a failure; 3 something could not be checked."""


@click.command(epilog=EPILOG)
@output.as_json
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> None:
    """Check the way from this program to the page, hop by hop."""
    from stagelight.doctor import Report, examine  # loads the SDK

    screen = None if as_json else output.console()
    found: list[Finding] = []
    for finding in examine():
        found.append(finding)
        if screen is not None:
            _show(screen, finding)
    report = Report(tuple(found))
    if as_json:
        findings = [output.fields(finding) for finding in found]
        said = {"verdict": report.verdict, "exit_code": report.code, "lost_at": report.lost_at, "findings": findings}
        output.show_json(said)
    context.exit(report.code)


def _show(screen: Console, finding: Finding) -> None:
    from rich.text import Text

    mark, colour = MARKS[finding.verdict]
    line = Text.assemble((f"{mark} ", colour), (f"{finding.hop:<{WIDTH}}", "bold"), output.safe(finding.found))
    screen.print(line, soft_wrap=True)
    if finding.advice:
        screen.print(Text(f"{'':{WIDTH + 2}}{output.safe(finding.advice)}", style=colour), soft_wrap=True)
