"""The Feedback page: what users say and do, what waits to be learned from it, and what the model routers make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stagelight.store.loop import consumer_of
from stagelight.web.view_overview import WINDOWS
from stagelight.web.view_routers import NS, RouterView, Steps, router_view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagelight.sink.rows import Feedback
    from stagelight.store import Store
    from stagelight.store.loop import ArmPoint, FeedbackPoint, Item, QueueCounts

FINE: Final = 600  #: Parts of a window that the store is asked for; what is empty at its ends is not shown.
NEAREST_NS: Final = NS // 100  #: No part is shorter.
LATEST: Final = 10
DEAD_SHOWN: Final = 20
ROUTERS_SHOWN: Final = 20  #: Names come from programs, and each costs a few queries.
RATING_BEST: Final = 5


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A line of the table of signals."""

    name: str
    kind: str
    count: int
    value: float | None  #: The mean of what it carries; None where it carries no number.
    reward: float | None  #: Its mean; None where nothing is learned from it.
    counts: str  #: For a small chart.
    course: str  #: What was said over time, for a small chart; empty where it carries no number.

    @property
    def said(self) -> str:
        """What it comes to, as a reader of the page would say it; empty where it carries no number."""
        if self.value is None:
            return ""
        if self.name == "thumbs":
            return f"{100 * self.value:.0f} % up"
        return f"{self.value:.1f} of {RATING_BEST}" if self.name == "rating" else f"{self.value:.3g} on average"


@dataclass(frozen=True, slots=True)
class QueueRow:
    """What one router has still to learn, and what became of the rest."""

    router: str
    counts: QueueCounts
    owners: Mapping[tuple[str, str], int]  #: What waits for each tenant and workspace.


@dataclass(frozen=True, slots=True)
class FeedbackView:
    """What the page shows."""

    window: str
    routers: tuple[RouterView, ...]
    more_routers: int  #: That are not shown.
    signals: tuple[SignalRow, ...]
    queue: tuple[QueueRow, ...]
    dead: tuple[Item, ...]  #: The first of them.
    latest: tuple[Feedback, ...]
    sentiments: Mapping[str, int]  #: Comments by their tone.

    @property
    def decisions(self) -> int:
        """How often all routers chose."""
        return sum(router.decisions for router in self.routers)

    @property
    def waiting(self) -> int:
        """How many rewards wait in all."""
        return sum(row.counts.depth for row in self.queue)

    @property
    def dead_count(self) -> int:
        """How many rewards could not be learned."""
        return sum(row.counts.dead for row in self.queue)

    @property
    def count(self) -> int:
        """How much feedback there was."""
        return sum(row.count for row in self.signals)

    @property
    def thumbs(self) -> float | None:
        """The share of thumbs that were up; None without thumbs."""
        return next((row.value for row in self.signals if row.name == "thumbs"), None)

    @property
    def many_owners(self) -> bool:
        """Whether several tenants or workspaces are shown at once."""
        owners = {owner for row in self.queue for owner in row.owners}
        return len(owners | {(note.tenant, note.workspace) for router in self.routers for note in router.policies}) > 1

    @property
    def empty(self) -> bool:
        """Nothing has ever arrived."""
        return not (self.routers or self.latest)


@dataclass(frozen=True, slots=True)
class _Window:
    """What happened within one window."""

    name: str
    since_ns: int
    until_ns: int
    said: Sequence[FeedbackPoint]
    chosen: Mapping[str, Sequence[ArmPoint]]  #: By router.

    @property
    def happened(self) -> bool:
        """Whether anything did."""
        return bool(self.said) or any(self.chosen.values())

    @property
    def fine_ns(self) -> int:
        """How long one part is."""
        return (self.until_ns - self.since_ns) // FINE

    @property
    def steps(self) -> Steps:
        """The steps of all charts, so that one can be read below the other."""
        found = [point.time_ns for point in self.said]
        found += [point.time_ns for points in self.chosen.values() for point in points]
        return Steps.around(found or [self.since_ns], self.fine_ns)


def feedback(store: Store, window: str, *, now_ns: int, tenant: str | None = None) -> FeedbackView:
    """Return the page for the last `window`, one of `WINDOWS`; any other word: the shortest in which anything happened."""
    reports = store.loop_reports
    known = reports.routers(tenant=tenant)
    names = known[:ROUTERS_SHOWN]
    asked = [window] if window in WINDOWS else [*WINDOWS]
    seen = _happened(store, names, asked, now_ns, tenant)
    steps, notes = seen.steps, reports.policies(tenant=tenant)
    since, until = seen.since_ns, seen.until_ns
    dead = [
        one for name in names for one in store.deliveries.peek(consumer_of(name), DEAD_SHOWN, "dead", tenant=tenant)
    ]
    return FeedbackView(
        window=seen.name,
        more_routers=len(known) - len(names),
        routers=tuple(
            router_view(
                name, notes, steps, points, reports.rewards(name, since, until, seen.fine_ns, tenant) if points else ()
            )
            for name, points in seen.chosen.items()
        ),
        signals=_signals(steps, seen.said),
        queue=_queue(store, names, tenant),
        dead=tuple(dead[:DEAD_SHOWN]),
        latest=tuple(reports.latest(LATEST, tenant=tenant)),
        sentiments=reports.sentiments(since, until, tenant),
    )


