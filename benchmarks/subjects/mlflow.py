"""mlflow: its decorator; finished traces go to a server that is not there."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks import kit

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.kit import Case, Measure


def _measure(prepare: Callable[[Callable[[], object]], Callable[[], object]], function: Callable[[], None]) -> Measure:
    logging.disable()
    mlflow: Any = import_module("mlflow")
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    return kit.timed(kit.within(lambda: mlflow.start_span("root"), prepare(mlflow.trace(function, name="f"))))


def recorded() -> Measure:
    """Time a recorded child."""
    return _measure(lambda call: call, kit.empty)


def exception() -> Measure:
    """Time a child whose function raises."""
    return _measure(kit.swallowed, kit.boom)


CASES: dict[str, Case] = {"recorded": recorded, "exception": exception}
