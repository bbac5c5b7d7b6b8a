"""What every queue must do, whatever keeps it; the tests of each kind run the same sentences.

A class of tests gives the fixture `store`. The policy that learns here adds up: how many items, the sum of their
numbers and the sum of the squares, so that a lost, doubled or swapped item shows.
"""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stagelight import _clock
from stagelight.sink.rows import Decision, Feedback, Prediction
from stagelight.store import open_store
from stagelight.store.loop import MAX_ATTEMPTS, SHARDS, Item, PolicyRow, shard_of
from stagelight.testing import SteppingClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stagelight.store import Store

WHO = "router:default"
HERE = {"tenant": "default", "workspace": "default"}
DRAIN = """
import sys
from queues import drained
from stagelight.store import open_store
with open_store(sys.argv[1], redis_url=sys.argv[2]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    print(drained(store))
"""


def item(number: int, *, tenant: str = "default", workspace: str = "default", who: str = WHO, **body: Any) -> Item:
    """An item that teaches `number`."""
    return Item(tenant, workspace, who, f"f{number}", {"number": number, "arm": "a"} | body)


def adding(state: Mapping[str, Any] | None, items: Sequence[Item]) -> tuple[dict[str, Any], dict[str, str]]:
    """Learn the sums; an item without a number is dead."""
    dead = {one.feedback_id: "it has no number" for one in items if not isinstance(one.body.get("number"), int)}
    numbers = [one.body["number"] for one in items if one.feedback_id not in dead]
    old = state or {"count": 0, "sum": 0, "squares": 0}
    return {
        "count": old["count"] + len(numbers),
        "sum": old["sum"] + sum(numbers),
        "squares": old["squares"] + sum(number * number for number in numbers),
    }, dead


def sums(numbers: Sequence[int]) -> dict[str, int]:
    """What has been learned from `numbers`, each once."""
    return {"count": len(numbers), "sum": sum(numbers), "squares": sum(number * number for number in numbers)}


def learned(store: Store, tenant: str = "default", workspace: str = "default") -> dict[str, Any]:
    """What the policy has learned."""
    row = store.policies.get("default", tenant=tenant, workspace=workspace)
    return row.state if row else sums([])


def drained(store: Store, *, limit: int = 25) -> int:
    """Take and learn until nothing is left, and say how many items that was; others may do the same meanwhile."""
    done = 0
    while store.deliveries.depth(WHO):
        items = store.deliveries.take(WHO, limit)
        done += len(store.policies.settle(items, adding).done)
        if not items:
            time.sleep(0.005)  # others hold the rest
    return done


def numbers_of(items: Sequence[Item]) -> list[int]:
    """What items teach."""
    return [one.body["number"] for one in items]


def feedback(number: int, reward: float | None = 1.0, **about: Any) -> Feedback:
    """A verdict."""
    return Feedback(
        feedback_id=f"f{number}", kind="explicit", signal="thumbs", observed_at=50.0, reward=reward, **about
    )


def decision(number: int, **more: Any) -> Decision:
    """A choice."""
    given = {"arm": f"arm{number}", "context": (0.5, 1.0), "propensity": 0.25, "observed_at": float(number)} | more
    return Decision(decision_id=f"d{number}", **given)


