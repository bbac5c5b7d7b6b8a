"""What a command ends with: four exit codes, and one line on stderr that says what to do next.

```
0  done; all is well
1  done, and something wants a look (a warning of `doctor`, rows refused by `import`)
2  not done: a wrong argument or setting, a refused file, a failed check
3  could not be tried: the store, the server or the file is out of reach
```

Ctrl-C ends `serve` and `tail` with 0, any other command with 130. `stagelight run` ends with the code of the program it ran.
"""

from __future__ import annotations

import errno
from typing import IO, Any, Final

import click

from stagelight.errors import (
    MissingExtraError,
    StagelightError,
    StoreFullError,
    StoreUnavailableError,
    StoreVersionError,
)

DONE: Final = 0
LOOK: Final = 1
FAILED: Final = 2
OUT_OF_REACH: Final = 3
INTERRUPTED: Final = 130  #: As a shell counts Ctrl-C.


class Problem(click.ClickException):
    """A command cannot go on; shown as one line `stagelight: …`."""

    def __init__(self, message: str, *, code: int = FAILED) -> None:
        """Say what happened and what to do next in `message`; end with `code`."""
        super().__init__(" ".join(message.split()))
        vars(self)["exit_code"] = code  # click declares it for the class, and reads it from the instance

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line on stderr."""
        click.echo(f"stagelight: {self.message}", file=file, err=file is None)


def of_click(error: click.ClickException) -> Problem:
    """Return the line for a wrong option or argument; its next step is the command's `--help`."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return Problem(f"{_sentence(error)} See `{error.ctx.command_path} --help`.")
    return Problem(_sentence(error))


def _sentence(error: click.ClickException) -> str:
    message = error.format_message()
    return message if message.endswith((".", "?", "!", ")")) else f"{message}."


def of_room(error: StagelightError) -> Problem:
    """Return the line and the exit code for an error of the rooms below."""
    if isinstance(error, StoreUnavailableError):
        return Problem(f"{error}. Is the path right and writable? `stagelight settings` shows it.", code=OUT_OF_REACH)
    if isinstance(error, StoreFullError):
        return Problem(f"{error}. `stagelight db size` shows what fills it; STAGELIGHT_STORE_MAX_BYTES raises the cap.")
    if isinstance(error, StoreVersionError | MissingExtraError):
        return Problem(str(error))
    return Problem(f"{error}")


def of_system(error: OSError) -> Problem:
    """Return the line for a file, a folder or a port that the system refused."""
    where = f"{error.filename}: " if error.filename else ""
    what = error.strerror or type(error).__name__
    step = {
        errno.ENOENT: " Check the path.",
        errno.EACCES: " Check its owner and mode, or choose another path.",
        errno.EISDIR: " Name a file, not a folder.",
        errno.ENOSPC: " Free some space and try again.",
    }.get(error.errno or 0, "")
    return Problem(f"{where}{what}.{step}", code=OUT_OF_REACH)
