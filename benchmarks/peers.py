"""Which peers are at hand, and `python -m benchmarks.peers`, which installs them: each into an environment of its own.

They cannot share one: their ranges for OpenTelemetry exclude each other, and several patch what is measured.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ROOT / ".venv-bench"


@dataclass(frozen=True, slots=True)
class Peer:
    """A library that does some of what we do."""

    subject: str  #: Module in `subjects/`.
    module: str  #: What to import.
    packages: tuple[str, ...]  #: What to install.
    cases: tuple[str, ...] = ("recorded", "exception")
    note: str = ""


PEERS = (
    Peer("logfire", "logfire", ("logfire",)),
    Peer("ddtrace", "ddtrace", ("ddtrace",)),
    Peer("langfuse", "langfuse", ("langfuse",)),
    Peer("mlflow", "mlflow", ("mlflow-tracing",)),
    Peer("traceloop", "traceloop.sdk", ("traceloop-sdk",)),
    Peer("sentry", "sentry_sdk", ("sentry-sdk",)),
    Peer("autometrics", "autometrics", ("autometrics",), note="metrics alone"),
    # A fresh install does not import: it uses a name that pandas 3 no longer has.
    Peer("evidently", "evidently", ("evidently", "pandas<3"), cases=(), note="PSI alone"),
    Peer("prometheus", "prometheus_client", ("prometheus-client",), cases=("counter", "histogram")),
)


def interpreter(peer: Peer) -> str | None:
    """Return the Python that can import `peer`: its own environment's, else this one; None if neither can."""
    own = ENVIRONMENTS / peer.subject / "bin" / "python"
    for python in (str(own), sys.executable):
        if Path(python).exists() and _imports(python, peer.module):
            return python
    return None


def _imports(python: str, module: str) -> bool:
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    return subprocess.run([python, "-c", code, module], capture_output=True, check=False).returncode == 0


def main() -> None:
    """Install every peer; one that cannot be is reported and left out."""
    for peer in PEERS:
        folder = ENVIRONMENTS / peer.subject
        print(f"{peer.module} ...", end=" ", flush=True)
        if not (folder / "bin" / "python").exists():
            venv.create(folder, with_pip=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--upgrade", *peer.packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        print("installed" if done.returncode == 0 else "not installed: " + done.stderr.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
