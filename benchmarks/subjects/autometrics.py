"""autometrics: its decorator counts and times, and makes no span."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks import kit

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.kit import Case, Measure


def _measure(prepare: Callable[[Callable[[], object]], Callable[[], object]], function: Callable[[], None]) -> Measure:
    autometrics: Any = import_module("autometrics")
    autometrics.init(tracker="prometheus")
    return kit.timed(kit.repeated(prepare(autometrics.autometrics(function))))


def recorded() -> Measure:
    """Time a call, counted and timed."""
    return _measure(lambda call: call, kit.empty)


def exception() -> Measure:
    """Time a call whose function raises."""
    return _measure(kit.swallowed, kit.boom)


CASES: dict[str, Case] = {"recorded": recorded, "exception": exception}
