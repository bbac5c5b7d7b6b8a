"""Scores finished trajectories and emits `TrajectoryFeedback`: what a router learns where no user says anything."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from stagelight import _clock, _guard
from stagelight.loops.trajectory import Routed, Trajectory, decisions_of, reward, root_of, score, trajectory_of
from stagelight.sink.rows import DUPLICATE, TrajectoryFeedback
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.config import Settings
    from stagelight.store.facade import Store
    from stagelight.wire.records import SpanRecord

Scorer = Callable[[Trajectory], Mapping[str, float] | float | None]

PAGE = 500  #: Spans read at once.
LOOK_BACK = 2_000  #: Spans before the newest that a fresh evaluator looks at, in case it was away for a moment.
SETTLE_NS = 2_000_000_000  #: How long a stored trace is left alone after its last span, for those still on their way.
GIVE_UP_NS = 600 * 1_000_000_000  #: After this a trace whose root never came is scored no more.
MAX_PENDING = 10_000  #: Traces that wait for their end.


class TrajectoryEvaluator:
    """Gives every finished trajectory in which a router decided a score from 0 to 1, and that to the router as a reward.

    Off unless ENABLE_TRAJECTORY_EVALUATION is on. A trajectory is scored once, however often it is seen.
    """

    def __init__(self, settings: Settings, *, scorer: Scorer | None = None) -> None:
        """Score as the table of `stagelight.loops.trajectory` says, or as `scorer` does.

        Args:
            settings: Whether to score at all, how many, and by which budgets.
            scorer: Given a trajectory, returns the scores of its parts, one score, or None where it cannot tell, which
                teaches nothing. Scores lie between 0 and 1.
        """
        self._settings = settings
        self._scorer = scorer
        self._after: int | None = None
        self._pending: OrderedDict[tuple[str, str], int] = OrderedDict()  # tenant and trace: ids are not ours to give

    @property
    def enabled(self) -> bool:
        """Whether ENABLE_TRAJECTORY_EVALUATION is on."""
        return self._settings.enable_trajectory_evaluation

    def finished(self, records: Sequence[SpanRecord]) -> int:
        """Score whole traces as they finish in this process; return how many rewards were emitted. Never raises."""
        if not self.enabled:
            return 0
        traces: dict[str, list[SpanRecord]] = {}
        for span in records:
            traces.setdefault(span.trace_id, []).append(span)
        return sum(_guard.attempt("loops", self.evaluate, spans) or 0 for spans in traces.values())

    def evaluate_stored(self, store: Store) -> int:
        """Score traces that other processes sent to `store` since the last call; return how many rewards were emitted."""
        if not self.enabled:
            return 0
        self._look(store)
        now = _clock.monotonic_ns()
        ripe = [(*key, seen_ns) for key, seen_ns in self._pending.items() if now - seen_ns >= SETTLE_NS]
        emitted = 0
        for tenant, trace_id, seen_ns in ripe:
            trace = store.traces.get(trace_id, tenant=tenant)
            done = trace is not None and any(not span.parent_id for span in trace.spans)
            if trace is not None and done:
                emitted += _guard.attempt("loops", self.evaluate, trace.spans, tenant=tenant) or 0
            if done or now - seen_ns >= GIVE_UP_NS:
                self._pending.pop((tenant, trace_id), None)
        return emitted

    def evaluate(self, spans: Sequence[SpanRecord], *, tenant: str = "") -> int:
        """Score one trace and emit the reward for each decision in it; return how many were emitted.

        Its decisions are those that its spans name and those that the store at hand has of it: a span that another program
        sent may name none.

        Args:
            spans: All of it.
            tenant: Whose it is, where that was proved; what its attributes say if empty.
        """
        root = root_of(spans)
        if root is None or not self.enabled or not self._sampled(root.trace_id):
            return 0
        owner = root.tenancy._replace(tenant=tenant or root.tenancy.tenant)
        found = trajectory_of(spans, _logged(root.trace_id, owner.tenant))
        if found is None:
            return 0
        found = replace(found, owner=owner)
        parts = self._scored(found)
        value = reward(parts)
        if value is None:
            return 0
        return sum(_emit(found, decision, value, parts) for decision in found.decisions)

    def _scored(self, found: Trajectory) -> Mapping[str, float]:
        if self._scorer is None:
            return score(found, self._settings)
        said = self._scorer(found)
        if said is None:
            return {}
        return said if isinstance(said, Mapping) else {"score": float(said)}

    def _sampled(self, trace_id: str) -> bool:
        """The same trajectories in every process, so that none is scored twice or by nobody."""
        ratio = self._settings.trajectory_sample_ratio
        return zlib.crc32(trace_id.encode()) < ratio * 2**32

    def _look(self, store: Store) -> None:
        """Note the traces in which a router decided."""
        if self._after is None:
            self._after = max(0, store.traces.last_id() - LOOK_BACK)
        while True:
            page = store.traces.recent_spans(self._after, PAGE)
            rows = store.rows.decisions_of({numbered.span.trace_id for numbered in page})
            logged = {(row.tenant, row.trace_id) for row in rows}
            for numbered in page:
                self._after = numbered.id
                if decisions_of(numbered.span) or (numbered.tenant, numbered.span.trace_id) in logged:
                    self._pending[numbered.tenant, numbered.span.trace_id] = _clock.monotonic_ns()
                    while len(self._pending) > MAX_PENDING:
                        self._pending.popitem(last=False)
            if len(page) < PAGE:
                return


def _logged(trace_id: str, tenant: str) -> list[Routed]:
    """The decisions that the store at hand has of a trace; none where a server has them, which scores them itself."""
    from stagelight.routing import homes

    home = homes.home(make=False)
    rows = (
        home.store.rows.decisions_of([trace_id], tenant=tenant) if home is not None and home.store is not None else ()
    )
    return [Routed(row.router, row.decision_id, Tenancy(row.tenant, row.workspace)) for row in rows]


def _emit(found: Trajectory, decision: Routed, value: float, parts: Mapping[str, float]) -> bool:
    """Queue the reward where the router lives; its id says what it judges, so that a second one changes nothing."""
    from stagelight.routing.registry import emit

    owner = decision.owner or found.owner
    receipt = emit(
        decision.router,
        TrajectoryFeedback(
            trace_id=found.trace_id,
            reward=value,
            decision_id=decision.decision_id,
            score_parts=parts,
            feedback_id=f"trajectory:{decision.decision_id}",
            observed_at=_clock.wall_ns() / 1e9,
            tenant=owner.tenant,
            workspace=owner.workspace,
        ),
    )
    return receipt.accepted and receipt.reason != DUPLICATE
