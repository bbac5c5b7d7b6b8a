"""The metrics of the loop, told where an item is settled, and the depth of the queue as it is when somebody looks."""

from __future__ import annotations

import os
import threading
from collections import Counter
from typing import TYPE_CHECKING

from stagelight.catalogue import rl_feedback as rows
from stagelight.sink import news
from stagelight.telemetry.flight import Deadline, Flight
from stagelight.telemetry.instruments import counter, gauge, histogram
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stagelight.catalogue import Metric
    from stagelight.sink.rows import Decision
    from stagelight.store.loop import Settled

    Depths = Mapping[tuple[str, str], int]
    Look = Callable[[], tuple[Depths, Depths]]

UNNAMED = Tenancy().tenant  #: The tenant and the workspace of rows that were given none.
LOOK_S = 1.0  #: What a scrape waits for the queue's depth; past it the last known one is shown.


class Measures:
    """What a process tells of the queues that it knows of."""

    def __init__(self) -> None:
        """Know of none."""
        self._lock = threading.Lock()
        self._known: set[Tenancy] = set()
        self._unnamed = Tenancy()
        self._look: Look | None = None
        self._process = os.getpid()
        self._flight = Flight("queue-depth", self._refresh)

    def forget(self) -> None:
        """Know of none again; for tests."""
        news.unsubscribe(self.queued)
        self._known, self._unnamed, self._look = set(), Tenancy(), None

    def call_unnamed(self, labels: Mapping[str, str] | None) -> None:
        """Label with `labels` what carries no tenant or workspace of its own."""
        if labels:
            given = {name: str(labels[name]) for name in Tenancy._fields if labels.get(name)}
            self._unnamed = self._unnamed._replace(**given)
            self.declare([self._unnamed])

    def watch(self, look: Look) -> None:
        """Ask `look` how many wait and how many are dead whenever that is shown: it is right although no loop runs."""
        self._look = look
        news.subscribe(self.queued)
        gauge(rows.RL_FEEDBACK_QUEUE_DEPTH).refreshed_by(self.refresh)
        gauge(rows.RL_FEEDBACK_DEAD).exist()  # after it, so that it is shown as it was refreshed

    def refresh(self) -> None:
        """Look at the queue now; a store that does not answer in time leaves what was known."""
        if self._process != os.getpid():  # a forked child has none of its parent's threads
            self._process, self._flight = os.getpid(), Flight("queue-depth", self._refresh)
        self._flight.wait(self._flight.ask(), Deadline(LOOK_S))

    def declare(self, owners: Iterable[Tenancy]) -> None:
        """Have every counter exist at 0 for `owners`, so that the first of each is an increase."""
        new = {self.named(owner) for owner in owners} - self._known
        with self._lock:
            self._known |= new
        for owner in new:
            for row in (rows.RL_FEEDBACK_PROCESSED, rows.RL_FEEDBACK_FAILED, rows.TRAJECTORY_EMISSIONS):
                counter(row).declare(**owner._asdict())
            # A gauge of which nothing was ever set is not asked when the page is read.
            gauge(rows.RL_FEEDBACK_QUEUE_DEPTH).labels(**owner._asdict()).inc(0)

    def named(self, owner: tuple[str, str]) -> Tenancy:
        """Return the labels of what belongs to `owner`."""
        found = (default if own in ("", UNNAMED) else own for own, default in zip(owner, self._unnamed, strict=True))
        return Tenancy(*found)

    def settled(self, items: Settled, took_ms: float) -> None:
        """Count what was learned and what was not, each for its own tenant, and the time it took for each of them."""
        done = Counter((item.tenant, item.workspace) for item in items.done)
        dead = Counter((item.tenant, item.workspace) for item, _ in items.dead)
        self.declare(Tenancy(*owner) for owner in done | dead)
        self._count(rows.RL_FEEDBACK_PROCESSED, done)
        self._count(rows.RL_FEEDBACK_FAILED, dead)
        for owner in {self.named(owner) for owner in done | dead}:
            histogram(rows.RL_FEEDBACK_LATENCY).labels(**owner._asdict()).observe(took_ms)

    def queued(self, counts: Depths) -> None:
        """Count rewards that entered the queue."""
        self.declare(Tenancy(*owner) for owner in counts)
        self._count(rows.TRAJECTORY_EMISSIONS, counts)

    def chosen(self, decision: Decision) -> None:
        """Count a choice."""
        owner = self.named((decision.tenant, decision.workspace))
        counter(rows.ROUTER_DECISIONS).labels(router=decision.router, arm=decision.arm, **owner._asdict()).inc()

    def favourite(self, router: str, owner: Tenancy, share: float) -> None:
        """Show how much a router would send to its favourite arm now."""
        gauge(rows.ROUTER_BEST_ARM_SHARE).labels(router=router, **self.named(owner)._asdict()).set(share)

    def _refresh(self) -> bool:
        if self._look is not None:
            waiting, dead = self._look()
            self.declare(Tenancy(*owner) for owner in (*waiting, *dead))
            self._show(rows.RL_FEEDBACK_QUEUE_DEPTH, waiting)
            self._show(rows.RL_FEEDBACK_DEAD, dead)
        return True

    def _count(self, row: Metric, counts: Depths) -> None:
        for owner, count in counts.items():
            counter(row).labels(**self.named(owner)._asdict()).inc(count)

    def _show(self, row: Metric, counts: Depths) -> None:
        """Show these counts, and 0 for everyone else who is known."""
        shown = dict.fromkeys(self._known, 0)
        for owner, count in counts.items():
            shown[self.named(owner)] = shown.get(self.named(owner), 0) + count
        for labels, count in shown.items():
            gauge(row).labels(**labels._asdict()).set(count)


measures = Measures()  #: The process's own.
