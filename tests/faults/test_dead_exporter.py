"""A program whose exporter is dead, slow or not there at all: it never notices, and ends in time."""

from __future__ import annotations

import time

import pytest

from programs import python
from servers import answering, black_hole, refusing

PROGRAM = """
import json, logging, time
import stagelight

class Mine(Exception):
    pass

mistake = Mine("mine")

@stagelight.trace_stage
def work(n):
    if n == 3:
        raise mistake
    return n * 2

stagelight.configure()
began = time.monotonic()
results, same = [], False
for n in range(5):
    try:
        results.append(work(n))
    except Mine as error:
        same = error is mistake
print(json.dumps({"results": results, "same": same, "seconds": time.monotonic() - began, "ended": time.monotonic()}), flush=True)
"""


@pytest.mark.parametrize("kind", ["nothing configured", "disabled", "refused", "black hole", "slow", "working"])
def test_a_program_never_notices(kind, tmp_path):
    """Nothing configured, disabled, or an exporter that is dead: results, exceptions and time are the program's own.

    The end of the process is bounded by five seconds, and comes much sooner where nobody listens.
    """
    with answering(slow=True) as slow, answering() as working, black_hole() as silent:
        url = {"refused": refusing(), "black hole": silent, "slow": slow.url, "working": working.url}.get(kind, "")
        program = PROGRAM.replace("stagelight.configure()", "") if kind == "nothing configured" else PROGRAM
        variables = {"OTEL_SDK_DISABLED": "true"} if kind == "disabled" else {"OTEL_EXPORTER_OTLP_ENDPOINT": url}
        run = python(program, folder=tmp_path, **variables)
        took = time.monotonic() - run.json["ended"]
        slow.release.set()
        names = [span.name for span in working.spans]

    assert run.json["results"] == [0, 2, 4, 8]
    assert run.json["same"]
    assert run.json["seconds"] < 3  # a call that waits for an exporter takes five
    bound = {"black hole": 5.5, "slow": 5.5, "refused": 2.0}.get(kind, 1.0)
    assert took < bound + 3.0  # on a machine that others use too
    assert ("not delivered" in run.err) == (kind in {"refused", "black hole", "slow"})
    assert len(names) == (5 if kind == "working" else 0)
