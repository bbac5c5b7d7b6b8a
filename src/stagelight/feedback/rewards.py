"""What feedback is worth to a router: from 0 (the answer was bad) to 1 (it was good), or nothing at all.

The table below is in force unless `STAGELIGHT_REWARDS` says otherwise. What teaches nothing has the reward None, which is
not 0: a comment alone says that somebody wrote, not that the answer was bad.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from stagelight.errors import ConfigurationError, did_you_mean
from stagelight.sink.checks import EXPLICIT, IMPLICIT

if TYPE_CHECKING:
    from collections.abc import Mapping


class Rule(NamedTuple):
    """How one signal becomes a reward; without any of these it teaches nothing."""

    fixed: float | None = None  #: Whatever its value.
    scale: tuple[float, float] | None = None  #: The values that are worth 0 and 1; between them it is even.
    sentiment: bool = False  #: 1, 0.5 or 0 as its comment is positive, neutral or negative.


RULES: Final[Mapping[str, Rule]] = {
    "rating": Rule(scale=(1, 5)),
    "thumbs": Rule(scale=(0, 1)),
    "score": Rule(scale=(0, 1)),
    "comment": Rule(),
    "label": Rule(),
    # What people do says less than what they say, so it stays off the ends; but nobody accepts or shares by accident.
    "requery": Rule(fixed=0.25),
    "skip": Rule(fixed=0.25),
    "click": Rule(fixed=0.75),
    "accept": Rule(fixed=1.0),
    "share": Rule(fixed=1.0),
}
SENTIMENTS: Final[Mapping[str, float]] = {"positive": 1.0, "neutral": 0.5, "negative": 0.0}
SIGNALS: Final = (*EXPLICIT, *IMPLICIT)


@dataclass(frozen=True, slots=True)
class Rewards:
    """The table in force: `RULES`, with what a deployment wants otherwise."""

    rules: Mapping[str, Rule] = field(default_factory=lambda: RULES)
    exact: Mapping[tuple[str, float], float | None] = field(
        default_factory=dict
    )  #: For single values; they come first.

    def of(self, signal: str, value: float | None, sentiment: str = "") -> float | None:
        """Return the reward of a signal, 0 to 1, or None where it teaches nothing.

        >>> table = Rewards()
        >>> table.of("rating", 4), table.of("thumbs", 0), table.of("comment", None, "positive")
        (0.75, 0.0, None)
        """
        if value is not None and (signal, value) in self.exact:
            return self.exact[signal, value]
        rule = self.rules.get(signal, Rule())
        if rule.sentiment:
            return SENTIMENTS.get(sentiment)
        if rule.scale is None or value is None:
            return rule.fixed
        low, high = rule.scale
        return clipped((value - low) / (high - low))


def clipped(reward: float) -> float:
    """Return `reward` within 0 and 1.

    >>> clipped(7), clipped(-0.5), clipped(0.3)
    (1.0, 0.0, 0.3)
    """
    return min(1.0, max(0.0, float(reward)))


@lru_cache(maxsize=16)
def table(told: tuple[str, ...] = ()) -> Rewards:
    """Return the table with what `told` changes, as the setting writes it.

    Args:
        told: `signal=reward` or `signal:value=reward`; a reward is 0 to 1, `none`, or for comments `sentiment`.

    Raises:
        ConfigurationError: One of them cannot be read; the message says which, and how it is written.

    >>> table(("requery=0.1", "rating:3=none")).of("rating", 3) is None
    True
    """
    rules, exact = dict(RULES), {}
    for text in told:
        signal, value, rule = _read(text)
        if value is None:
            rules[signal] = rule
        else:
            exact[signal, value] = rule.fixed
    return Rewards(rules, exact)


def _read(text: str) -> tuple[str, float | None, Rule]:
    left, equals, reward = (part.strip() for part in text.partition("="))
    signal, colon, value = (part.strip() for part in left.partition(":"))
    if not equals:
        raise _wrong(text, "expected signal=reward")
    if signal not in SIGNALS:
        raise _wrong(text, f"there is no signal {signal!r}.{did_you_mean(signal, SIGNALS)}")
    if reward == "sentiment" and signal == "comment" and not colon:
        return signal, None, Rule(sentiment=True)
    fixed = None if reward == "none" else _number(text, reward, "a reward is 0 to 1, none, or for comments sentiment")
    if fixed is not None and not 0 <= fixed <= 1:
        raise _wrong(text, "a reward is 0 to 1, none, or for comments sentiment")
    return signal, _number(text, value, "the value is a number") if colon else None, Rule(fixed=fixed)


def _number(text: str, part: str, expected: str) -> float:
    try:
        return float(part)
    except ValueError:
        raise _wrong(text, expected) from None


def _wrong(text: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"STAGELIGHT_REWARDS: found {text[:60]!r}, but {why}")
