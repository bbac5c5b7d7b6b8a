"""`python -m benchmarks.regret`: what each policy misses in each world, and what other libraries miss."""

from __future__ import annotations

import argparse
import json
import sys
import timeit
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.regret.cases import GOALS, KNOWN, SEED, THOMPSON, played, quick
from benchmarks.regret.intervals import interval
from benchmarks.regret.play import regret
from benchmarks.regret.worlds import LADDER, stages
from stagelight.routing.policies import KINDS, Lesson, make_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.regret.cases import Case, Found

PEERS = Path(__file__).with_name("peers.json")
FLOOR = 0.05
Bounds = tuple[float, float, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; the exit code is 1 if a goal is missed."""
    options = parser().parse_args(arguments)
    if options.cost:
        costs()
        return 0
    print(f"Regret over 10,000 decisions, 4 arms, seed {SEED}; 95 % intervals from bootstrapped runs.\n")
    met = bool(options.only) or peers()
    for title, cases in (("Goals", GOALS), ("No goal: know what you get", KNOWN)):
        print(f"\n{title}\n{HEADING}")
        for case in (case for case in cases if not options.only or case.key in options.only):
            met &= line(quick(case, runs=options.runs or case.runs)) is not False
    return int(not met)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.regret", description=__doc__)
    made.add_argument("--runs", type=int, default=0, help="runs of each case; 50 (stationary: 200) if not given")
    made.add_argument("--only", action="append", metavar="KEY", choices=[case.key for case in (*GOALS, *KNOWN)])
    made.add_argument("--cost", action="store_true", help="print instead what a choice and a lesson cost")
    return made


def peers() -> bool:
    """Print Thompson sampling beside that of other libraries; return whether it misses at most 1.2 times as much."""
    table = json.loads(PEERS.read_text(encoding="utf-8"))
    world = stages(LADDER, runs=table["runs"])
    ours = interval(regret(THOMPSON, world, table["seed"]))
    print(f"Nothing changes, means {table['means']}, {table['runs']} runs, the same rewards for all")
    print(f"  {'stagelight thompson':<28}{bounds(ours)}")
    for name, found in table["policies"].items():
        print(f"  {name:<28}{bounds((found['regret'], *found['interval']))}")
    return ours[0] <= 1.2 * best_peer(table)


def best_peer(table: dict[str, dict[str, dict[str, float]]]) -> float:
    """Return the least that another library's Thompson sampling misses."""
    return min(found["regret"] for name, found in table["policies"].items() if "Thompson" in name)


HEADING = (
    f"  {'world':<52}{'policy, beside':<36}{'misses':>7} {'beside':>7}  {'ratio':<20}{'goal':<9}{'with floor 5 %':<16}"
)


def costs() -> None:
    """Print what one choice among four arms and one lesson cost, the least of some rounds."""
    rng, context = np.random.default_rng(SEED), (0.1, -0.2, 0.3)
    print(f"  {'policy':<22}{'choose':>8}{'learn':>8}   microseconds, 4 arms, a context of 3")
    for kind in KINDS:
        policy = make_policy(kind, "abcd", **({"dimension": 3} if "linucb" in kind else {}))
        batch = [Lesson(arm, 0.5, context) for arm in "abcd"] * 25
        policy.learn(batch)
        choose = min(timeit.repeat(lambda: policy.choose((), context, rng=rng), number=200, repeat=15)) / 200  # noqa: B023  # run at once
        learn = min(timeit.repeat(lambda: policy.learn(batch), number=2, repeat=15)) / 200  # noqa: B023  # run at once
        print(f"  {kind:<22}{choose * 1e6:>8.0f}{learn * 1e6:>8.1f}")


def line(case: Case) -> bool | None:
    """Play a case without and with the floor, print its line, and return whether its goal is met."""
    found, floored = played(case), played(case, floor=FLOOR)
    goal = "" if case.goal is None else f"<={case.goal:g} {'yes' if found.met else 'NO'}"
    pair = f"{case.ours.kind}, {case.other.kind}"
    print(
        f"  {case.what:<52}{pair:<36}{found.ours[0]:>7.0f} {found.other[0]:>7.0f}  {bounds(found.ratio):<20}{goal:<9}"
        f"{with_floor(floored)}",
        flush=True,
    )
    return found.met


def bounds(figures: Bounds) -> str:
    """Return a figure with its interval, to as many places as it deserves."""
    places = 2 if figures[0] < 10 else 0  # noqa: PLR2004  # ratios have decimals, regrets have none
    point, low, high = (f"{figure:,.{places}f}" for figure in figures)
    return f"{point} ({low}–{high})"


def with_floor(found: Found) -> str:
    """Return what both miss and the ratio where no arm has less than its part of 5 %, as in routers."""
    return f"{found.ours[0]:>6.0f} {found.other[0]:>6.0f}  {found.ratio[0]:.2f}"


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    sys.exit(main())
