"""What the pages and commands show of the feedback loop, added up by the database; nothing here is ever changed."""

from __future__ import annotations

from dataclasses import fields
from itertools import groupby
from typing import TYPE_CHECKING

import sqlalchemy as sa

from stagelight.sink.rows import Feedback
from stagelight.store.codec import clean, loads
from stagelight.store.database import owned
from stagelight.store.loop import ROUTER, ArmPoint, FeedbackPoint, PolicyNote, QueueCounts, RewardPoint, consumer_of
from stagelight.store.loop_tables import decisions, delivery, policies
from stagelight.store.tables import feedback

if TYPE_CHECKING:
    from collections.abc import Collection

    from stagelight.store.database import Database

SECOND = 1_000_000_000


class LoopReports:
    """Decisions, rewards and verdicts over time; `Store.loop_reports`.

    Times are nanoseconds since 1970, of when things happened; a step begins at `since_ns` plus whole steps.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def routers(self, *, tenant: str | None = None) -> list[str]:
        """Return the routers that have decided, have something to learn, or have learned something."""
        names = (
            sa.select(decisions.c.router).where(*owned(decisions, tenant)),
            sa.select(policies.c.router).where(*owned(policies, tenant)),
            sa.select(delivery.c.consumer).where(*owned(delivery, tenant)),
        )
        with self._database.reading() as connection:
            found = {name for chosen in names for name in connection.execute(chosen.distinct()).scalars()}
        return sorted({name.removeprefix(ROUTER) for name in found})

    def arm_shares(
        self, router: str, since_ns: int, until_ns: int, step_ns: int, tenant: str | None = None
    ) -> list[ArmPoint]:
        """Return how often each arm was chosen in each step, by time and arm; steps without a decision are left out."""
        step = self._step(decisions.c.observed_at, since_ns, step_ns)
        chosen = (
            sa.select(step, decisions.c.arm, sa.func.count())
            .where(
                decisions.c.router == clean(router), *_within(decisions, since_ns, until_ns), *owned(decisions, tenant)
            )
            .group_by(step, decisions.c.arm)
            .order_by(step, decisions.c.arm)
        )
        with self._database.reading() as connection:
            rows = connection.execute(chosen).all()
        points: list[ArmPoint] = []
        for number, group in groupby(rows, key=lambda row: row[0]):
            arms = [(row[1], row[2]) for row in group]
            total = sum(count for _, count in arms)
            at = since_ns + number * step_ns
            points += [ArmPoint(time_ns=at, arm=arm, decisions=count, share=count / total) for arm, count in arms]
        return points

    def rewards(
        self, router: str, since_ns: int, until_ns: int, step_ns: int, tenant: str | None = None
    ) -> list[RewardPoint]:
        """Return what each arm earned in each step, by time and arm: the rewards that were queued for `router`."""
        step = self._step(feedback.c.observed_at, since_ns, step_ns)
        same = (feedback.c[name] == delivery.c[name] for name in ("feedback_id", "tenant", "workspace"))
        chosen = (
            sa.select(step, delivery.c.arm, sa.func.count(), sa.func.avg(feedback.c.reward))
            .select_from(feedback.join(delivery, sa.and_(*same, delivery.c.consumer == clean(consumer_of(router)))))
            .where(feedback.c.reward.is_not(None), *_within(feedback, since_ns, until_ns), *owned(feedback, tenant))
            .group_by(step, delivery.c.arm)
            .order_by(step, delivery.c.arm)
        )
        with self._database.reading() as connection:
            return [
                RewardPoint(time_ns=since_ns + number * step_ns, arm=arm, rewards=count, mean=mean)
                for number, arm, count, mean in connection.execute(chosen)
            ]

    def learned(self, since_ns: int, until_ns: int, step_ns: int) -> dict[tuple[str, str, str], list[RewardPoint]]:
        """Return what was learned of the rewards given in each step, for each router, tenant and workspace."""
        step = self._step(feedback.c.observed_at, since_ns, step_ns)
        same = (feedback.c[name] == delivery.c[name] for name in ("feedback_id", "tenant", "workspace"))
        by = delivery.c.consumer, delivery.c.tenant, delivery.c.workspace, step, delivery.c.arm
        chosen = (
            sa.select(*by, sa.func.count(), sa.func.avg(feedback.c.reward))
            .select_from(feedback.join(delivery, sa.and_(*same, delivery.c.state == "done")))
            .where(
                feedback.c.reward.is_not(None),
                *_within(feedback, since_ns, until_ns),
                delivery.c.consumer.startswith(ROUTER, autoescape=True),
            )
            .group_by(*by)
            .order_by(*by)
        )
        found: dict[tuple[str, str, str], list[RewardPoint]] = {}
        with self._database.reading() as connection:
            for consumer, tenant, workspace, number, arm, count, mean in connection.execute(chosen):
                point = RewardPoint(time_ns=since_ns + number * step_ns, arm=arm, rewards=count, mean=mean)
                found.setdefault((consumer.removeprefix(ROUTER), tenant, workspace), []).append(point)
        return found

    def choices(
        self, routers: Collection[str], since_ns: int, until_ns: int
    ) -> dict[tuple[str, str, str], dict[str, int]]:
        """Return how often each arm was chosen, for each of `routers` by tenant and workspace."""
        by = decisions.c.router, decisions.c.tenant, decisions.c.workspace, decisions.c.arm
        within = decisions.c.router == sa.bindparam("router_is"), *_within(decisions, since_ns, until_ns)
        chosen = sa.select(*by, sa.func.count()).where(*within).group_by(*by)
        found: dict[tuple[str, str, str], dict[str, int]] = {}
        with self._database.reading() as connection:
            for name in sorted(routers):
                for router, tenant, workspace, arm, count in connection.execute(chosen, {"router_is": clean(name)}):
                    found.setdefault((router, tenant, workspace), {})[arm] = count
        return found

    def feedback_counts(
        self, since_ns: int, until_ns: int, step_ns: int, tenant: str | None = None
    ) -> list[FeedbackPoint]:
        """Return how much feedback of each kind and signal there was in each step, by time."""
        step = self._step(feedback.c.observed_at, since_ns, step_ns)
        by = step, feedback.c.kind, feedback.c.signal
        means = sa.func.avg(feedback.c.value), sa.func.avg(feedback.c.reward)
        chosen = (
            sa.select(*by, sa.func.count(), *means)
            .where(*_within(feedback, since_ns, until_ns), *owned(feedback, tenant))
            .group_by(*by)
            .order_by(*by)
        )
        with self._database.reading() as connection:
            return [
                FeedbackPoint(
                    time_ns=since_ns + number * step_ns,
                    kind=kind,
                    signal=signal,
                    count=count,
                    mean_value=value,
                    mean_reward=reward,
                )
                for number, kind, signal, count, value, reward in connection.execute(chosen)
            ]

    def queue(self, consumer: str, tenant: str | None = None) -> QueueCounts:
        """Return how many items of `consumer` are in each state, and since when the oldest waits."""
        settled = (
            sa.select(delivery.c.state, sa.func.count(), sa.func.min(delivery.c.queued_ns))
            .where(delivery.c.consumer == clean(consumer), *owned(delivery, tenant))
            .group_by(delivery.c.state)
        )
        with self._database.reading() as connection:
            found = {state: (count, first) for state, count, first in connection.execute(settled)}
        open_ = [found[state][1] for state in ("waiting", "leased") if state in found]
        counts = {state: found.get(state, (0, 0))[0] for state in ("waiting", "leased", "done", "dead", "purged")}
        return QueueCounts(**counts, oldest_ns=min(open_, default=0))

    def policies(self, *, tenant: str | None = None) -> list[PolicyNote]:
        """Return which routers learn, in which tenants and workspaces, by name."""
        chosen = sa.select(policies).where(policies.c.version > 0, *owned(policies, tenant))
        by = policies.c.router, policies.c.tenant, policies.c.workspace
        with self._database.reading() as connection:
            return [
                PolicyNote(
                    router=row.router,
                    tenant=row.tenant,
                    workspace=row.workspace,
                    kind=str(loads(row.state).get("kind", "")),
                    version=row.version,
                    changed_ns=row.seen_ns,
                )
                for row in connection.execute(chosen.order_by(*by))
            ]

    def latest(self, limit: int, *, tenant: str | None = None) -> list[Feedback]:
        """Return the latest feedback, newest first."""
        newest = (
            sa.select(feedback).where(*owned(feedback, tenant)).order_by(feedback.c.observed_at.desc()).limit(limit)
        )
        names = [field.name for field in fields(Feedback)]
        with self._database.reading() as connection:
            return [Feedback(**{name: getattr(row, name) for name in names}) for row in connection.execute(newest)]

    def sentiments(self, since_ns: int, until_ns: int, tenant: str | None = None) -> dict[str, int]:
        """Return how many comments had each tone; those without a tone are left out."""
        tone = feedback.c.sentiment
        chosen = (
            sa.select(tone, sa.func.count())
            .where(tone != "", *_within(feedback, since_ns, until_ns), *owned(feedback, tenant))
            .group_by(tone)
            .order_by(tone)
        )
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(chosen)}

    def _step(self, moment: sa.Column[float], since_ns: int, step_ns: int) -> sa.Label[int]:
        """Return the number of the step that `moment`, in seconds, lies in."""
        steps = (moment - since_ns / SECOND) / (step_ns / SECOND)
        # SQLite's cast cuts off, and need not know floor(); PostgreSQL's rounds.
        whole = steps if self._database.is_sqlite else sa.func.floor(steps)
        return sa.cast(whole, sa.BigInteger).label("step")


def _within(table: sa.Table, since_ns: int, until_ns: int) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.observed_at >= since_ns / SECOND, table.c.observed_at < until_ns / SECOND
