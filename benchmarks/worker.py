"""A process that measures one case of one subject, a round whenever a line with a number of turns comes in.

Subjects replace global providers and patch libraries, so none shares a process with another. Started by `crew`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.kit import Case


def main(subject: str, case: str) -> None:
    """Set `case` of `subject` up, say so, and answer each number on stdin with one line of JSON."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not mix with the answers
    cases: dict[str, Case] = importlib.import_module(f"benchmarks.subjects.{subject}").CASES
    measure = cases[case]()
    answers.write('"ready"\n')
    for line in sys.stdin:
        answers.write(json.dumps(measure(int(line))) + "\n")
    # Exporters of a peer may want half a minute to give up on a server that is not there; nothing of theirs is wanted.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
