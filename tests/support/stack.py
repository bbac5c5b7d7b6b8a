"""Real servers for tests: free ports of loopback, a log file each, ready before the test goes on, gone when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TypeVar

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")

READY_S = 30.0  #: In which a program must answer.
END_S = 10.0  #: In which it must end when told to.
PAUSE_S = 0.02  #: Between two looks at something that announces nothing.
TAIL = 3_000  #: Characters of a log that a failure shows.


def missing(advice: str) -> NoReturn:
    """Skip the test with the line that installs what it needs; with CI=true fail: there a skip would pass for a proof."""
    if os.environ.get("CI") == "true":
        pytest.fail(advice)
    pytest.skip(advice)


def eventually(look: Callable[[], T], *, seconds: float = READY_S, what: str = "") -> T:
    """Look until what is seen is true, and return it; fail after `seconds` with what was seen last."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what or look} not within {seconds:g} s; last seen: {seen!r}")
        time.sleep(PAUSE_S)
    return seen


def answers(url: str) -> bool:
    """Whether a GET of `url` succeeds."""
    with suppress(httpx.HTTPError):
        return httpx.get(url, trust_env=False, timeout=2).is_success
    return False


class Server:
    """A program that runs until it is ended; can be started again as it was."""

    def __init__(
        self, command: Sequence[object], *, log: Path, ready: Callable[[], bool], env: Mapping[str, str] | None = None
    ) -> None:
        """Say how to run `command`; `env` comes on top of this process's environment, output is appended to `log`."""
        self._command = [str(word) for word in command]
        self._env = {**os.environ, **(env or {})}
        self._ready = ready
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.name = log.stem

    @property
    def pid(self) -> int:
        """Its process; fails where it does not run."""
        assert self._process is not None
        return self._process.pid

    @property
    def said(self) -> str:
        """All that it wrote so far, to stdout and stderr."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Run it and wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        eventually(self._ready_or_ended, what=f"{self.name} ready")
        code = self._process.poll()
        assert code is None, f"{self.name} ended with {code}:\n{self.said[-TAIL:]}"

    def _ready_or_ended(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None or self._ready()

    def stop(self) -> None:
        """Ask it to end, by SIGTERM, and wait."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would, by SIGKILL, and wait."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_S)
            pytest.fail(f"{self.name} did not end within {END_S:g} s of {number.name}")
