"""Logged decisions in the formats of Vowpal Wabbit and of Open Bandit Pipeline, for their learners and estimators."""

from __future__ import annotations

import json
import re
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from stagelight.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.routing.logged import Log

# What Vowpal Wabbit reads as the end of a name, and the mark that we write such characters with.
UNSAFE = re.compile(r"[\s|:%\x00-\x1f\x7f]")


def vw_adf(log: Log) -> Iterator[str]:
    r"""Yield the lines that `vw --cb_adf` and `vw --cb_explore_adf` read: an example per decision, a line per eligible arm.

    The chosen arm's line begins with `0:cost:probability`; the cost is 1 - reward, for Vowpal Wabbit seeks the least.
    An empty line ends each example. Names of arms are written with `%20` for a space and so on.

    >>> from stagelight.routing.logged import log_of
    >>> from stagelight.sink.rows import Decision
    >>> row = Decision(decision_id="1", arm="b", propensity=0.5, eligible=("a", "b"), context=(0.25,), observed_at=0)
    >>> print("\n".join(vw_adf(log_of([(row, 1.0)]))))
    shared |context c0:0.25
    |arm a
    0:0.0:0.5 |arm b
    <BLANKLINE>
    """
    names = [vw_name(arm) for arm in log.arms]
    for line in range(len(log)):
        yield f"shared {_context(log, line)}"
        for place in np.flatnonzero(log.eligible[line]):
            label = f"{_label(log, line, 0)} " if place == log.chosen[line] else ""
            yield f"{label}|arm {names[place]}"
        yield ""


def vw_cb(log: Log) -> Iterator[str]:
    """Yield the lines that `vw --cb N` reads, N being the number of arms: `action:cost:probability | context`.

    Actions count from 1 in the order of `log.arms`; the cost is 1 - reward.

    Raises:
        LogError: In some decisions not all arms were eligible, which this format has no words for: `vw_adf` has.
    """
    _whole(log, "Vowpal Wabbit's cb format")
    for line in range(len(log)):
        yield f"{_label(log, line, int(log.chosen[line]) + 1)} {_context(log, line)}"


def bandit_feedback(log: Log) -> dict[str, Any]:
    """Return the dictionary that Open Bandit Pipeline calls `bandit_feedback`; `save_npz` keeps it.

    Actions are places in `action_names`, which is ours. There is one position, 0, and an action's context is itself.

    Raises:
        LogError: In some decisions not all arms were eligible, which the format has no words for.
    """
    _whole(log, "Open Bandit Pipeline")
    return {
        "n_rounds": len(log),
        "n_actions": len(log.arms),
        "action": log.chosen.astype(np.int64),
        "position": np.zeros(len(log), dtype=np.int64),
        "reward": log.reward,
        "pscore": log.propensity,
        "context": log.context,
        "action_context": np.eye(len(log.arms)),
        "action_names": np.array(log.arms),
    }


def save_npz(log: Log, file: IO[bytes]) -> None:
    """Write `bandit_feedback` as NumPy's npz, which `numpy.load` reads without pickle.

    Raises:
        LogError: As `bandit_feedback`.
    """
    np.savez(file, **bandit_feedback(log))


def obp_lines(log: Log) -> Iterator[str]:
    """Yield `bandit_feedback` as JSON lines: first what holds for all decisions, then a line for each.

    Raises:
        LogError: As `bandit_feedback`.
    """
    whole = bandit_feedback(log)
    first = ("n_rounds", "n_actions", "action_names", "action_context")
    yield json.dumps({key: np.asarray(whole[key]).tolist() for key in first})
    columns = ("action", "position", "reward", "pscore", "context")
    for values in zip(*(whole[key].tolist() for key in columns), strict=True):
        yield json.dumps(dict(zip(columns, values, strict=True)))


def vw_name(name: str) -> str:
    """Return a name that Vowpal Wabbit reads as one word: `urllib.parse.unquote` gives the name back.

    >>> vw_name("large: v2")
    'large%3A%20v2'
    """
    return UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)


def _label(log: Log, line: int, action: int) -> str:
    return f"{action}:{1.0 - float(log.reward[line])!r}:{float(log.propensity[line])!r}"


def _context(log: Log, line: int) -> str:
    features = (f"c{place}:{value!r}" for place, value in enumerate(log.context[line].tolist()))
    return " ".join(["|context", *features])


def _whole(log: Log, reader: str) -> None:
    missing = int((~log.eligible.all(axis=1)).sum())
    if missing:
        raise LogError(
            f"in {missing} of {len(log)} decisions not all of {list(log.arms)} were eligible, which {reader} cannot say: "
            "`log.whole()` leaves them out, `vw_adf` keeps them"
        )
