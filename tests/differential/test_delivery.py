"""The queue against a plain model: whatever is done in whatever order, both hold the same."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from queues import HERE, WHO, adding, item, learned, numbers_of, sums
from stagelight import _clock
from stagelight.store import open_store
from stagelight.store.delivery import SUSPECT
from stagelight.store.loop import MAX_ATTEMPTS, Item
from stagelight.testing import SteppingClock

LEASE_S = 30.0


@dataclass
class Model:
    """One item as it should be."""

    number: int
    state: str = "waiting"  # or done, dead, purged
    attempts: int = 0
    holder: object = None
    until: float = 0.0


@dataclass
class Batch:
    """What a worker holds."""

    items: list[Item]
    token: object = field(default_factory=object)


class QueueMachine(RuleBasedStateMachine):
    """Producers, workers, operators and the clock."""

    batches: Bundle[Batch] = Bundle("batches")
    empty: Path

    @initialize()
    def opened(self) -> None:
        """Open a new store under a clock of our own."""
        self.stack = ExitStack()
        self.clock = SteppingClock()
        self.stack.enter_context(_clock.replaced(clock=self.clock))
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.path = Path(shutil.copy(self.empty, folder))
        self.store = open_store(self.path)
        self.model: dict[int, Model] = {}  # in the order they were queued
        self.order: list[int] = []

    def teardown(self) -> None:
        """Close everything."""
        if hasattr(self, "store"):
            self.store.close()
            self.stack.close()

    @rule(numbers=st.lists(st.integers(0, 30), max_size=8))
    def put(self, numbers: list[int]) -> None:
        """Only the new ones count."""
        new = {number: Model(number) for number in numbers if number not in self.model}
        assert self.store.deliveries.put([item(number) for number in numbers]) == len(new)
        self.model |= new

    @rule(target=batches, limit=st.integers(1, 6))
    def take(self, limit: int) -> Batch:
        """The oldest that are due come, suspects alone."""
        due = [one for one in self.model.values() if self.is_due(one)][:limit]
        suspect = next((index for index, one in enumerate(due) if one.attempts >= SUSPECT), len(due))
        expected = due[: max(1, suspect)]
        batch = Batch(self.store.deliveries.take(WHO, limit, lease_seconds=LEASE_S))
        assert numbers_of(batch.items) == [one.number for one in expected]
        for one, given in zip(expected, batch.items, strict=True):
            one.attempts += 1
            one.holder, one.until = batch.token, self.clock.now + LEASE_S
            assert given.attempts == one.attempts
        return batch

    @rule(batch=consumes(batches), bad=st.sets(st.integers(0, 30)))
    def settle(self, batch: Batch, bad: set[int]) -> None:
        """What is still held is learned or dead; what is not is lost."""

        def teach(state: object, items: list[Item]) -> tuple[object, dict[str, str]]:
            good = [one for one in items if one.body["number"] not in bad]
            new, _ = adding(state, good)  # type: ignore[arg-type]
            return new, {one.feedback_id: "bad" for one in items if one.body["number"] in bad}

        mine = self.held(batch)
        settled = self.store.policies.settle(batch.items, teach)
        dead = [one for one in mine if one.number in bad or one.attempts > MAX_ATTEMPTS]
        assert settled.lost == len(batch.items) - len(mine)
        assert numbers_of([one for one, _ in settled.dead]) == [one.number for one in dead]
        for one in mine:
            one.state, one.holder = ("dead" if one in dead else "done"), None
        done = [one.number for one in mine if one.state == "done"]
        assert numbers_of(list(settled.done)) == done
        self.order += done

    @rule(batch=consumes(batches))
    def release(self, batch: Batch) -> None:
        """What is still held waits again."""
        mine = self.held(batch)
        assert self.store.deliveries.release(batch.items) == len(mine)
        for one in mine:
            one.holder, one.attempts = None, one.attempts - 1

    @rule(_batch=consumes(batches))
    def killed(self, _batch: Batch) -> None:
        """A worker that is killed says nothing."""

    @rule(seconds=st.sampled_from([1.0, 15.0, 31.0]))
    def wait(self, seconds: float) -> None:
        """Leases end."""
        self.clock.advance(seconds=seconds)

    @rule()
    def purge(self) -> None:
        """What is due is gone."""
        due = [one for one in self.model.values() if self.is_due(one)]
        assert self.store.deliveries.purge(WHO) == len(due)
        for one in due:
            one.state, one.holder = "purged", None

    @rule()
    def requeue(self) -> None:
        """The dead get another chance."""
        dead = [one for one in self.model.values() if one.state == "dead"]
        assert self.store.deliveries.requeue(WHO) == len(dead)
        for one in dead:
            one.state, one.attempts = "waiting", 0

    @rule(days=st.integers(1, 200))
    def expire(self, days: int) -> None:
        """Nothing that is open goes with time; what is gone was learned, and is queued anew if it is sent anew."""
        self.clock.advance(days=days)
        self.store.admin.expire()
        kept = {
            number
            for state in ("waiting", "done", "dead", "purged")
            for number in numbers_of(self.store.deliveries.peek(WHO, 100, state))  # type: ignore[arg-type]
        }
        for number in [*self.model]:
            if number not in kept:
                assert self.model[number].state in ("done", "dead", "purged")
                del self.model[number]

    @rule()
    def restart(self) -> None:
        """Another process finds what this one left."""
        self.store.close()
        self.store = open_store(self.path)

    def is_due(self, one: Model) -> bool:
        """Whether it may be handed out."""
        return one.state == "waiting" and (one.holder is None or one.until <= self.clock.now)

    def held(self, batch: Batch) -> list[Model]:
        """What of a batch is still its holder's."""
        numbers = set(numbers_of(batch.items))
        return [
            one
            for one in self.model.values()
            if one.number in numbers and one.holder is batch.token and one.state == "waiting"
        ]

    @invariant()
    def both_hold_the_same(self) -> None:
        """Depth, states, what was learned, and in which order."""
        if not hasattr(self, "store"):
            return
        open_ = sum(one.state == "waiting" for one in self.model.values())
        assert self.store.deliveries.depth(WHO) == ({("default", "default"): open_} if open_ else {})
        counts = self.store.loop_reports.queue(WHO)
        assert counts.depth == open_
        for state in ("done", "dead", "purged"):
            assert getattr(counts, state) == sum(one.state == state for one in self.model.values())
        assert learned(self.store) == sums(self.order)
        base = self.store.policies.base("default", **HERE)
        replayed = list(self.store.policies.replay("default", **HERE))
        assert numbers_of(replayed) == self.order[base.state["count"] if base else 0 :]
        assert adding(base.state if base else None, replayed)[0] == learned(self.store)


@pytest.fixture(autouse=True)
def _empty(empty_store: Path) -> None:
    """A file with the tables."""
    QueueMachine.empty = empty_store


def run(examples: int) -> None:
    """Draw so many courses."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        QueueMachine,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_any_course_of_events_is_as_the_model_says() -> None:
    """Whatever producers, workers, operators and the clock do, the queue holds what a plain model of it holds."""
    run(15)


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_many_courses_of_events_are_as_the_model_says() -> None:
    """The same, for thousands of courses."""
    run(3_000)
