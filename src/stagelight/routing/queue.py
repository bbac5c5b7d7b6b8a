"""`ModelRouter.trajectory_feedback_queue`: the rewards that wait for a router, as a list that outlives the process."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast, overload

from stagelight import _clock, _guard
from stagelight.errors import RowError
from stagelight.routing import decisions
from stagelight.routing.teaching import PROBLEM
from stagelight.sink import news, values
from stagelight.sink.codec import checked
from stagelight.sink.rows import Feedback, Receipt, TrajectoryFeedback
from stagelight.stages import here
from stagelight.store.loop import Item, consumer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stagelight.routing.homes import Home
    from stagelight.routing.router import ModelRouter

LISTED = 1000  #: Items that iterating over the queue reads.
SHOWN = 500  #: Characters of a malformed item that are kept.


class FeedbackQueue:
    """Rewards on their way to one router. They lie in the store: any process may add, any loop may drain."""

    def __init__(self, router: ModelRouter) -> None:
        """Be the queue of `router`."""
        self._router = router
        self._consumer = consumer_of(router.name)

    def __len__(self) -> int:
        """How many wait or are being learned from right now, for every tenant."""
        return _guard.attempt("routing", self._router.depth) or 0

    @overload
    def __getitem__(self, index: int) -> TrajectoryFeedback: ...

    @overload
    def __getitem__(self, index: slice) -> list[TrajectoryFeedback]: ...

    def __getitem__(self, index: int | slice) -> TrajectoryFeedback | list[TrajectoryFeedback]:
        """Look at what waits, the oldest first, and leave it there.

        Raises:
            IndexError: So many do not wait.
        """
        if isinstance(index, int) and index >= 0:
            return self._first(index + 1)[index]
        return self._first(LISTED)[index]

    def __iter__(self) -> Iterator[TrajectoryFeedback]:
        """Look at what waits, the oldest first; the first thousand."""
        return iter(self._first(LISTED))

    def append(self, item: TrajectoryFeedback) -> Receipt:
        """Queue a reward, committed before this returns, and say what became of it; never raises.

        A reward whose decision is not known (yet) is kept and waits for it outside the queue. Something else than a reward
        is queued too: it fails by itself when its turn comes, and is kept with the reason.
        """
        return self.extend([item])[0]

    def extend(self, items: Iterable[TrajectoryFeedback]) -> list[Receipt]:
        """Queue several rewards in one go, as `append` does each; return a receipt each, in order."""
        given = list(items)
        receipts: list[Receipt] = []
        with _guard.guard("routing"):
            receipts = self._added(given)
        return receipts or [Receipt("refused", "", "an error inside stagelight; its log says more") for _ in given]

    def _added(self, items: list[TrajectoryFeedback]) -> list[Receipt]:
        home = self._router.home()
        decisions.log.flush()
        unfit = {number: found for number, item in enumerate(items) if (found := self._unfit(home, item)) is not None}
        stored = iter(home.write([_feedback(item) for number, item in enumerate(items) if number not in unfit]))
        return [unfit[number] if number in unfit else next(stored) for number in range(len(items))]

    def clear(self) -> int:
        """Discard everything that waits, for good, and return how many rewards that were; never raises."""
        return _guard.attempt("routing", self._clear) or 0

    def _clear(self) -> int:
        store = self._router.home().store
        return store.deliveries.purge(self._consumer) if store else 0

    def _first(self, count: int) -> list[TrajectoryFeedback]:
        return _guard.attempt("routing", self._peek, count) or []

    def _peek(self, count: int) -> list[TrajectoryFeedback]:
        store = self._router.home().store
        return [feedback_of(item) for item in store.deliveries.peek(self._consumer, count)] if store else []

    def _unfit(self, home: Home, item: object) -> Receipt | None:
        """Queue what is no reward, so that it is counted and kept where people look; None if `item` is one."""
        if isinstance(item, TrajectoryFeedback) and cast("object", item.reward) is None:
            return Receipt("refused", item.feedback_id, "reward: missing, which teaches nothing and is not 0")
        problem = _problem(item)
        if not problem:
            return None
        if home.store is None:
            return Receipt("refused", "", problem)
        at = here()
        body = {PROBLEM: problem, "item": (_guard.attempt("routing", repr, item) or "")[:SHOWN]}
        bad = Item(at.tenant, at.workspace, self._consumer, _clock.new_id(), body)
        home.store.deliveries.put([bad])
        news.tell({(at.tenant, at.workspace): 1})
        return Receipt("stored", bad.feedback_id, problem)


def feedback_of(item: Item) -> TrajectoryFeedback:
    """Return a queued item as the reward that was queued; one that is malformed has no number for a reward."""
    body: Any = item.body
    reward, at = body.get("reward"), body.get("observed_at")
    return TrajectoryFeedback(
        trace_id=str(body.get("trace_id", "")),
        reward=reward if isinstance(reward, int | float) else math.nan,
        decision_id=str(body.get("decision", "")),
        feedback_id=item.feedback_id,
        observed_at=at if isinstance(at, int | float) else 0.0,
        tenant=item.tenant,
        workspace=item.workspace,
    )


def _problem(item: object) -> str:
    """Why `item` is no reward; empty if it is one."""
    if not isinstance(item, TrajectoryFeedback):
        return f"found a {type(item).__name__}, expected a TrajectoryFeedback"
    try:
        checked(_feedback(item))
    except RowError as error:
        return str(error)
    except (AttributeError, TypeError, ValueError) as error:  # parts that are no numbers, or no mapping
        return f"score_parts: expected names and numbers ({error})"[:SHOWN]
    return ""


def _feedback(item: TrajectoryFeedback) -> Feedback:
    at = here()
    reward = values.number("reward", item.reward)
    return Feedback(
        feedback_id=item.feedback_id or _clock.new_id(),
        kind="explicit",
        signal="score",
        value=reward,
        reward=reward,
        comment=" ".join(f"{name}={score:.3g}" for name, score in item.score_parts.items()),
        source=item.source,
        prediction_id=item.prediction_id,
        decision_id=item.decision_id,
        observed_at=item.observed_at or _clock.wall_ns() / 1e9,
        trace_id=item.trace_id,
        tenant=item.tenant or at.tenant,
        workspace=item.workspace or at.workspace,
    )
