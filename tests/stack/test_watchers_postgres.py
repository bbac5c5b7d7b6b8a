"""Scheduled tasks on a real PostgreSQL: of several workers one runs, and the watchers read there what they do on SQLite."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from queues import decision, feedback
from stagelight import _clock, loops
from stagelight.store import current, open_store
from stagelight.store.loop import consumer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres import Postgres
    from stagelight.store import Store


@pytest.fixture(scope="module")
def store(postgres: Postgres) -> Iterator[Store]:
    """A store in an empty database."""
    with open_store(postgres.create("watchers")) as opened:
        yield opened


def test_of_several_holders_one_has_a_lease(store: Store) -> None:
    """Who holds it may hold it longer; another gets it when it is given back."""
    take = store.leases.take
    assert (take("t", "a", seconds=60), take("t", "a", seconds=60), take("t", "b", seconds=60)) == (True, True, False)
    store.leases.release("t", "a", done=True)
    assert take("t", "b", seconds=60)
    assert store.leases.done_ns("t")


def test_the_watchers_on_postgresql(store: Store) -> None:
    """What was learned of the last hour's rewards, and that the arm is found which earned more."""
    now = _clock.wall_ns() / 1e9
    store.policies.put("default", {"arms": ["a", "b"]}, version=0, tenant="default", workspace="default")
    made = [decision(number, arm="ab"[number % 2], observed_at=now - 60 - number) for number in range(60)]
    said = [
        replace(feedback(number, 0.9 if number % 2 else 0.1, decision_id=f"d{number}"), observed_at=now - number)
        for number in range(60)
    ]
    store.rows.write([*made, *said])
    with current.using(store):
        assert loops.watch_feedback_learning()["routers"][0]["learned"] == 0
        store.policies.settle(store.deliveries.take(consumer_of("default"), 100), lambda state, _: (state, {}))
        (router,) = loops.watch_feedback_learning()["routers"]
        (found,) = loops.watch_experiments()["experiments"]
    assert (router["learned"], router["mean_reward"], router["version"]) == (60, pytest.approx(0.5), 2)
    assert (found["state"], found["best"], found["share"]) == ("decided", "b", 0.5)
