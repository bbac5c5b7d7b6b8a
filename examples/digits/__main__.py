"""Run the service: `python -m digits` in the folder above, with telemetry sent where the `OTEL_*` variables say."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING

from stagelight import configure

from .app import serve
from .models import load, train
from .pipeline import Service
from .uploads import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .app import Score

TELL_EVERY = 20  #: Requests.


def main(arguments: Sequence[str] | None = None) -> None:
    """Train three models, serve some thousand requests, and print the score as JSON."""
    options = parser().parse_args(arguments)
    telemetry = configure(service_name="digits")
    known, asked = load()
    service = Service(train(known))

    def seen(score: Score) -> None:
        if options.progress and score.requests % TELL_EVERY == 0:
            tell({"done": score.requests})

    started = time.perf_counter()
    score = asyncio.run(serve(service, stream(asked, options.requests, seed=options.seed), seen=seen))
    seconds = time.perf_counter() - started
    delivered = telemetry.shutdown(30.0)
    tell({**score.summary(), "seconds": round(seconds, 2), "delivered": delivered})


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="digits", description="Read handwritten digits, traced.")
    made.add_argument("--requests", type=int, default=2000, help="how many (2000)")
    made.add_argument("--seed", type=int, default=0, help="the same seed gives the same requests")
    made.add_argument("--progress", action="store_true", help="a line of JSON now and then, for `stagelight demo`")
    return made


def tell(what: object) -> None:
    """Print `what` as one line of JSON."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
