"""Filters of the Traces page and its address."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from stagelight.web.view_traces import WINDOWS, Filters


def read(query):
    """Filters of an address's query."""
    return Filters.read(QueryParams(query))


def test_an_address_says_what_the_store_is_asked():
    """Every field of the form reaches the query."""
    filters = read(
        "q=ink&attr=a%3D1&attr=b%3Dx%3Dy&min=5&max=9.5&errors=1&session=s&stage=t&version=v&window=1h&sort=slowest&cursor=c"
    )
    query = filters.query(now_ns=10**15, tenant="acme")

    assert (query.text, query.attributes, query.min_ms, query.max_ms) == ("ink", {"a": "1", "b": "x=y"}, 5.0, 9.5)
    assert (query.errors_only, query.session, query.stage, query.model_version) == (True, "s", "t", "v")
    assert (query.sort, query.cursor, query.tenant) == ("slowest", "c", "acme")
    assert query.since_ns == 10**15 - 3600 * 10**9


@pytest.mark.parametrize(
    "query", ["min=nan", "min=inf", "min=-1", "max=x", "window=9y", "sort=;drop", "attr=key", "attr=%3Dv", "q=+", ""]
)
def test_what_makes_no_sense_counts_as_not_given(query):
    """A wrong address shows the plain list, not an error."""
    filters = read(query)

    assert filters == Filters()
    assert not filters.narrowed
    assert filters.address() == "/traces"


def test_another_filter_begins_at_the_first_page():
    """A cursor belongs to the question it came from."""
    filters = read("q=ink&cursor=c")

    assert filters.address() == "/traces?q=ink"
    assert filters.address(cursor=filters.cursor) == "/traces?q=ink&cursor=c"
    assert filters.without("a", "1") == "/traces?q=ink"


def test_order_alone_narrows_nothing():
    """Sorting is no filter: an empty list then still greets the newcomer."""
    assert not read("sort=slowest").narrowed
    assert read("errors=1").narrowed


def test_only_so_many_attributes_and_letters_are_taken():
    """An address cannot make a thousand joins."""
    query = "&".join(f"attr=k{number}%3Dv" for number in range(100)) + "&q=" + "x" * 9999

    assert len(read(query).attributes) == 12
    assert len(read(query).text) == 400


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(str.strip)


@given(
    text=words,
    pairs=st.lists(st.tuples(words.filter(lambda w: w and "=" not in w), words.filter(bool)), max_size=4, unique=True),
    low=st.none() | st.integers(0, 10**5).map(float),
    errors=st.booleans(),
    window=st.sampled_from(sorted(WINDOWS)),
)
def test_an_address_reads_back_as_what_wrote_it(text, pairs, low, errors, window):
    """Whatever is filtered survives being a link."""
    filters = Filters(text=text, attributes=tuple(pairs), min_ms=low, errors_only=errors, window=window)

    assert read(urlsplit(filters.address()).query) == filters
