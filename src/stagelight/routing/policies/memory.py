"""What a policy knows, read back from JSON and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stagelight.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.routing.policies.rule import Numbers, Rule

FORMAT = 1  # of the state; a newer one is refused


@dataclass(frozen=True, slots=True)
class Former:
    """What a name meant before another arm got it."""

    name: str
    arm: str  #: Under the name it has now.
    lessons: int  #: That were learned until then.


@dataclass(frozen=True, slots=True)
class Memory:
    """What a policy has beside its rule."""

    arms: tuple[str, ...]  #: Retired ones too, in the order of the numbers.
    retired: tuple[str, ...]
    renamed: dict[str, str]  #: A name that an arm had, to the name it has.
    formerly: tuple[Former, ...]  #: In the order it happened.
    numbers: Numbers
    lessons: int


def memory_of(state: Mapping[str, Any], rule: Rule) -> Memory:
    """Return what `Policy.state` wrote down.

    Raises:
        PolicyError: Something is missing, has another shape than the rule wants, or is not finite.
    """
    if state.get("format") != FORMAT:
        raise PolicyError(
            f"a policy state of format {state.get('format')!r}; this version reads {FORMAT}: update stagelight"
        )
    try:
        return Memory(
            arms=_names(state["arms"]),
            retired=_names(state["retired"]),
            renamed={str(old): str(new) for old, new in state["renamed"].items()},
            formerly=tuple(
                Former(str(name), str(arm), int(lessons)) for name, arm, lessons in state.get("formerly", ())
            ),
            numbers=_numbers(state["numbers"], rule, len(state["arms"])),
            lessons=int(state["lessons"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise PolicyError(f"a policy state that cannot be read: {error!r}") from error


def _names(found: Any) -> tuple[str, ...]:
    names = tuple(str(name) for name in found)
    if len(set(names)) < len(names):
        raise ValueError(f"an arm is there twice: {list(names)}")
    return names


def _numbers(found: Mapping[str, Any], rule: Rule, arms: int) -> Numbers:
    read = {}
    for name, blank in rule.blank(arms).items():
        array = np.array(found[name], dtype=np.float64).reshape(blank.shape)
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has a number that is not finite")
        read[name] = array
    return read
