"""Run the service: `python -m rl_feedback_loop` in the folder above; `stagelight demo --example rl_feedback_loop` adds the page."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from stagelight import configure
from stagelight.routing import get_rl_model_router

from .images import load, stream
from .models import train
from .service import Service, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .score import Score

TELL_EVERY = 20  #: Requests.
#: How the router learns. A short memory (in decisions) follows a change soon, and explores a little more for it;
#: the second policy looks at the image (`images.look`), so that it can tell a photograph when it sees one.
POLICIES = {"discounted_thompson": {"memory": 200}, "discounted_linucb": {"memory": 200, "dimension": 3}}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train three models, let a router choose among them for some thousand requests, and print the score as JSON."""
    options = parser().parse_args(arguments)
    telemetry = configure(service_name="rl-feedback-loop")
    known, asked = load()
    models = train(known)
    router = get_rl_model_router(
        create_if_missing=True, name="digits", arms=tuple(models), policy=options.policy, **POLICIES[options.policy]
    )

    def seen(score: Score) -> None:
        if options.progress and len(score.answers) % TELL_EVERY == 0:
            tell({"done": len(score.answers)})

    started = time.perf_counter()
    uploads = stream(asked, options.requests, seed=options.seed)
    score = asyncio.run(serve(Service(models, router), uploads, seed=options.seed, seen=seen))
    seconds = time.perf_counter() - started
    halves = [asdict(half) for half in score.halves(models)]
    delivered = telemetry.shutdown(30.0)
    tell(
        {
            "router": router.name,
            "requests": len(score.answers),
            "halves": halves,
            "milliseconds": {name: round(model.milliseconds, 2) for name, model in models.items()},
            "feedback": dict(score.acts),
            "accepted": score.accepted,
            "seconds": round(seconds, 2),
            "delivered": delivered,
        }
    )


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="rl_feedback_loop", description="A model router that learns from users.")
    made.add_argument("--requests", type=int, default=1400, help="how many (1400); the second half are photographs")
    made.add_argument("--seed", type=int, default=0, help="the same seed gives the same images and users")
    made.add_argument("--policy", choices=POLICIES, default="discounted_thompson", help="how the router learns")
    made.add_argument("--progress", action="store_true", help="a line of JSON now and then, for `stagelight demo`")
    return made


def tell(what: object) -> None:
    """Print `what` as one line of JSON."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