class QueueConformance:
    """The sentences."""

    @pytest.fixture
    def stepping(self) -> Iterator[SteppingClock]:
        """Time that passes when told."""
        clock = SteppingClock()
        with _clock.replaced(clock=clock):
            yield clock

    def test_what_was_queued_is_learned_once(self, store: Store) -> None:
        """Items come in the order they were queued, are learned, and are gone; the same ids again are refused."""
        assert store.deliveries.put([item(number) for number in range(5)]) == 5
        assert store.deliveries.put([item(number) for number in range(6)]) == 1
        assert store.deliveries.depth(WHO) == {("default", "default"): 6}

        first, rest = store.deliveries.take(WHO, 4), store.deliveries.take(WHO, 4)

        assert (numbers_of(first), numbers_of(rest)) == ([0, 1, 2, 3], [4, 5])
        assert {(one.attempts, one.state) for one in first} == {(1, "leased")}
        assert store.policies.settle(first + rest, adding).lost == 0
        assert learned(store) == sums(range(6))
        assert store.deliveries.put([item(3)]) == 0
        assert store.deliveries.take(WHO, 10) == []
        assert store.deliveries.depth(WHO) == {}

    def test_nothing_is_nothing(self, store: Store) -> None:
        """No items, no work, no policy."""
        assert store.deliveries.put([]) == 0
        assert store.deliveries.take(WHO, 10) == []
        assert store.deliveries.take(WHO, 0) == []
        assert store.deliveries.release([]) == 0
        assert store.policies.settle([], adding).lost == 0
        assert store.policies.get("default", **HERE) is None

    def test_a_lease_ends(self, store: Store, stepping: SteppingClock) -> None:
        """What a worker took and did not settle is handed out again within 60 s; the first worker's effect is refused."""
        store.deliveries.put([item(1)])
        lost = store.deliveries.take(WHO, 10, lease_seconds=30)
        stepping.advance(seconds=29)
        assert store.deliveries.take(WHO, 10) == []
        assert store.deliveries.depth(WHO) == {("default", "default"): 1}
        stepping.advance(seconds=2)

        again = store.deliveries.take(WHO, 10)

        assert numbers_of(again) == [1]
        assert again[0].attempts == 2
        assert store.deliveries.release(lost) == 0
        assert store.policies.settle(lost, adding).lost == 1
        assert learned(store) == sums([])
        assert store.policies.settle(again, adding).done == (again[0],)
        assert store.policies.settle(again, adding).lost == 1
        assert learned(store) == sums([1])

    def test_a_late_worker_may_settle_what_nobody_else_took(self, store: Store, stepping: SteppingClock) -> None:
        """A lease that has ended is good until somebody else takes the item."""
        store.deliveries.put([item(1)])
        items = store.deliveries.take(WHO, 10, lease_seconds=1)
        stepping.advance(seconds=100)

        assert store.policies.settle(items, adding).lost == 0
        assert learned(store) == sums([1])

    def test_a_clock_that_steps_back_holds_nothing_up(self, store: Store, stepping: SteppingClock) -> None:
        """A lease from before the wall clock went back an hour does not last an hour, nor do waiting items wait for it."""
        store.deliveries.put([item(1), item(2)])
        store.deliveries.take(WHO, 1)
        stepping.set_back(seconds=3600)
        stepping.advance(seconds=2)

        assert sorted(numbers_of(store.deliveries.take(WHO, 10))) == [1, 2]

    def test_what_is_given_back_is_not_counted(self, store: Store) -> None:
        """Released items wait at once, as if they had not been taken; only their holder can give them back."""
        store.deliveries.put([item(1), item(2)])
        for _ in range(2 * MAX_ATTEMPTS):
            items = store.deliveries.take(WHO, 10)
            assert [one.attempts for one in items] == [1, 1]
            assert store.deliveries.release(items) == 2
            assert store.deliveries.release(items) == 0

        assert [one.state for one in store.deliveries.peek(WHO, 10)] == ["waiting", "waiting"]

    def test_a_malformed_item_fails_alone(self, store: Store) -> None:
        """It is kept with its reason; the rest of its batch is learned; put back, it is tried once more."""
        store.deliveries.put([item(1), Item("default", "default", WHO, "bad", {"x": None}), item(2)])

        settled = store.policies.settle(store.deliveries.take(WHO, 10), adding)

        assert numbers_of(settled.done) == [1, 2]
        assert [(one.feedback_id, reason) for one, reason in settled.dead] == [("bad", "it has no number")]
        (dead,) = store.deliveries.peek(WHO, 10, "dead")
        assert (dead.feedback_id, dead.reason, dead.body) == ("bad", "it has no number", {"x": None})
        assert store.deliveries.depth(WHO) == {}
        assert store.deliveries.requeue(WHO, ["none", "bad"]) == 1
        assert store.deliveries.requeue(WHO) == 0
        (again,) = store.deliveries.take(WHO, 10)
        assert (again.feedback_id, again.attempts, again.reason) == ("bad", 1, "")
        assert learned(store) == sums([1, 2])

    def test_an_item_that_kills_its_worker_holds_nobody_up(self, store: Store, stepping: SteppingClock) -> None:
        """After two lost batches suspects come alone: the innocent are learned, the poisoned one is dead after five."""
        store.deliveries.put([item(number) for number in range(10)])
        taken: list[list[int]] = []
        dead: list[tuple[int, str]] = []
        for _ in range(40):
            stepping.advance(seconds=31)
            items = store.deliveries.take(WHO, 25)
            taken.append(numbers_of(items))
            if 4 in numbers_of(items) and items[0].attempts <= MAX_ATTEMPTS:
                continue  # killed
            dead += [(one.body["number"], reason) for one, reason in store.policies.settle(items, adding).dead]

        assert [len(one) for one in taken if 4 in one] == [10, 10, 1, 1, 1, 1]
        assert [number for number, _ in dead] == [4]
        assert "taken 5 times" in dead[0][1]
        assert learned(store) == sums([0, 1, 2, 3, 5, 6, 7, 8, 9])

    def test_a_policy_that_raises_has_learned_nothing(self, store: Store) -> None:
        """The error passes through, no state changes, and the items are still ours."""

        def broken(state: object, items: list[Item]) -> tuple[dict[str, Any], dict[str, str]]:
            raise ZeroDivisionError(len(items))

        store.deliveries.put([item(1)])
        items = store.deliveries.take(WHO, 10)

        with pytest.raises(ZeroDivisionError):
            store.policies.settle(items, broken)

        assert store.policies.get("default", **HERE) is None
        assert store.policies.settle(items, adding).lost == 0
        assert learned(store) == sums([1])

    def test_each_owner_has_a_policy_of_its_own(self, store: Store) -> None:
        """One batch teaches the policies of several tenants and workspaces, each with its items alone."""
        items = [
            item(number, tenant=tenant, workspace=workspace)
            for number, (tenant, workspace) in enumerate([("a", "x"), ("a", "y"), ("b", "x"), ("a", "x")])
        ]
        assert store.deliveries.put(items) == 4
        assert store.deliveries.put([item(0, tenant="b", workspace="y")]) == 1
        assert store.deliveries.depth(WHO, "b") == {("b", "x"): 1, ("b", "y"): 1}
        assert numbers_of(store.deliveries.peek(WHO, 10, tenant="b")) == [2, 0]

        store.policies.settle(store.deliveries.take(WHO, 10), adding)

        assert learned(store, "a", "x") == sums([0, 3])
        assert learned(store, "a", "y") == sums([1])
        assert learned(store, "b", "x") == sums([2])

    def test_a_consumer_sees_its_own_items(self, store: Store) -> None:
        """Two routers learn from the same feedback, each once."""
        store.deliveries.put([item(1), item(1, who="router:other")])

        store.policies.settle(store.deliveries.take("router:other", 10), adding)

        assert learned(store) == sums([])
        assert store.policies.get("other", **HERE) == PolicyRow(1, sums([1]))
        assert len(store.deliveries.take(WHO, 10)) == 1

    def test_a_worker_may_serve_some_shards_alone(self, store: Store) -> None:
        """Each tenant is in one shard, the same for everybody; workers of all shards together see everything once."""
        tenants = [f"tenant{number}" for number in range(40)]
        store.deliveries.put([item(number, tenant=tenant) for number, tenant in enumerate(tenants)])

        even = store.deliveries.take(WHO, 100, shards=range(0, SHARDS, 2))
        odd = store.deliveries.take(WHO, 100, shards=range(1, SHARDS, 2))

        assert {shard_of(one.tenant) % 2 for one in even} == {0}
        assert {shard_of(one.tenant) % 2 for one in odd} == {1}
        assert sorted(numbers_of(even + odd)) == list(range(40))
        assert store.deliveries.take(WHO, 100, shards=()) == []

    def test_one_id_may_be_used_by_several_owners(self, store: Store) -> None:
        """Each has an item of that name; a worker of one shard is given its own alone."""
        store.deliveries.put([item(1, tenant=tenant, workspace=workspace) for tenant in "ab" for workspace in "xy"])

        mine = store.deliveries.take(WHO, 10, shards={shard_of("a")})

        assert [(one.tenant, one.workspace) for one in mine] == [("a", "x"), ("a", "y")]
        assert len(store.deliveries.take(WHO, 10)) == 2

    def test_a_purge_discards_what_waits(self, store: Store) -> None:
        """It says how many; what a worker holds stays with it, and the same feedback is not queued again."""
        store.deliveries.put([item(number) for number in range(5)] + [item(9, tenant="b")])
        held = store.deliveries.take(WHO, 2)

        assert store.deliveries.purge(WHO, "default") == 3
        assert store.deliveries.purge(WHO, "default") == 0

        assert store.deliveries.put([item(4)]) == 0
        assert len(store.deliveries.peek(WHO, 10, "purged")) == 3
        assert store.policies.settle(held, adding).lost == 0
        assert numbers_of(store.deliveries.take(WHO, 10)) == [9]

    def test_states_are_shown_as_they_are(self, store: Store, stepping: SteppingClock) -> None:
        """A held item is shown as held while the lease lasts, as waiting afterwards."""
        store.deliveries.put([item(1), item(2)])
        store.deliveries.take(WHO, 1)
        assert numbers_of(store.deliveries.peek(WHO, 10, "leased")) == [1]
        assert numbers_of(store.deliveries.peek(WHO, 10)) == [2]
        assert store.loop_reports.queue(WHO).depth == 2

        stepping.advance(seconds=31)

        assert numbers_of(store.deliveries.peek(WHO, 10)) == [1, 2]
        assert store.deliveries.peek(WHO, 10, "leased") == []

    def test_hostile_text_is_kept_as_far_as_can_be(self, store: Store) -> None:
        """NUL, lone surrogates and other people's alphabets neither lose the item nor block the batch."""
        odd = "a\0b\ud800ü👍'\"%s:x\\"
        given = [Item(odd, odd, f"router:{odd}", odd, {"number": 3, "arm": odd, odd: [odd]}), item(1)]

        assert store.deliveries.put(given) == 2
        assert store.deliveries.put(given) == 0
        (one,) = store.deliveries.take(f"router:{odd}", 10)
        settled = store.policies.settle([one], lambda _state, items: ({"said": odd}, {items[0].feedback_id: odd}))

        assert settled.dead[0][0].body["number"] == 3
        (dead,) = store.deliveries.peek(f"router:{odd}", 10, "dead")
        assert "ü👍'\"%s:x\\" in dead.reason
        assert store.policies.get(odd, tenant=odd, workspace=odd) is not None

    def test_what_is_not_a_number_is_refused_as_such(self, store: Store) -> None:
        """A reward that is not a number comes back as one: as a missing reward it would teach nothing, and nobody be told."""
        store.deliveries.put([item(1, reward=math.nan, context=[1.0, -math.inf]), item(2, propensity=None)])

        first, second = store.deliveries.peek(WHO, 10)

        assert math.isnan(first.body["reward"])
        assert first.body["context"] == [1.0, -math.inf]
        assert second.body == item(2, propensity=None).body

    def test_a_policy_changes_under_one_hand(self, store: Store) -> None:
        """A state is replaced only by who has read the last one; the loop's settling counts as a change."""
        first = store.policies.put("default", {"arms": ["a"]}, version=0, **HERE)

        assert first == PolicyRow(1, {"arms": ["a"]})
        assert store.policies.put("default", {"arms": []}, version=0, **HERE) is None
        second = store.policies.put("default", {"arms": ["a", "b"]}, version=1, **HERE)
        assert store.policies.get("default", **HERE) == second == PolicyRow(2, {"arms": ["a", "b"]})
        store.deliveries.put([item(1)])
        store.policies.settle(store.deliveries.take(WHO, 1), lambda state, _items: ({**state, "n": 1}, {}))
        assert store.policies.put("default", {}, version=2, **HERE) is None
        assert store.policies.get("default", **HERE) == PolicyRow(3, {"arms": ["a", "b"], "n": 1})

    def test_a_policy_is_made_anew_by_replay(self, store: Store) -> None:
        """Done items come in the order in which they were learned, not the one in which they were queued."""
        order: list[int] = []

        def noting(state: Mapping[str, Any] | None, items: list[Item]) -> tuple[dict[str, Any], dict[str, str]]:
            order.extend(numbers_of(items))
            return adding(state, items)

        store.deliveries.put([item(number) for number in range(12)])
        first, second, third = (store.deliveries.take(WHO, 4) for _ in range(3))
        for batch in (second, third[2:] + first[:1], first[1:] + third[:2]):
            store.policies.settle(batch, noting)

        replayed = list(store.policies.replay("default", **HERE))

        assert numbers_of(replayed) == order
        assert adding(None, replayed)[0] == learned(store)
        assert store.policies.base("default", **HERE) is None

    def test_what_waits_never_expires(self, store: Store, stepping: SteppingClock) -> None:
        """Learned items go only once a snapshot holds what they taught; a replay from it gives the same policy."""
        store.deliveries.put([item(number) for number in range(8)])
        store.policies.settle(store.deliveries.take(WHO, 3), adding)
        stepping.advance(hours=24 * 95)
        store.admin.expire()
        assert len(list(store.policies.replay("default", **HERE))) == 3  # no snapshot of them is old enough
        store.policies.settle(store.deliveries.take(WHO, 2), adding)
        stepping.advance(hours=24 * 95)

        store.admin.expire()

        base = store.policies.base("default", **HERE)
        assert base == PolicyRow(1, sums([0, 1, 2]))
        rest = list(store.policies.replay("default", **HERE))
        assert numbers_of(rest) == [3, 4]
        assert adding(base.state, rest)[0] == learned(store)
        assert len(store.deliveries.peek(WHO, 10)) == 3
        stepping.advance(hours=24 * 95)
        store.admin.expire()
        assert store.policies.base("default", **HERE) == PolicyRow(2, sums(range(5)))
        assert list(store.policies.replay("default", **HERE)) == []
        assert drained(store) == 3

    def test_a_reward_finds_its_decision_whichever_came_first(self, store: Store) -> None:
        """Feedback waits for its decision, and teaches once it is there; the body says all that learning needs."""
        store.rows.write([feedback(1, 0.75, decision_id="d1"), feedback(2, None, decision_id="d1")])
        assert store.deliveries.depth(WHO) == {}

        store.rows.write([decision(1, eligible=("arm1", "b"))])
        store.rows.write([decision(1), feedback(1, 0.0, decision_id="d1"), feedback(2, 1.0, decision_id="d1")])
        store.rows.write([feedback(3, 0.0, decision_id="d1")])

        items = store.deliveries.take(WHO, 10)
        assert [(one.feedback_id, one.body["reward"]) for one in items] == [("f1", 0.75), ("f3", 0.0)]
        assert items[0].body == {
            "decision": "d1", "arm": "arm1", "reward": 0.75, "context": [0.5, 1.0], "propensity": 0.25,
            "observed_at": 50.0,
        }  # fmt: skip

    def test_feedback_judges_what_had_been_decided_when_it_was_said(self, store: Store) -> None:
        """Feedback that arrives late goes to the decision before it; where clocks put all decisions after it, to the last."""
        trace = "a" * 32
        store.rows.write(
            [decision(10, trace_id=trace), decision(60, trace_id=trace), decision(61, trace_id=trace, router="r2")]
        )
        store.rows.write([feedback(1, trace_id=trace)])  # said at 50
        assert [one.body["decision"] for one in store.deliveries.take(WHO, 5)] == ["d10"]
        assert store.deliveries.take("router:r2", 5) == []
        later = "b" * 32
        store.rows.write([decision(70, trace_id=later), decision(71, trace_id=later), feedback(2, trace_id=later)])
        assert [one.body["decision"] for one in store.deliveries.take(WHO, 5)] == ["d71"]

    @pytest.mark.parametrize("turn", ["before", "after", "together"])
    def test_a_trace_teaches_each_router_by_its_latest_decision(self, store: Store, turn: str) -> None:
        """Feedback on a trace is for the last choice of each router in it; that of other owners is none of it."""
        trace = "a" * 32
        made = [
            decision(1, trace_id=trace), decision(3, trace_id=trace), decision(2, trace_id=trace),
            decision(4, trace_id=trace, router="other"), decision(5, trace_id=trace, tenant="b"),
            decision(6, trace_id="b" * 32),
        ]  # fmt: skip
        said = [feedback(1, trace_id=trace)]
        for rows in {"before": (said, made), "after": (made, said), "together": ([*said, *made],)}[turn]:
            store.rows.write(rows)

        assert [one.body["arm"] for one in store.deliveries.take(WHO, 10)] == ["arm3"]
        assert [one.body["arm"] for one in store.deliveries.take("router:other", 10)] == ["arm4"]

    @pytest.mark.parametrize("order", ["fpd", "fdp", "pfd", "pdf", "dfp", "dpf"])
    @pytest.mark.parametrize("named", [True, False])
    def test_a_prediction_leads_to_its_decision(self, store: Store, order: str, *, named: bool) -> None:
        """Feedback on a prediction teaches by the decision that names it, else by those of the prediction's trace."""
        trace = "a" * 32
        rows = {
            "f": feedback(1, prediction_id="p1"),
            "p": Prediction(prediction_id="p1", type="t", observed_at=1.0, trace_id=trace),
            "d": decision(1, prediction_id="p1") if named else decision(1, trace_id=trace),
        }
        for one in order:
            store.rows.write([rows[one]])

        assert [one.body["decision"] for one in store.deliveries.take(WHO, 10)] == ["d1"]

    def test_writers_side_by_side_miss_no_reward(self, store: Store, address: tuple[str, str]) -> None:
        """A verdict and its decision, committed at the same moment by two writers, still find each other."""
        pairs = 40
        gate = threading.Barrier(2)

        def write(where: Store, rows: Sequence[Any]) -> None:
            for one in rows:
                gate.wait(20)
                where.rows.write([one])

        with open_store(address[0], redis_url=address[1]) as other:
            in_threads(
                lambda: write(store, [feedback(number, decision_id=f"d{number}") for number in range(pairs)]),
                lambda: write(other, [decision(number) for number in range(pairs)]),
            )

        assert store.deliveries.depth(WHO) == {("default", "default"): pairs}

    def test_eight_threads_learn_everything_once(self, store: Store) -> None:
        """Threads that drain one queue at once neither lose nor double an item."""
        numbers = range(600)
        store.deliveries.put([item(number) for number in numbers])

        in_threads(*[lambda: drained(store, limit=10)] * 8)

        assert learned(store) == sums(numbers)
        assert sorted(numbers_of(list(store.policies.replay("default", **HERE)))) == list(numbers)


class ProcessConformance:
    """What only several processes show."""

    def test_four_processes_learn_everything_once(self, store: Store, address: tuple[str, str]) -> None:
        """Processes that drain one queue at once neither lose nor double an item."""
        numbers = range(2_000)
        command = [sys.executable, "-c", DRAIN, *address]
        workers = [
            subprocess.Popen(
                command, cwd=Path(__file__).parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(4)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        store.deliveries.put([item(number) for number in numbers])

        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        done = [int(worker.communicate(timeout=60)[0]) for worker in workers]

        assert sum(done) == len(numbers)
        assert learned(store) == sums(numbers)
        assert sorted(numbers_of(list(store.policies.replay("default", **HERE)))) == list(numbers)


def in_threads(*works: Callable[[], object]) -> None:
    """Do everything at once, and raise what the first that fails raises."""
    errors: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
