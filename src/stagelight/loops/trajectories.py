"""Finished traces of this process on their way to whoever scores them: the loop's own evaluator, else one by the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.config import Settings
    from stagelight.loops.evaluator import TrajectoryEvaluator
    from stagelight.wire.records import SpanRecord

_evaluators: list[TrajectoryEvaluator] = []


def join(evaluator: TrajectoryEvaluator) -> None:
    """Have `evaluator` score the traces that finish in this process."""
    if evaluator not in _evaluators:
        _evaluators.append(evaluator)


def leave(evaluator: TrajectoryEvaluator) -> None:
    """Have it score no more."""
    if evaluator in _evaluators:
        _evaluators.remove(evaluator)


class Finished:
    """What `configure()` hands finished traces to, where ENABLE_TRAJECTORY_EVALUATION is on."""

    def __init__(self, settings: Settings) -> None:
        """Score by `settings` while no loop with an evaluator of its own runs."""
        from stagelight.loops.evaluator import TrajectoryEvaluator

        self._own = TrajectoryEvaluator(settings)

    def __call__(self, records: Sequence[SpanRecord]) -> None:
        """Have the traces scored."""
        for evaluator in list(_evaluators) or [self._own]:
            evaluator.finished(records)
