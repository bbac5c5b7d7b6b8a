"""The real console script in processes, and click's runner where one process is enough; a state folder for each test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from click.testing import Result

SCRIPT = Path(sys.executable).with_name("stagelight")
SECONDS = 30.0  #: In which a process must say what a test waits for.


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def call() -> Callable[..., Result]:
    """Call the command line in this process: `call("db", "size")`."""
    from stagelight.cli.main import cli

    def run(*arguments: object, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli, [str(a) for a in arguments], input=stdin, prog_name="stagelight")

    return run


class Process:
    """A console script that runs, and what it has said so far."""

    def __init__(self, arguments: Sequence[object], variables: dict[str, str]) -> None:
        self.popen = subprocess.Popen(
            [str(SCRIPT), *map(str, arguments)],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that Ctrl-C can be sent to it and its children, as a terminal does
        )
        self._said = {"out": "", "err": ""}
        self._news = threading.Condition()
        self.news = threading.Event()  # never set; to wait a moment on
        self._readers = [
            threading.Thread(target=self._read, args=(name, pipe))
            for name, pipe in (("out", self.popen.stdout), ("err", self.popen.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, pipe: Iterator[str]) -> None:
        for line in pipe:
            with self._news:
                self._said[name] += line
                self._news.notify_all()

    @property
    def out(self) -> str:
        """What it wrote to stdout."""
        return self._said["out"]

    @property
    def err(self) -> str:
        """What it wrote to stderr."""
        return self._said["err"]

    def until(self, text: str) -> str:
        """Wait until it says `text`, and return the line with it."""

        def line() -> str | None:
            return next((x for x in (self.out + self.err).splitlines() if text in x), None)

        with self._news:
            found = self._news.wait_for(line, SECONDS)
        assert found, f"{text!r} was not said in {self.out!r} {self.err!r}"
        return found

    def ctrl_c(self) -> None:
        """Interrupt it and all its children."""
        os.killpg(self.popen.pid, signal.SIGINT)

    def ended(self) -> int:
        """Wait for its end, and return its exit code."""
        code = self.popen.wait(SECONDS)
        for reader in self._readers:
            reader.join(SECONDS)
        return code

    def close(self) -> None:
        """End it and its children by force, if need be."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.ended()
        for pipe in (self.popen.stdout, self.popen.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Start the console script: `start("serve", "--port", 0, VARIABLE="1")`; it is gone when the test is."""
    started: list[Process] = []

    def run(*arguments: object, **variables: str) -> Process:
        started.append(Process(arguments, variables))
        return started[-1]

    yield run
    for process in started:
        process.close()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A small program with two stages, as anybody would write it."""
    path = tmp_path / "app.py"
    path.write_text(
        "import sys\n"
        "from stagelight import trace_stage\n\n"
        "@trace_stage\n"
        "def load(n):\n"
        "    return n\n\n"
        "@trace_stage\n"
        "def answer(n):\n"
        "    return load(n)\n\n"
        "if __name__ == '__main__':\n"
        "    print('arguments', sys.argv[1:], sys.path[0])\n"
        "    answer(1)\n"
        "    if 'fail' in sys.argv:\n"
        "        raise ValueError('boom')\n"
        "    if 'seven' in sys.argv:\n"
        "        sys.exit(7)\n"
    )
    return path
