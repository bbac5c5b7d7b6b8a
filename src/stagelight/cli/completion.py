"""`stagelight completion`: the script that makes TAB work."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from stagelight.cli.problem import Problem

EPILOG = """\b
Examples:
  eval "$(stagelight completion bash)"                                      this session, or in ~/.bashrc
  eval "$(stagelight completion zsh)"                                       in ~/.zshrc
  stagelight completion fish > ~/.config/fish/completions/stagelight.fish"""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL."""
    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover  click has the three
        raise Problem(f"this click completes no {shell}.")
    try:
        click.echo(kind(context.find_root().command, {}, "stagelight", "_STAGELIGHT_COMPLETE").source())
    except RuntimeError as error:  # click wants a bash of 4.4 or later
        raise Problem(str(error)) from error
