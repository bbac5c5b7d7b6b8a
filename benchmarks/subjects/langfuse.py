"""langfuse: its decorator without captured input and output, spans dropped."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks import kit
from benchmarks.subjects import raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.kit import Case, Measure


def _measure(prepare: Callable[[Callable[[], object]], Callable[[], object]], function: Callable[[], None]) -> Measure:
    logging.disable()
    langfuse: Any = import_module("langfuse")
    client = langfuse.Langfuse(
        public_key="pk-lf-bench", secret_key="sk-lf-bench", base_url="http://127.0.0.1:9", span_exporter=raw.drop()
    )
    observed = langfuse.observe(name="f", capture_input=False, capture_output=False)(function)
    return kit.timed(kit.within(lambda: client.start_as_current_observation(name="root"), prepare(observed)))


def recorded() -> Measure:
    """Time a recorded child."""
    return _measure(lambda call: call, kit.empty)


def exception() -> Measure:
    """Time a child whose function raises."""
    return _measure(kit.swallowed, kit.boom)


CASES: dict[str, Case] = {"recorded": recorded, "exception": exception}
