"""Judging with a signed token alone: what a user's browser may say, how often, and nothing else."""

from __future__ import annotations

import pytest

from serving import served
from stagelight import _clock, _guard
from stagelight.errors import ConfigurationError
from stagelight.feedback.signing import Ticket, seal
from stagelight.web.throttle import Throttle

TRACE = "0af7651916cd43dd8448eb211c80319c"
KEY = "a secret that signs"
LATER = 2**40


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """A server that asks for tokens and knows the key; users may judge three times a minute."""
    with served(tmp_path_factory.mktemp("public"), token=True, feedback_key=KEY, feedback_rate=1_000) as found:
        yield found


def token(user="ann", trace_id=TRACE, tenant="acme", expires=LATER, key=KEY):
    return seal(Ticket(trace_id, "", tenant, "prod", user, expires), key)


def post(server, kind="explicit", headers=None, **body):
    return server.client.post(f"/feedback/{kind}", json=body, headers=headers)


def test_a_signed_token_is_enough_to_judge_its_trace(public):
    """Trace, tenant and user are the token's; the reward is the table's."""
    answer = post(public, token=token(user="u1"), thumbs=True)

    row = next(row for row in public.store.rows.export("feedback") if row.user == "u1")
    assert answer.status_code == 200
    assert (row.trace_id, row.tenant, row.workspace, row.reward) == (TRACE, "acme", "prod", 1.0)
    assert public.store.traces.get(TRACE, tenant="acme").spans[0].name == "feedback"


def test_each_user_has_one_vote_on_a_trace(public):
    """A second rating, or thumbs after a rating, is refused and says why; what else they do or write counts once each."""
    mine = token(user="u2")

    assert post(public, token=mine, rating=5).status_code == 200
    for body in ({"rating": 1}, {"thumbs": False}):
        answer = post(public, token=mine, **body)
        assert (answer.status_code, "the first one counts" in answer.json()["message"]) == (409, True)
    assert post(public, token=mine, label="soup").status_code == 200
    assert [post(public, "implicit", token=mine, signal="click").status_code for _ in range(2)] == [200, 409]
    assert post(public, token=token(user="u2", trace_id="1" * 32), rating=1).status_code == 200
    assert post(public, token=token(user="u3"), rating=1).status_code == 200


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        (lambda: {"rating": 4, "trace_id": TRACE}, 401, "a signed feedback token"),
        (lambda: {"token": "fb1.x.y", "rating": 4}, 401, "its signature is wrong"),
        (lambda: {"token": "nonsense", "rating": 4}, 401, "no feedback token"),
        (lambda: {"token": token(key="another"), "rating": 4}, 401, "its signature is wrong"),
        (lambda: {"token": token(expires=1), "rating": 4}, 401, "its time is over"),
        (lambda: {"token": 5, "rating": 4}, 401, "no feedback token"),
        (lambda: {"token": token(), "rating": 4, "reward": 1}, 403, "reward: not to be said"),
        (lambda: {"token": token(), "rating": 4, "user": "bob"}, 403, "user: not to be said"),
        (lambda: {"token": token(), "rating": 4, "tenant": "globex"}, 403, "tenant: not to be said"),
        (lambda: {"token": token(), "rating": 4, "idempotency_key": "x"}, 403, "idempotency_key: not to be said"),
        (lambda: {"token": token(), "score": 1}, 403, "score: not to be said"),
        (lambda: {"token": token(), "rating": 4, "trace_id": "1" * 32}, 403, "another trace"),
        (lambda: {"token": token(), "rating": 9, "trace_id": TRACE}, 422, "expected 1 to 5"),
    ],
)
def test_more_than_its_own_judgement_a_token_does_not_allow(public, sent, status, says):
    """One sentence and nothing kept."""
    before = public.store.rows.count("feedback")
    answer = post(public, **sent())

    assert (answer.status_code, says in answer.json()["message"]) == (status, True), answer.json()
    assert public.store.rows.count("feedback") == before


def test_a_token_opens_nothing_else(public):
    """Neither the summary nor rows, nor as a bearer token."""
    bearer = {"Authorization": f"Bearer {token()}"}
    assert public.client.get("/feedback/summary").status_code == 401
    assert public.client.post("/api/feedback", json={"token": token()}).status_code == 401
    assert post(public, headers=bearer, token=token(), rating=1).status_code == 401


def test_a_program_hands_in_its_users_tokens(public):
    """With a bearer token of the same tenant a signed one counts as it does alone; of another tenant it is refused."""
    acme, globex = public.token("feedback", tenant="acme"), public.token("feedback", tenant="globex")

    assert post(public, headers=acme, token=token(user="u4"), rating=4).status_code == 200
    assert post(public, token=token(user="u4"), rating=4).status_code == 409
    assert post(public, headers=globex, token=token(user="u5"), rating=4).status_code == 403


def test_too_many_at_once_are_told_when_to_come_back(tmp_path):
    """Each user and each address has its turns a minute; a program that speaks for many has a hundred times as many."""
    _guard.forget()
    with served(tmp_path, token=True, feedback_key=KEY, feedback_rate=3) as server:
        program = server.token("feedback")
        named = [post(server, headers=program, trace_id=TRACE, rating=1, user="ann").status_code for _ in range(4)]
        unnamed = [post(server, headers=program, trace_id=TRACE, rating=1).status_code for _ in range(9)]
        public = [post(server, token=token(user=f"u{n}"), rating=1) for n in range(4)]

    assert named == [200, 200, 200, 429]
    assert set(unnamed) == {200}
    assert [answer.status_code for answer in public] == [200, 200, 200, 429]
    assert 1 <= int(public[-1].headers["retry-after"]) <= 20
    assert "again later" in public[-1].json()["message"]
    assert _guard.errors() == {}


def test_turns_come_back_with_time():
    """A bucket fills by its rate, up to a minute's worth; the oldest of very many is forgotten."""
    from stagelight.testing import SteppingClock

    clock = SteppingClock()
    with _clock.replaced(clock=clock):
        door = Throttle(per_minute=6)
        assert [door.wait("ann") for _ in range(7)] == [0.0] * 6 + [pytest.approx(10.0)]
        clock.advance(seconds=9)
        assert door.wait("ann") == pytest.approx(1.0)
        clock.advance(seconds=1)
        assert (door.wait("ann"), door.wait("ann") > 0) == (0.0, True)
        clock.advance(hours=1)
        assert [door.wait("ann") for _ in range(7)].count(0.0) == 6
        for number in range(10_001):
            door.wait(str(number))
        assert len(door._buckets) == 10_000
        assert [Throttle(per_minute=0).wait("ann") for _ in range(9)] == [0.0] * 9


def test_a_table_of_rewards_that_cannot_be_read_stops_the_server_from_starting(tmp_path):
    """It is told before the first request, not in the middle of one."""
    with pytest.raises(ConfigurationError, match="STAGELIGHT_REWARDS"), served(tmp_path, rewards=("ratng=1",)):
        pass
