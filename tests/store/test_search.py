"""Finding traces: every filter finds what it should and nothing else, and pages show each trace once."""

from __future__ import annotations

import itertools
import shutil
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drawn_records import scalars, texts
from stagelight.store import TraceQuery, open_store, signature
from stagelight.store.codec import text_of
from stagelight.wire.records import LogRecord, SpanEvent
from stored import NS, START, trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagelight.store import Store


owners = itertools.count()


def found(store: Store, **query: Any) -> list[int]:
    """The numbers of the traces that match."""
    return [int(row.trace_id, 16) for row in store.traces.search(TraceQuery(**query)).rows]


@pytest.fixture(scope="module")
def shop(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with four traces that differ in everything one can filter by; the tests only look."""
    with open_store(shutil.copy(empty_store, tmp_path_factory.mktemp("shop") / "shop.db")) as store:
        fill(store)
        yield store


def fill(store: Store) -> None:
    """Write the four traces, and a log line."""
    one = trace(1, attributes={"user.id": "ann", "n": 3, "flag": True, "ratio": 0.5, "list": [1, "x"]})
    two = trace(2, status="error", resource={"service.name": "till"}, attributes={"session.id": "s2"})
    three = trace(3, 4, attributes={"stagelight.model_version": "v3", "n": 3.0, "text": 'say "hi", 50% off_\n'})
    four = trace(4, name="über", attributes={"nested": {"user.id": "ann"}})
    event = SpanEvent(name="retried", time_ns=START, attributes={"why": "Timeout"})
    three[2] = replace(three[2], events=(event,), attributes={**three[2].attributes, "stagelight.stage": "rerank"})
    store.traces.write([*one, *two, *three, *four])
    store.logs.write([LogRecord(time_ns=START, body="Card declined", trace_id=two[0].trace_id)])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [4, 3, 2, 1]),
        ({"sort": "slowest"}, [3, 4, 2, 1]),
        ({"errors_only": True}, [2]),
        ({"session": "s2"}, [2]),
        ({"session": "s"}, []),
        ({"min_ms": 35}, [3]),
        ({"max_ms": 35}, [4, 2, 1]),
        ({"since_ns": START + 3 * NS}, [4, 3]),
        ({"until_ns": START + 3 * NS}, [2, 1]),
        ({"model_version": "v3"}, [3]),
        ({"stage": "rerank"}, [3]),
        ({"stage": "stage1"}, [3, 2, 1]),
        ({"stage": "stage2"}, [2, 1]),
        ({"tenant": "default", "workspace": "default"}, [4, 3, 2, 1]),
        ({"workspace": "other"}, []),
        ({"errors_only": True, "session": "s2", "stage": "request"}, [2]),
    ],
)
def test_each_filter(shop: Store, query: dict[str, Any], expected: list[int]) -> None:
    """Time, duration, errors, session, stage, model version and owner restrict, alone and together."""
    if query.get("sort") == "slowest":
        expected = [3, 4, 2, 1]  # the first is the longest; the others are equally long, the latest first
    assert found(shop, **query) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"n": "3"}, [3, 1]),
        ({"n": "3.0"}, [3, 1]),
        ({"n": "4"}, []),
        ({"flag": "true"}, [1]),
        ({"flag": "True"}, []),
        ({"n": "[" * 900}, []),
        ({"n": "9" * 900}, []),
        ({"ratio": "0.5"}, [1]),
        ({"list": '[1,"x"]'}, [1]),
        ({"user.id": "ann", "n": "3"}, [1]),
        ({"user.id": "Ann"}, []),
        ({"user": "ann"}, []),
        ({"text": 'say "hi", 50% off_\n'}, [3]),
        ({"service.name": "till"}, [2]),
        ({"stagelight.tenant": "default"}, [4, 3, 2, 1]),
        ({"stagelight.workspace": "none"}, []),
        ({"why": "Timeout"}, []),
    ],
)
def test_any_attribute_is_a_filter(shop: Store, attributes: dict[str, str], expected: list[int]) -> None:
    """An attribute of any span or of its resource is matched as people write its value, exactly."""
    assert found(shop, attributes=attributes) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stage3", [3]),
        ("STAGE3", [3]),
        ("timeout", [3]),
        ("retried", [3]),
        ("card declined", [2]),
        ("till", [2]),
        ("ÜBER", [4]),
        ('"hi", 50% off_', [3]),
        ("50_", []),
        ("off_\n", [3]),
        ("nowhere", []),
    ],
)
def test_text_is_found_anywhere(shop: Store, text: str, expected: list[int]) -> None:
    """Names, attributes, events and log lines are searched; case does not matter, and % and _ are only signs."""
    assert found(shop, text=text) == expected


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(texts, scalars, min_size=1, max_size=6))
def test_a_filter_never_misses(store: Store, attributes: dict[str, Any]) -> None:
    """Whatever a span carries, asking for it finds its trace: the signature has no bit too few, the check no needle wrong."""
    tenant = f"t{next(owners)}"
    store.traces.write(trace(1, 2, attributes=attributes), tenant=tenant)

    wanted = {key: value if isinstance(value, str) else text_of(value) for key, value in attributes.items()}
    assert found(store, attributes=wanted, tenant=tenant) == [1]


def test_attributes_of_every_part_of_a_trace_count(store: Store) -> None:
    """A trace that arrives in parts is found by what each of them carried."""
    first, second, *_ = trace(1)
    store.traces.write([replace(first, attributes={"early": "a"})])
    store.traces.write([replace(second, attributes={"late": "b"})])

    assert found(store, attributes={"early": "a", "late": "b"}) == [1]


def test_signatures_are_the_same_in_every_process() -> None:
    """What one process wrote another finds: three bits that follow from the text alone, worked out here from zlib's CRC-32."""
    digest = zlib.crc32(b"user.id=ann")

    assert signature.bits("user.id", "ann") == sum(
        1 << number for number in {digest % 512, digest // 512 % 512, digest // 512**2 % 512}
    )


def test_a_trace_of_many_spans_is_still_found(store: Store) -> None:
    """A signature that is full of bits filters nothing out, and the spans decide."""
    spans = [replace(span, attributes={"n": number}) for number, span in enumerate(trace(1, 2_000))]
    store.traces.write(spans)

    assert found(store, attributes={"n": "1234"}) == [1]
    assert found(store, attributes={"n": "5000"}) == []


@pytest.mark.parametrize("sort", ["recent", "slowest"])
def test_pages_together_are_the_whole(store: Store, sort: Any) -> None:
    """Following the cursor shows each trace exactly once, in order, and the last page has none."""
    for number in range(25):
        store.traces.write(trace(number % 7, 1 + number % 3), tenant=f"t{number}")
    seen = []
    query = TraceQuery(limit=4, sort=sort)
    for _ in itertools.count():
        page = store.traces.search(query)
        seen += [row.tenant for row in page.rows]
        if not page.cursor:
            break
        query = replace(query, cursor=page.cursor)

    assert sorted(seen) == sorted(f"t{number}" for number in range(25))
    assert seen == [row.tenant for row in store.traces.search(TraceQuery(limit=1000, sort=sort)).rows]


def test_pages_show_a_trace_once_while_others_arrive(store: Store) -> None:
    """Newer traces, and older spans of a trace that was shown, do not make a later page repeat or skip one."""
    for number in range(10, 20):
        store.traces.write(trace(number))
    first = store.traces.search(TraceQuery(limit=5))
    store.traces.write(trace(30))
    early = replace(trace(19)[1], span_id="e" * 16, start_ns=START, end_ns=START + 1)
    store.traces.write([early])

    second = store.traces.search(TraceQuery(limit=50, cursor=first.cursor))

    assert [int(row.trace_id, 16) for row in first.rows + second.rows] == list(range(19, 9, -1))


@pytest.mark.parametrize(
    "cursor", ["x", "recent", "recent.1", "slowest.1.1", "recent.-1.5", "recent.²3.1", "recent." + "9" * 50 + ".1"]
)
def test_a_cursor_that_does_not_parse_starts_anew(store: Store, cursor: str) -> None:
    """What somebody typed into the address bar is no error."""
    store.traces.write(trace(1))

    assert found(store, cursor=cursor) == [1]