def requeue(store: Store, consumer: str, feedback_id: str, tenant: str | None) -> int:
    """Let dead letters wait again: the one of `feedback_id`, else all of `consumer`, else all; return how many."""
    consumers = [consumer] if consumer else [consumer_of(name) for name in store.loop_reports.routers(tenant=tenant)]
    chosen = [feedback_id] if feedback_id else None
    return sum(store.deliveries.requeue(one, chosen, tenant=tenant) for one in consumers)


def _happened(store: Store, routers: Sequence[str], windows: Sequence[str], now_ns: int, tenant: str | None) -> _Window:
    """Return the first of `windows` in which anything happened; the first one where nothing ever did."""
    looks = (_window(store, routers, name, _cut(name, now_ns), tenant) for name in windows)
    seen = next((look for look in looks if look.happened), None)
    if seen is None:
        return _window(store, routers, windows[0], _cut(windows[0], now_ns), tenant)
    return _nearer(store, routers, seen, tenant)


def _cut(window: str, now_ns: int) -> tuple[int, int]:
    """Return where a window begins and how long its parts are, in whole parts: else every refresh would cut elsewhere."""
    fine = WINDOWS[window] * NS // FINE
    return (now_ns // fine + 1 - FINE) * fine, fine


def _nearer(store: Store, routers: Sequence[str], seen: _Window, tenant: str | None) -> _Window:
    """Return `seen`, or a look at the part of it in which all happened where that is small: a run of seconds in a day.

    Seconds may lie in two parts of minutes each: it goes nearer until that shows no more.
    """
    steps = seen.steps
    fine = max(NEAREST_NS, -(-steps.count * steps.step_ns // FINE))
    if 2 * fine > seen.fine_ns:
        return seen
    return _nearer(store, routers, _window(store, routers, seen.name, (steps.since_ns, fine), tenant), tenant)


def _window(store: Store, routers: Sequence[str], name: str, cut: tuple[int, int], tenant: str | None) -> _Window:
    since, fine = cut
    until, reports = since + FINE * fine, store.loop_reports
    return _Window(
        name=name,
        since_ns=since,
        until_ns=until,
        said=reports.feedback_counts(since, until, fine, tenant),
        chosen={router: reports.arm_shares(router, since, until, fine, tenant) for router in routers},
    )


def _signals(steps: Steps, points: Sequence[FeedbackPoint]) -> tuple[SignalRow, ...]:
    """Return a line for each signal, the most frequent first."""
    by_signal: dict[tuple[str, str], list[FeedbackPoint]] = {}
    for point in points:
        by_signal.setdefault((point.signal, point.kind), []).append(point)
    rows = [_signal(steps, name, kind, found) for (name, kind), found in by_signal.items()]
    return tuple(sorted(rows, key=lambda row: (-row.count, row.name)))


def _signal(steps: Steps, name: str, kind: str, points: Sequence[FeedbackPoint]) -> SignalRow:
    counts, valued, sums = [0] * steps.count, [0] * steps.count, [0.0] * steps.count
    for point in points:
        at = steps.at(point.time_ns)
        counts[at] += point.count
        if point.mean_value is not None:
            valued[at] += point.count
            sums[at] += point.count * point.mean_value
    taught = [point for point in points if point.mean_reward is not None]
    return SignalRow(
        name=name,
        kind=kind,
        count=sum(counts),
        value=sum(sums) / sum(valued) if any(valued) else None,
        reward=_mean([(point.count, point.mean_reward or 0.0) for point in taught]),
        counts=steps.course(counts, [0] * steps.count),
        course=steps.course(total / count if count else None for total, count in zip(sums, valued, strict=True))
        if any(valued)
        else "",
    )


def _mean(weighed: Sequence[tuple[int, float]]) -> float | None:
    total = sum(weight for weight, _ in weighed)
    return sum(weight * value for weight, value in weighed) / total if total else None


def _queue(store: Store, routers: Sequence[str], tenant: str | None) -> tuple[QueueRow, ...]:
    consumers = [(name, consumer_of(name)) for name in routers]
    counted, waiting = store.loop_reports.queue, store.deliveries.depth
    return tuple(QueueRow(name, counted(one, tenant), waiting(one, tenant)) for name, one in consumers)
