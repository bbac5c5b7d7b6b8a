"""Tokens with which a browser may judge one trace."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight import _clock, _guard
from stagelight.errors import RowError
from stagelight.feedback import sign
from stagelight.feedback.signing import Ticket, seal, verify, vote_id
from stagelight.stages import context, trace_stage
from stagelight.testing import SteppingClock, in_memory

TRACE = "0af7651916cd43dd8448eb211c80319c"
TICKET = Ticket(TRACE, "b7ad6b7169203331", "acme", "prod", "ann", 2**40)


def test_a_token_says_whose_answer_by_whom_and_until_when():
    """Trace, span, tenant and the user's pseudonym are in it, and hold for as long as it was asked for."""
    clock = SteppingClock()
    settings = {"feedback_key": "secret", "user_id_key": "k"}
    with _clock.replaced(clock=clock), in_memory(**settings), context(tenant="acme", workspace="prod", user="ann"):
        with trace_stage("answer") as span:
            token = sign(hours=2)
        ticket = verify(token, "secret")
        clock.advance(hours=2)
        with pytest.raises(RowError, match="its time is over"):
            verify(token, "secret")

    assert ticket.trace_id == f"{span.get_span_context().trace_id:032x}"
    assert (ticket.tenant, ticket.workspace, len(ticket.user)) == ("acme", "prod", 64)


def test_a_token_for_another_trace_and_user_than_the_running_ones():
    """Both may be named."""
    with in_memory(feedback_key="secret"), context(user="ann"):
        assert verify(sign(TRACE, user="bob"), "secret")[:5] == (TRACE, "", "default", "default", "bob")


@given(st.integers(0, 400), st.integers(1, 255))
def test_no_character_of_a_token_can_be_altered(place, change):
    """Any other token than the one that was signed is refused in a sentence."""
    token = seal(TICKET, "secret")
    place %= len(token)
    altered = token[:place] + chr(ord(token[place]) ^ change) + token[place + 1 :]
    with pytest.raises(RowError, match=r"^token: "):
        verify(altered, "secret")


@given(st.text(max_size=60))
def test_anything_else_is_no_token(text):
    """Text of any kind is refused."""
    with pytest.raises(RowError, match=r"^token: "):
        verify(text, "secret")


@pytest.mark.parametrize("key", ["", "another"])
def test_another_key_opens_nothing(key):
    """Without a key, or with the wrong one, no token holds."""
    with pytest.raises(RowError, match=r"^token: "):
        verify(seal(TICKET, "secret"), key)


def test_a_token_that_is_too_long_is_not_looked_into():
    """A megabyte is no token."""
    with pytest.raises(RowError, match="no feedback token"):
        verify(seal(TICKET, "secret") + "x" * 5_000, "secret")


@pytest.mark.parametrize(
    "signed",
    [5, [], [TRACE] * 6, ["xyz", "", "t", "w", "", 2**40], [*TICKET[:5], True], [*TICKET[:4], "u" * 300, 2**40]],
)
def test_what_was_signed_is_checked_too(signed):
    """Whoever has the key may still have signed nonsense."""
    from stagelight.feedback import signing

    body = base64.urlsafe_b64encode(json.dumps(signed).encode()).rstrip(b"=").decode()
    token = f"fb1.{body}.{signing._text(signing._mac(body, 'secret'))}"
    with pytest.raises(RowError, match="what was signed is no trace"):
        verify(token, "secret")


@pytest.mark.parametrize(
    ("settings", "target"), [({}, TRACE), ({"feedback_key": "k"}, None), ({"feedback_key": "k"}, 5)]
)
def test_what_cannot_be_signed_is_an_empty_token_and_a_line(settings, target):
    """Without a key, or without a trace, there is no token; the program goes on and the log says why."""
    _guard.forget()
    with in_memory(**settings):
        assert sign(target) == ""
    assert _guard.errors() == {"feedback": 1}
    _guard.forget()


def test_one_vote_each():
    """A rating and thumbs are one vote of a user on a trace; other signals, users and traces are others."""
    votes = {vote_id(TICKET, signal) for signal in ("rating", "thumbs", "score")}
    others = {vote_id(TICKET, "click"), vote_id(TICKET._replace(user="bob"), "rating")}
    others |= {vote_id(TICKET._replace(trace_id="1" * 32), "rating"), vote_id(TICKET, "comment")}
    assert len(votes) == 1
    assert len(others) == 4
    assert not votes & others
