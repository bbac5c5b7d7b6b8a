"""Live through three weeks: `python -m label_lag --store lag.db` in the folder above; `stagelight demo --example label_lag` adds the page."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stagelight import configure
from stagelight.testing import SteppingClock

from .replay import replay
from .world import LAST_DAY, LETTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .replay import Day

RULES = Path(__file__).with_name("truth_rules.yaml")
KEEP_HOURS = 24.0 * 60


def main(arguments: Sequence[str] | None = None) -> None:
    """Train a reader, let it work for two weeks, wait for the last labels, and print what was known when, as JSON."""
    options = parser().parse_args(arguments)
    telemetry = configure(
        service_name="label-lag", store=options.store, truth_rules=str(RULES), trace_cleanup_hours=KEEP_HOURS
    )
    started = time.perf_counter()
    clock = SteppingClock.days_ago(LAST_DAY)

    def seen(day: Day) -> None:
        if options.progress:
            tell({"done": day.number, "of": LAST_DAY})

    days = replay(clock, letters=options.requests, seed=options.seed, seen=seen)
    seconds = time.perf_counter() - started
    delivered = telemetry.shutdown(30.0)
    tell({"days": [told(day) for day in days], "seconds": round(seconds, 2), "delivered": delivered})


def told(day: Day) -> dict[str, Any]:
    """Return a day as JSON's types."""
    return {
        "day": day.number,
        "predictions": day.predictions,
        "labels": day.labels,
        "labelled": day.labelled,
        "drifted": day.drift.get("drifted", 0),
        "psi": day.psi,
        "estimated": day.estimated,
        "measured": day.measured,
        "alerts": [
            {name: alert[name] for name in ("kind", "severity", "feature", "summary", "action", "trace_ids")}
            for alert in day.alerts
        ],
    }


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="label_lag", description="A digit reader whose labels come days late.")
    made.add_argument("--requests", type=int, default=LETTERS, help=f"letters a day ({LETTERS}), of five digits each")
    made.add_argument("--store", help="where predictions, labels and findings are kept; STAGELIGHT_STORE if not given")
    made.add_argument("--seed", type=int, default=0, help="the same seed gives the same letters and clerks")
    made.add_argument("--progress", action="store_true", help="a line of JSON a day, for `stagelight demo`")
    return made


def tell(what: object) -> None:
    """Print `what` as one line of JSON."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
