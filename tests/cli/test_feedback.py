"""`stagelight feedback`: the queue by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stagelight import _clock
from stagelight.routing import keeping
from stagelight.routing.plan import Plan
from stagelight.store import open_store
from stagelight.store.loop import Item, consumer_of
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from conftest import Process
    from stagelight.store.facade import Store

    Call = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store that the commands work on, with one router."""
    monkeypatch.setenv("STAGELIGHT_STORE", str(tmp_path / "queue.db"))
    with open_store(tmp_path / "queue.db") as opened:
        keeping.establish(opened, "default", Tenancy(), Plan(arms=("small", "large")))
        yield opened


def queued(store: Store, count: int, *, arm: str = "small", tenant: str = "default") -> None:
    """Queue rewards for an arm."""
    body = {"decision": "", "arm": arm, "reward": 0.5, "context": []}
    items = [Item(tenant, "default", consumer_of("default"), _clock.new_id(), body) for _ in range(count)]
    store.deliveries.put(items)


def depth(store: Store) -> int:
    """How many wait."""
    return sum(store.deliveries.depth("router:default").values())


def test_inspect_shows_how_many_wait_and_the_first_of_them(call: Call, store: Store):
    """A line for each router, and a table of the first items; as JSON the items with their bodies."""
    queued(store, 3)

    shown = call("feedback", "inspect", "--limit", 2)
    data = json.loads(call("feedback", "inspect", "--json").stdout)

    assert shown.exit_code == 0
    assert "default: 3 waiting, 0 dead" in shown.stdout
    assert shown.stdout.count("small") == 2
    assert (data[0]["queue_depth"], len(data[0]["items"]), data[0]["items"][0]["body"]["reward"]) == (3, 3, 0.5)


def test_inspect_of_an_empty_store_says_so(call: Call, tmp_path: Path):
    """Where no router has a queue there is a sentence, and an empty list."""
    open_store(tmp_path / "none.db").close()

    assert "No router" in call("feedback", "inspect", "--store", tmp_path / "none.db").stdout
    assert json.loads(call("feedback", "inspect", "--json", "--store", tmp_path / "none.db").stdout) == []


def test_inspect_shows_why_a_reward_was_refused(call: Call, store: Store):
    """Dead letters are listed with their reasons."""
    queued(store, 1, arm="huge")
    assert call("feedback", "process", "--anyway").exit_code == 1

    shown = call("feedback", "inspect", "--state", "dead", "--json")

    assert json.loads(shown.stdout)[0]["items"][0]["reason"].startswith("no arm 'huge'")


def test_process_learns_one_batch(call: Call, store: Store, monkeypatch: pytest.MonkeyPatch):
    """With the flag on a batch of RL_FEEDBACK_BATCH_SIZE is learned, or of the size that is asked for."""
    monkeypatch.setenv("ENABLE_TRAJECTORY_FEEDBACK_LOOP", "on")
    queued(store, 30)

    assert call("feedback", "process").stdout == "25 learned, 0 failed, 5 waiting\n"
    done = call("feedback", "process", "--batch-size", 2, "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"processed": 2, "failed": 0, "queue_depth": 3})


def test_process_leaves_the_queue_alone_while_the_loop_is_off(call: Call, store: Store):
    """Nothing is touched, the reason is told, and the exit code asks for a look; --anyway learns all the same."""
    queued(store, 3)

    off = call("feedback", "process")

    assert (off.exit_code, depth(store)) == (1, 3)
    assert "ENABLE_TRAJECTORY_FEEDBACK_LOOP" in off.stderr
    assert call("feedback", "process", "--anyway").stdout == "3 learned, 0 failed, 0 waiting\n"


def test_drain_learns_until_nothing_waits(call: Call, store: Store):
    """Batch after batch, added up; what was refused is counted and asks for a look."""
    queued(store, 60)
    queued(store, 1, arm="huge")

    done = call("feedback", "drain", "--anyway", "--json")

    assert json.loads(done.stdout) == {"processed": 60, "failed": 1, "queue_depth": 0}
    assert done.exit_code == 1
    assert "learned" in call("feedback", "drain", "--anyway").stdout


def test_drain_of_a_loop_that_is_off_ends(call: Call, store: Store):
    """It says why nothing was done, and does not try for ever."""
    queued(store, 3)

    done = call("feedback", "drain")

    assert (done.exit_code, depth(store)) == (1, 3)
    assert "ENABLE_TRAJECTORY_FEEDBACK_LOOP" in done.stderr


def test_purge_asks_and_says_how_many(call: Call, store: Store):
    """Without a yes nothing is discarded; with it, or with --yes, the number is told."""
    queued(store, 3)

    no = call("feedback", "purge", stdin="n\n")
    assert (no.exit_code, depth(store)) == (2, 3)
    assert "3 rewards wait" in no.stderr
    assert call("feedback", "purge").exit_code == 2
    assert call("feedback", "purge", stdin="y\n").stdout == "3 discarded\n"
    assert depth(store) == 0
    queued(store, 2)
    assert json.loads(call("feedback", "purge", "--yes", "--json").stdout) == {"discarded": 2}


def test_purge_of_one_tenant_leaves_the_others(call: Call, store: Store):
    """`--tenant` and `--router` say whose rewards are discarded."""
    queued(store, 2)
    queued(store, 3, tenant="acme")

    assert call("feedback", "purge", "--yes", "--tenant", "acme").stdout == "3 discarded\n"
    assert call("feedback", "purge", "--yes", "--router", "none").stdout == "0 discarded\n"
    assert depth(store) == 2


def test_requeue_lets_dead_letters_wait_again(call: Call, store: Store):
    """Those with the ids that are named, or all."""
    queued(store, 3, arm="huge")
    call("feedback", "process", "--anyway")
    first = store.deliveries.peek("router:default", 1, "dead")[0].feedback_id

    assert call("feedback", "requeue", first).stdout == "1 wait again\n"
    assert json.loads(call("feedback", "requeue", "--json").stdout) == {"requeued": 2}
    assert depth(store) == 3


@pytest.mark.parametrize("command", ["inspect", "process", "drain", "purge", "requeue"])
def test_without_a_store_each_command_says_so(call: Call, tmp_path: Path, command: str):
    """A store that is not there is one line on stderr, and exit code 3."""
    done = call("feedback", command, "--store", tmp_path / "nowhere.db")

    assert done.exit_code == 3
    assert "there is no store" in done.stderr


def test_serve_says_that_its_loop_runs(start: Callable[..., Process], store: Store):
    """With the flag on the server's log tells of the loop, in lines that contain `RL feedback`, and it learns what waits."""
    queued(store, 3)

    server = start("serve", "--port", 0, "--store", store.path, ENABLE_TRAJECTORY_FEEDBACK_LOOP="true")

    assert "every 15 s" in server.until("RL feedback loop starts")
    assert "3 learned, 0 failed, 0 waiting" in server.until("RL feedback: ")
    server.ctrl_c()
    assert server.ended() == 0
