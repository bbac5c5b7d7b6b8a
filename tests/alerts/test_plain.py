"""Other people's text in a chat: words alone, whatever they wrote."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight.alerts.plain import GAP, URL, line, plain

TRICKS = ["<!channel>", "@everyone", "@here", "<@U1>", "[x](http://evil)", "![x](http://evil/p.png)", "https://evil", "[x][1]", "www.evil.com", "\u202e", "\x1b[31m", "\r\n", "\u2028"]  # fmt: skip
TEXT = st.lists(st.one_of(st.text(max_size=8), st.sampled_from(TRICKS), st.sampled_from("<>@![]():/w."))).map("".join)
RISK = re.compile(r"[<>]|@\w|://|!\[|\]\(|\]\[|www\.\w", re.IGNORECASE)


@given(TEXT)
def test_nothing_in_it_means_anything(text):
    """Mentions, links, images, markup brackets and control characters never come through."""
    shown = plain(text, limit=200)

    assert not RISK.search(shown)
    assert all(sign in ("\n", GAP) or unicodedata.category(sign) not in {"Cc", "Cf", "Cs"} for sign in shown)


@given(TEXT)
def test_a_line_is_one_line(text):
    """A subject is a header of a mail: no line break of any kind gets into it."""
    assert len(line(text, limit=200).splitlines()) <= 1


@given(st.text(alphabet=st.characters(categories=["L", "N"]), max_size=100))
def test_plain_words_stay_as_they_are(text):
    """Nobody's language is damaged."""
    assert plain(text, limit=100) == text


def test_what_is_too_long_is_cut_and_shows_it():
    """The limit holds for what is read; the gaps come on top."""
    assert plain("x" * 11, limit=10) == "x" * 9 + "…"


@pytest.mark.parametrize(("url", "alive"), [("https://x.org/a#b?c=1", True), ("javascript:x", False), ("https://x.org/<@U1>", False), ("https://x.org/ @here", False)])  # fmt: skip
def test_only_a_plain_address_counts_as_one(url, alive):
    """The runbook's address is the one that stays alive."""
    assert bool(URL.fullmatch(url)) is alive
