"""Labels stay bounded and safe, whatever a program hands us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight import _guard
from stagelight.catalogue import Label, Metric
from stagelight.catalogue.rows import OVERFLOW
from stagelight.telemetry import labels
from stagelight.telemetry.labels import LabelSets

ROW = Metric(
    name="tests_labels_total",
    kind="counter",
    help="x",
    labels=(Label("open", bound=3, default="none"), Label("closed", bound=2, values=("a", "b"), default="a")),
)


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


@pytest.fixture
def over() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def sets(over) -> LabelSets:
    return LabelSets(ROW, lambda metric, label: over.append((metric, label)))


def test_a_value_that_goes_without_saying_is_empty(over):
    """Prometheus has no label whose value is empty: what most programs have alike costs their queries none."""
    row = Metric(name="tests_unsaid_total", kind="counter", help="x", labels=(Label("who", bound=2, unsaid="default"),))
    sets = LabelSets(row, lambda metric, label: over.append((metric, label)))

    assert [sets.key({"who": who}) for who in ("default", "acme", "")] == [("",), ("acme",), ("",)]
    assert sets.key({}) == ("",)
    assert over == []


def test_missing_labels_take_their_defaults(sets):
    """A label that the caller leaves out has the value which the catalogue gives it."""
    assert sets.key({}) == ("none", "a")
    assert sets.attributes(sets.key({"closed": "b"})) == {"open": "none", "closed": "b"}


def test_values_past_the_bound_become_one(sets, over):
    """The first values are kept, later ones count together, and each that ran over is counted."""
    keys = [sets.key({"open": f"v{number}"})[0] for number in range(5)]

    assert keys == ["v0", "v1", "v2", OVERFLOW, OVERFLOW]
    assert over == [(ROW.name, "open")] * 2
    assert sets.key({"open": "v1"})[0] == "v1"


def test_a_closed_set_stays_closed(sets, over):
    """A value that the catalogue does not name is overflow even where there is room."""
    assert sets.key({"closed": "c"}) == ("none", OVERFLOW)
    assert over == [(ROW.name, "closed")]


def test_declared_values_are_kept_after_garbage_came_first(sets):
    """Garbage that fills a bound cannot shut out a series that the program declares later."""
    for number in range(100):
        sets.key({"open": f"garbage{number}"})

    assert sets.key({"open": "real"}, declared=True)[0] == "real"
    assert sets.key({"open": "real"})[0] == "real"


def test_combinations_are_bounded_too(monkeypatch, over):
    """Labels that each keep to their bound cannot multiply into more series than a metric may have."""
    monkeypatch.setattr(labels, "MAX_SERIES", 10)
    row = Metric(
        name="tests_many_total",
        kind="counter",
        help="x",
        labels=(Label("a", bound=100), Label("b", bound=100), Label("c", bound=2, values=("x", "y"), default="x")),
    )
    sets = LabelSets(row, lambda metric, label: over.append((metric, label)))

    keys = {sets.key({"a": str(n % 10), "b": str(n // 10), "c": "y"}) for n in range(100)}

    assert len(keys) == 11
    assert (OVERFLOW, OVERFLOW, "y") in keys
    assert len(over) == 90
    assert set(over) == {(row.name, labels.ALL)}


def test_an_unknown_label_is_dropped_and_told_once(sets, caplog):
    """At run time a misspelt label costs no exception: it is dropped, counted, and logged with the right name."""
    assert sets.key({"opne": "x"}) == ("none", "a")
    assert sets.key({"opne": "y"}) == ("none", "a")

    assert _guard.errors() == {"telemetry": 2}
    assert len(caplog.records) == 1
    assert "Did you mean 'open'?" in caplog.text


def test_a_value_without_a_text_is_still_a_value(sets):
    """An object whose `__str__` raises becomes a placeholder, not an exception."""
    assert sets.key({"open": Hostile()})[0] == "<unprintable>"


def test_long_values_are_cut(sets):
    """A value of ten million characters costs 256."""
    assert sets.key({"open": "x" * 10_000_000})[0] == "x" * labels.MAX_VALUE


class Shouting(str):
    __slots__ = ()

    def __hash__(self) -> int:
        raise RuntimeError("do not hash me")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("do not compare me")


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.binary(), st.text(), st.lists(st.integers()),
    st.text(st.characters(categories=["Cs"]), min_size=1), st.builds(Hostile), st.builds(Shouting, st.text()),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["open", "closed", "other"]), anything))
def test_whatever_comes_in_what_goes_out_can_be_exported(values):
    """For every input there is a key of plain text that UTF-8 can carry, of the row's length."""
    key = LabelSets(ROW, lambda *_: None).key(values)

    assert len(key) == 2
    assert all(type(value) is str and len(value) <= labels.MAX_VALUE and value.encode() is not None for value in key)
