"""The root command; a command's module is imported when it is called, so that `--help` stays quick."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Never

import click

from stagelight._version import __version__
from stagelight.cli import problem
from stagelight.errors import StagelightError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence


class Entry(NamedTuple):
    """A command that is not imported yet."""

    home: str  #: `module:attribute`.
    help: str  #: Its line in the list of commands.


COMMANDS = {
    "serve": Entry("stagelight.cli.serve:serve", "Receive telemetry and show it on a local page."),
    "relay": Entry("stagelight.cli.relay:relay", "Take alert events alone, and post them to Alertmanager."),
    "run": Entry("stagelight.cli.run:run", "Run a Python program with telemetry on, and show it on the page."),
    "demo": Entry("stagelight.cli.demo:demo", "Run a real digit-reading pipeline and watch it on the page."),
    "tail": Entry("stagelight.cli.tail:tail", "Print traces as trees, as they finish."),
    "doctor": Entry("stagelight.cli.doctor:doctor", "Check the way from this program to the page, hop by hop."),
    "export": Entry("stagelight.cli.exporting:export", "Write traces, predictions, feedback or truth as JSON lines."),
    "import": Entry("stagelight.cli.importing:import_", "Read JSON lines that `export` or TRACE_LOG_FILE wrote."),
    "feedback": Entry("stagelight.cli.feedback:feedback", "Look into the model routers' queue, drain it, empty it."),
    "router": Entry("stagelight.cli.router:router", "Ask a model router's log what other policies would have earned."),
    "generate": Entry("stagelight.cli.generate:generate", "Write rules, dashboards and runbooks out of the catalogue."),
    "truth": Entry("stagelight.cli.truth:truth", "Bring in what turned out to be true, and judge predictions by it."),
    "db": Entry("stagelight.cli.db:db", "Back up, measure or empty the store."),
    "token": Entry("stagelight.cli.token:token", "Create, list and revoke the tokens that `serve` accepts."),
    "settings": Entry("stagelight.cli.settings:settings", "Show every setting in force and where it came from."),
    "completion": Entry("stagelight.cli.completion:completion", "Print the completion script of your shell."),
}

EPILOG = """\b
Examples:
  stagelight run app.py          run a program and see its traces
  stagelight serve               only the page; any OpenTelemetry SDK can send to it
  stagelight tail --errors       traces in the terminal, as they finish
  stagelight doctor              why does nothing arrive?

\b
Exit codes: 0 done; 1 done, but look; 2 failed or wrong usage; 3 out of reach.
`run` ends with the code of the program. NO_COLOR=1 turns colours off."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports each when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        """Import the command's module and return the command; None if there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].home.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's signature
        """List the commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was probably meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"no command {args[0]!r}.{did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of the rooms below becomes a `Problem`."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # click ends quietly when `| head` has seen enough
        except StagelightError as error:
            raise problem.of_room(error) from error
        except OSError as error:
            raise problem.of_system(error) from error

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> Never:  # type: ignore[override]  # always ends the process
        """Run the command line; every failure is one line on stderr and an exit code."""
        extra["standalone_mode"] = False
        try:
            code: object = super().main(args, prog_name, **extra)
        except click.ClickException as error:
            known = problem.of_click(error)
            known.show()
            code = known.exit_code
        except click.Abort:
            click.echo("stagelight: stopped before it was done.", err=True)
            code = problem.INTERRUPTED
        sys.exit(code if isinstance(code, int) else problem.DONE)


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="stagelight", message="%(prog)s %(version)s")
def cli() -> None:
    """Trace and observe AI and ML pipelines on OpenTelemetry."""


def run(arguments: Sequence[str] | None = None) -> Never:
    """Run the command line with `arguments`, the process's own if None, and exit with its code."""
    cli.main(arguments, "stagelight")
