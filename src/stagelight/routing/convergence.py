"""Has the router made up its mind? How its last decisions were spread over the arms, and whether that still moves."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 1000


@dataclass(frozen=True, slots=True)
class Convergence:
    """How far a router has made up its mind."""

    decisions: int  #: That it was computed from.
    best: str  #: The arm that was chosen most often; empty without decisions.
    share: float  #: Of all these decisions, that arm's.
    score: float  #: 0: all arms alike; 1: always the same arm. 1 - entropy of the shares / ln(number of arms).
    moved: float  #: Share of decisions that went elsewhere in the newer half than in the older one; 0 is settled.


def convergence(chosen: Sequence[str], *, arms: int, window: int = WINDOW) -> Convergence:
    """Return how the last `window` decisions were spread over the arms.

    A floor of 5 % over 4 arms keeps the score at or below 0.86: a router that keeps its eyes open never reaches 1.
    A router that goes by the context may spread its decisions for good reason; look at `moved` there.

    Args:
        chosen: Arms in the order they were chosen, oldest first.
        arms: How many there were to choose from.
        window: How many decisions count.

    >>> settled = convergence(["small"] * 100 + ["large"] * 900, arms=2)
    >>> settled.best, settled.share, round(settled.score, 2), round(settled.moved, 2)
    ('large', 0.9, 0.53, 0.2)
    """
    last = list(chosen[-window:]) if window > 0 else []
    if not last:
        return Convergence(decisions=0, best="", share=0.0, score=0.0, moved=0.0)
    counts = Counter(last)
    best, most = min(counts.items(), key=lambda item: (-item[1], item[0]))
    half = len(last) // 2
    return Convergence(
        decisions=len(last),
        best=best,
        share=most / len(last),
        score=_score(counts, len(last), max(arms, len(counts))),
        moved=_moved(Counter(last[:half]), Counter(last[half:])),
    )


def _score(counts: Counter[str], total: int, arms: int) -> float:
    if arms < 2:  # noqa: PLR2004  # one arm leaves nothing to decide
        return 1.0
    entropy = -sum(count / total * math.log(count / total) for count in counts.values())
    return max(0.0, 1.0 - entropy / math.log(arms))


def _moved(older: Counter[str], newer: Counter[str]) -> float:
    """Return the total variation distance between the two halves' shares."""
    before, after = older.total(), newer.total()
    if not before or not after:
        return 0.0
    return sum(abs(older[arm] / before - newer[arm] / after) for arm in older.keys() | newer.keys()) / 2
