"""The model routers over HTTP, and the feedback loop inside the server."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import pytest

from ports import free_port
from serving import Served, served
from stagelight import _clock, _guard
from stagelight.sink.rows import Decision, Feedback
from stagelight.store.loop import Item, consumer_of, shard_of

ARMS = ["small", "large"]
DECLARED = {"arms": ARMS}


def queued(server: Served, count: int, *, tenant: str = "default", router: str = "default") -> None:
    """Queue rewards for an arm of the router."""
    body = {"decision": "", "arm": "small", "reward": 0.5, "context": []}
    items = [Item(tenant, "default", consumer_of(router), _clock.new_id(), body) for _ in range(count)]
    server.store.deliveries.put(items)


def test_health_says_whether_the_loop_is_on(server, tmp_path):
    """`.rl_feedback_enabled` is the flag, for everyone who may ask how the server is."""
    assert server.client.get("/health").json()["rl_feedback_enabled"] is False
    folder = tmp_path / "on"
    folder.mkdir()
    with served(folder, enable_trajectory_feedback_loop=True, token=True) as on:
        assert on.client.get("/health").json()["rl_feedback_enabled"] is True


def test_a_router_is_declared_read_and_listed(server):
    """What a program declares is kept, can be read whole, and stands in the list."""
    assert server.client.get("/api/routers/default").status_code == 404

    made = server.client.post("/api/routers/default", json=DECLARED | {"policy": "ucb1", "workspace": "shop"}).json()
    read = server.client.get("/api/routers/default?workspace=shop").json()

    assert made == read
    assert (read["router"], read["tenant"], read["workspace"], read["version"]) == ("default", "default", "shop", 1)
    assert (read["state"]["kind"], read["state"]["arms"], read["queue_depth"]) == ("ucb1", ARMS, 0)
    [listed] = server.client.get("/api/routers").json()["routers"]
    assert (listed["router"], listed["kind"], listed["version"]) == ("default", "ucb1", 1)


def test_arms_are_added_retired_and_renamed(server):
    """Each change is a new version; what makes no sense is refused with the policy's own sentence."""
    server.client.post("/api/routers/default", json=DECLARED | {"policy": "ucb1"})
    change = "/api/routers/default/arms"

    server.client.post(change, json={"kind": "add", "arm": "huge"})
    server.client.post(change, json={"kind": "retire", "arm": "small"})
    state = server.client.post(change, json={"kind": "rename", "arm": "large", "new": "big"}).json()["state"]
    refused = server.client.post(change, json={"kind": "add", "arm": "huge"})

    assert state["kind"] == "ucb1"
    assert (state["arms"], state["retired"], state["renamed"]) == (
        ["small", "big", "huge"],
        ["small"],
        {"large": "big"},
    )
    assert (refused.status_code, "there already" in refused.json()["message"]) == (422, True)
    assert server.client.post("/api/routers/none/arms", json={"kind": "add", "arm": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/routers/r", {}),
        ("/api/routers/r", {"arms": "small"}),
        ("/api/routers/r", {"arms": [""]}),
        ("/api/routers/r", {"arms": ["a\u0000b"]}),
        ("/api/routers/r", {"arms": ["x"] * 1001}),
        ("/api/routers/r", {"arms": ARMS, "tenant": "a\u0000b"}),
        ("/api/routers/" + "r" * 300, {"arms": ARMS}),
        ("/api/routers/%00", {"arms": ARMS}),
        ("/api/routers/r", {"arms": ARMS, "parameters": {"memory": None}}),
        ("/api/routers/r", {"arms": ["x" * 300]}),
        ("/api/routers/r", {"arms": ARMS, "policy": "nonsense"}),
        ("/api/routers/r", {"arms": ARMS, "policy": 3}),
        ("/api/routers/r", {"arms": ARMS, "parameters": [1]}),
        ("/api/routers/r", {"arms": ARMS, "parameters": {"memory": "x"}}),
        ("/api/routers/r", {"arms": ARMS, "parameters": {"kind": 1}}),
        ("/api/routers/r", {"arms": ARMS, "parameters": {"memory": -1}}),
        ("/api/routers/r", {"arms": ARMS, "policy": "linucb", "parameters": {"dimension": 10**9}}),
        (
            "/api/routers/r",
            {"arms": [f"m{n}" for n in range(16)], "policy": "linucb", "parameters": {"dimension": 256}},
        ),
        ("/api/routers/r", {"arms": ARMS, "unknown": 1}),
        ("/api/routers/r", [1]),
        ("/api/routers/r/arms", {"kind": "explode", "arm": "x"}),
        ("/api/rl/process", {"batch_size": 0}),
        ("/api/rl/process", {"batch_size": True}),
        ("/api/rl/purge", {}),
        ("/api/rl/purge", {"confirm": True}),
        ("/api/rl/requeue", {"feedback_ids": "x"}),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(shared, path, body):
    """422 and one sentence, and nothing is changed."""
    answer = shared.client.post(path, json=body)

    assert answer.status_code == 422
    assert answer.json()["message"]
    assert shared.client.get("/api/routers").json() == {"routers": []}


@pytest.mark.parametrize("content", [b"{", b'{"arms": ["\\ud800"]}', b"[" * 100])
def test_a_body_that_is_no_json_is_refused(shared, content):
    """Broken JSON, lone surrogates and deep nesting are answered with a status of the client's fault."""
    answer = shared.client.post("/api/routers/r", content=content, headers={"content-type": "application/json"})

    assert answer.status_code in (400, 413, 422)
    assert shared.client.post("/api/routers/r", content=b"{}").status_code == 415


def test_a_policy_does_not_grow_too_large_arm_by_arm(server):
    """A thousand small requests cannot add up to a policy that no process can read."""
    big = {"policy": "linucb", "parameters": {"dimension": 256}}
    assert server.client.post("/api/routers/r", json=big | {"arms": [f"m{n}" for n in range(15)]}).status_code == 200

    declared = server.client.post("/api/routers/r", json=big | {"arms": ["more"]})
    added = server.client.post("/api/routers/r/arms", json={"kind": "add", "arm": "more"})

    assert (declared.status_code, added.status_code) == (422, 422)
    assert "16 arms would need 1,056,784 numbers" in declared.json()["message"]


def test_the_queue_is_looked_into(server):
    """How many wait and are dead, and the first items of a state; an unknown router has none."""
    server.client.post("/api/routers/default", json=DECLARED)
    queued(server, 3)

    [queue] = server.client.get("/api/rl/queue?limit=2").json()["queues"]
    assert (queue["router"], queue["queue_depth"], queue["dead"], len(queue["items"])) == ("default", 3, 0, 2)
    assert queue["items"][0]["body"]["arm"] == "small"
    assert server.client.get("/api/rl/queue?router=none").status_code == 404
    about = server.client.get("/api/rl").json()
    assert (about["rl_feedback_enabled"], about["batch_size"], about["queue_depth"], about["dead"]) == (False, 25, 3, 0)


def test_a_batch_is_processed_by_hand(server):
    """While the loop is off nothing is touched and the answer says so; `anyway` learns a batch all the same."""
    server.client.post("/api/routers/default", json=DECLARED)
    queued(server, 3)

    off = server.client.post("/api/rl/process", json={}).json()
    done = server.client.post("/api/rl/process", json={"anyway": True, "batch_size": 2}).json()

    assert (off["processed"], off["queue_depth"], "ENABLE_TRAJECTORY_FEEDBACK_LOOP" in off["reason"]) == (0, 3, True)
    assert done == {"processed": 2, "failed": 0, "queue_depth": 1}


def test_purging_needs_to_be_confirmed_and_says_how_many(server):
    """Without the word nothing is discarded; with it the answer says how many rewards were."""
    server.client.post("/api/routers/default", json=DECLARED)
    queued(server, 3)

    assert server.client.post("/api/rl/purge", json={"confirm": "yes"}).status_code == 422
    assert server.client.get("/api/rl/purge").status_code == 405
    assert server.client.post("/api/rl/purge", json={"confirm": "purge", "router": "none"}).status_code == 404
    assert server.client.post("/api/rl/purge", json={"confirm": "purge"}).json() == {"discarded": 3}
    assert server.client.get("/api/rl").json()["queue_depth"] == 0


def test_dead_letters_wait_again(server):
    """What was refused is requeued, one by its id or all."""
    server.client.post("/api/routers/default", json=DECLARED)
    items = [Item("default", "default", "router:default", f"f{n}", {"arm": "huge", "reward": 1}) for n in range(3)]
    server.store.deliveries.put(items)
    assert server.client.post("/api/rl/process", json={"anyway": True}).json()["failed"] == 3

    assert server.client.post("/api/rl/requeue", json={"feedback_ids": ["f1"]}).json() == {"requeued": 1}
    assert server.client.post("/api/rl/requeue", json={}).json() == {"requeued": 2}
    assert server.client.get("/api/rl").json()["queue_depth"] == 3


def test_tokens_reach_their_own_tenant_alone(guarded):
    """A tenant's token sees, declares and purges what is its own; another tenant's router is not there for it."""
    acme, zeta = guarded.token("admin"), guarded.token("admin", tenant="zeta")
    assert guarded.client.post("/api/routers/default", json=DECLARED, headers=acme).json()["tenant"] == "acme"
    queued(guarded, 2, tenant="acme")

    def get(path: str, headers: dict[str, str]) -> httpx.Response:
        return guarded.client.get(path, headers=headers)

    assert get("/api/routers/default", acme).status_code == 200
    assert get("/api/routers/default?tenant=default", acme).status_code == 200
    assert get("/api/routers/default", zeta).status_code == 404
    assert get("/api/routers/default?tenant=acme", zeta).status_code == 404
    assert guarded.client.post("/api/routers/r", json=DECLARED | {"tenant": "acme"}, headers=zeta).status_code == 404
    assert get("/api/routers", zeta).json() == {"routers": []}
    assert get("/api/rl/queue", zeta).json() == {"queues": []}
    assert guarded.client.post("/api/rl/purge", json={"confirm": "purge"}, headers=zeta).json() == {"discarded": 0}
    assert guarded.client.post("/api/rl/purge", json={"confirm": "purge"}, headers=acme).json() == {"discarded": 2}


def test_a_batch_by_hand_does_not_tell_what_waits_for_others(guarded):
    """The depth in the answer is of the token's own tenant."""
    acme = guarded.token("admin")
    guarded.client.post("/api/routers/default", json=DECLARED, headers=acme)
    queued(guarded, 2, tenant="acme")
    queued(guarded, 5, tenant="zeta")

    off = guarded.client.post("/api/rl/process", json={}, headers=acme).json()
    done = guarded.client.post("/api/rl/process", json={"anyway": True, "batch_size": 1}, headers=acme).json()

    assert (off["queue_depth"], done["processed"], done["queue_depth"]) == (2, 1, 1)


def test_a_batch_by_hand_learns_nothing_of_others(guarded):
    """A tenant's admin processes that tenant's rewards alone, also where another tenant shares its shard."""
    neighbour = next(name for name in map("t{}".format, range(10_000)) if shard_of(name) == shard_of("acme"))
    acme = guarded.token("admin")
    guarded.client.post("/api/routers/default", json=DECLARED, headers=acme)
    queued(guarded, 2, tenant="acme")
    queued(guarded, 3, tenant=neighbour)

    done = guarded.client.post("/api/rl/process", json={"anyway": True}, headers=acme).json()

    assert (done["processed"], done["queue_depth"]) == (2, 0)
    assert sum(guarded.store.deliveries.depth("router:default", neighbour).values()) == 3


def test_a_change_of_arms_stays_within_the_tokens_tenant(guarded):
    """Retiring an arm with one tenant's token leaves the same arm of another tenant's router alone."""
    acme, zeta = guarded.token("feedback", "read"), guarded.token("feedback", "read", tenant="zeta")
    for headers in (acme, zeta):
        guarded.client.post("/api/routers/default", json=DECLARED, headers=headers)

    guarded.client.post("/api/routers/default/arms", json={"kind": "retire", "arm": "small"}, headers=acme)

    retired = [
        guarded.client.get("/api/routers/default", headers=who).json()["state"]["retired"] for who in (acme, zeta)
    ]
    assert retired == [["small"], []]


@pytest.mark.parametrize(
    ("method", "path", "body", "scopes"),
    [
        ("GET", "/api/rl", None, {"read", "admin"}),
        ("GET", "/api/rl/queue", None, {"read", "admin"}),
        ("GET", "/api/routers", None, {"read", "admin"}),
        ("GET", "/api/routers/default", None, {"read", "feedback", "admin"}),
        ("POST", "/api/routers/default", DECLARED, {"feedback", "admin"}),
        ("POST", "/api/routers/default/arms", {"kind": "add", "arm": "x"}, {"feedback", "admin"}),
        ("POST", "/api/rl/process", {}, {"admin"}),
        ("POST", "/api/rl/purge", {"confirm": "purge"}, {"admin"}),
        ("POST", "/api/rl/requeue", {}, {"admin"}),
    ],
)
def test_each_operation_needs_its_scope(shared_guarded, method, path, body, scopes):
    """Reading needs read, routing needs feedback, and what changes the queue needs admin."""
    allowed = set()
    for scope in ("ingest", "feedback", "read", "admin"):
        answer = shared_guarded.client.request(method, path, json=body, headers=shared_guarded.token(scope))
        if answer.status_code != 403:
            allowed.add(scope)

    assert allowed == scopes
    assert shared_guarded.client.request(method, path, json=body).status_code == 401


def wait_for(condition: Any, seconds: float = 60.0) -> bool:
    """Wait for `condition`, looking often."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        threading.Event().wait(0.01)
    return bool(condition())


def test_the_server_learns_by_itself(tmp_path):
    """With the flag on, feedback that comes in over HTTP is learned within moments, without any code of the program."""
    _guard.forget()
    with served(tmp_path, enable_trajectory_feedback_loop=True) as server:
        server.client.post("/api/routers/default", json=DECLARED)
        decision = {"decision_id": "d1", "arm": "large", "eligible": ARMS, "propensity": 0.5}
        server.client.post("/api/decisions", json=decision)
        said = {"kind": "explicit", "signal": "score", "value": 1.0, "reward": 1.0, "decision_id": "d1"}
        server.client.post("/api/feedback", json=said)

        assert wait_for(lambda: server.client.get("/api/routers/default").json()["state"]["lessons"] == 1)
    assert _guard.errors() == {}


def test_the_server_shows_the_loops_metrics(tmp_path):
    """Where a port for /metrics is set, the server's own loop is watched there: depth, processed, failed at 0."""
    _guard.forget()
    port = free_port()
    with served(tmp_path, enable_trajectory_feedback_loop=True, prometheus_port=port) as server:
        server.client.post("/api/routers/default", json=DECLARED)
        queued(server, 2)
        server.client.post("/api/rl/process", json={})

        page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text

    shown = {
        line.partition("{")[0]: line for line in page.splitlines() if 'tenant="default",workspace="default"' in line
    }
    assert shown["rl_feedback_processed_total"].endswith(" 2.0")
    assert shown["rl_feedback_failed_total"].endswith(" 0.0")
    assert shown["rl_feedback_queue_depth"].endswith(" 0.0")
    assert _guard.errors() == {}


def test_the_server_scores_trajectories(tmp_path, monkeypatch):
    """With evaluation on, a trace that comes in with a routed stage is scored and learned from."""
    from dataclasses import replace

    from stagelight.loops import evaluator
    from stored import trace

    monkeypatch.setattr(evaluator, "SETTLE_NS", 0)
    _guard.forget()
    with served(
        tmp_path,
        enable_trajectory_feedback_loop=True,
        enable_trajectory_evaluation=True,
        rl_feedback_loop_interval_seconds=0.1,
    ) as server:
        server.client.post("/api/routers/default", json=DECLARED)
        root, stage = trace(1, spans=2)
        chosen = Decision(decision_id="d1", arm="large", observed_at=1.0, trace_id=root.trace_id)
        server.store.rows.write([chosen])
        routed = {"feature_flag.key": "default", "stagelight.decision_id": "d1"}
        server.store.traces.write([root, replace(stage, attributes=routed)])

        assert wait_for(lambda: server.client.get("/api/routers/default").json()["state"]["lessons"] == 1)
        [said] = [row for row in server.store.rows.export("feedback") if isinstance(row, Feedback)]
    assert said.feedback_id == "trajectory:d1"
    assert _guard.errors() == {}
