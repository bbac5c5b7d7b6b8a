"""A real PostgreSQL server of our own, on a free port of loopback, gone when the tests are."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

READY_SECONDS = 30.0
USER = "postgres"


@dataclass
class Postgres:
    """A server that may be killed and started again on the same data."""

    initdb: str
    program: str
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="stagelight-postgres-")))
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy address of a database."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    def prepare(self) -> None:
        """Make the data directory; the server refuses to run as root, so root hands it to Debian's user."""
        if os.getuid() == 0:
            shutil.chown(self.folder, USER)
        self.port = free_port()
        command = [self.initdb, "-D", str(self.data), "-U", USER, "--auth=trust", "--encoding=UTF8", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, timeout=60, **_as_user())

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = [
            "-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder), "-c", "max_connections=60",
            "-c", "shared_buffers=32MB", "-c", "log_min_messages=fatal",
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([self.program, "-D", str(self.data), *options], stderr=log, **_as_user())
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, (self.folder / "log").read_text(errors="replace")[-2000:]
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would, children included."""
        if self.process is not None:
            # Its children notice within a moment that their parent is gone; SIGQUIT has them end at once.
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(10)
            self.process = None

    def remove(self) -> None:
        """End it and forget its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self, name: str) -> str:
        """Make an empty database and return its address."""
        import psycopg

        with psycopg.connect(f"host=127.0.0.1 port={self.port} user={USER} dbname=postgres", autocommit=True) as held:
            held.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(f"host=127.0.0.1 port={self.port} user={USER} dbname=postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def postgres(program: Callable[[str], str]) -> Postgres:
    """Prepare a server out of the installed programs; it is not started yet."""
    made = Postgres(program("initdb"), program("postgres"))
    made.prepare()
    return made


def _as_user() -> dict[str, object]:
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam(USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}
