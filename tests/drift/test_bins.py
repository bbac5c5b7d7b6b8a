"""Where values are counted: what is special has a bin of its own, whatever comes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagelight.catalogue.fleet_drift import BINS
from stagelight.drift.bins import (
    INNER,
    KNOWN,
    LOWEST,
    MISSING,
    NOT_A_NUMBER,
    UNDER,
    UNSEEN,
    CategoryBins,
    NumberBins,
    inner_groups,
)
from stagelight.drift.body import of_body, to_body
from stagelight.drift.reference import Reference, kind_of
from stagelight.drift.scores import Table

RNG = np.random.default_rng(2)
SHAPES = {
    "normal": RNG.normal(size=5_000),
    "heavy": RNG.standard_cauchy(size=5_000),
    "skewed": np.exp(4 * RNG.normal(size=5_000)),
    "atom": np.where(RNG.random(5_000) < 0.3, 0.0, RNG.normal(size=5_000)),
    "ratings": RNG.integers(1, 6, 5_000),
    "truth": RNG.random(5_000) < 0.2,
    "constant": np.full(500, 3.25),
    "far away": 1.7e9 + RNG.normal(size=5_000),
    "tiny": RNG.normal(size=5_000) * 1e-300,
    "huge": RNG.normal(size=5_000) * 1e300,
    "one": np.array([0.5]),
    "none": np.array([]),
    "not numbers": np.full(50, np.nan),
}
REFERENCES = {shape: Reference.of(values) for shape, values in SHAPES.items()}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_value_is_counted_once(shape: str) -> None:
    """Whatever the reference is like, each value lies in exactly one bin, and placing agrees with counting."""
    values = SHAPES[shape]
    reference = Reference.of(values)
    odd = np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0, 3.25])
    for some in (values, odd):
        counts = reference.bins.count(some)
        placed = np.bincount(reference.bins.place(some), minlength=reference.bins.size)

        assert counts.sum() == some.size
        assert np.array_equal(counts, placed)
    assert reference.rows == values.size
    assert np.array_equal(reference.sketch.counts, reference.bins.count(values))


@settings(deadline=None)
@given(st.data(), st.sampled_from(["normal", "heavy", "atom", "far away", "tiny", "huge"]))
def test_counting_agrees_with_placing_for_every_number(data: st.DataObject, shape: str) -> None:
    """Any floats at all, and those on an edge, beside it or some billions of cells away, are counted where they are placed."""
    bins = REFERENCES[shape].bins
    assert isinstance(bins, NumberBins)
    edge = st.sampled_from(bins.edges.tolist())
    step = st.sampled_from([-np.inf, np.inf])
    width = float(bins.edges[-1] - bins.edges[0])
    away = st.builds(lambda cells, start: start + cells / 4096 * width, st.floats(-(2.0**33), 2.0**33), edge)
    beside = st.builds(lambda at, to: float(np.nextafter(at, to)), edge, step)
    values = np.array(data.draw(st.lists(st.one_of(st.floats(), edge, beside, away), min_size=1, max_size=20)))

    assert np.array_equal(bins.count(values), np.bincount(bins.place(values), minlength=bins.size))
    counts, places = bins.counted(values, 7)
    assert np.array_equal(counts, bins.count(values))
    assert np.array_equal(places, bins.place(values[:7]))


@pytest.mark.parametrize("odd", [[], [np.nan, -np.nan, 1e308, -np.inf], [30.0, -30.0], [1e8, -1e8], [np.inf], [-1e30]])
def test_many_values_are_counted_in_parts(odd: list[float]) -> None:
    """Some hundred thousand are counted like few, whatever is among them: no number, far beyond the grid, or very far."""
    bins = REFERENCES["normal"].bins
    values = np.random.default_rng(0).normal(size=150_000)
    values[[3, 70_000, 130_000, 149_999][: len(odd)]] = odd

    assert np.array_equal(bins.count(values), np.bincount(bins.place(values), minlength=bins.size))
    assert np.array_equal(bins.count(odd), np.bincount(bins.place(odd), minlength=bins.size))
    assert np.array_equal(bins.place(values), np.concatenate([bins.place(part) for part in np.split(values, 3)]))
    for column in (values, odd):
        assert np.array_equal(bins.counted(column, 1024)[0], bins.count(column))


@pytest.mark.parametrize("shape", ["normal", "heavy", "skewed"])
def test_groups_hold_about_equally_much(shape: str) -> None:
    """The reference fills each of its eighteen inner groups with a twentieth or so, however long its tails are."""
    reference = Reference.of(SHAPES[shape])
    held = np.add.reduceat(reference.sketch.counts, reference.bins.groups)

    assert held.size == 18 + 5
    assert np.all(np.abs(held[3:-2] / reference.rows - 0.98 / 18) < 0.02)


def test_what_is_special_has_a_bin_of_its_own() -> None:
    """Not a number, each infinity, and what is far beyond the reference are not mixed with each other or the rest."""
    reference = Reference.of(SHAPES["normal"])
    counts = reference.bins.count([np.nan, None, "much", np.inf, -np.inf, -np.inf, 50.0, -50.0, 1e308])

    assert counts[NOT_A_NUMBER] == 3
    assert counts[LOWEST] == 2
    assert counts[-1] == 1
    assert counts[UNDER] == 1
    assert counts[-2] == 2


def test_outliers_do_not_stretch_the_bins() -> None:
    """A few values of a million among a thousand lie beyond the last edge, which stays where the others end."""
    values = np.concatenate((RNG.normal(size=1_000), [1e6] * 3, [-1e6] * 3))
    edges = Reference.of(values).bins.edges

    assert -4 < edges[0] < -1.5
    assert 1.5 < edges[-1] < 4


def test_a_value_that_comes_again_and_again_has_a_bin_of_its_own() -> None:
    """Three tenths of exactly 0 among other numbers are a group that holds hardly anything else."""
    reference = Reference.of(SHAPES["atom"])
    held = np.add.reduceat(reference.sketch.counts, reference.bins.groups)
    zeros = np.count_nonzero(SHAPES["atom"] == 0)

    assert zeros <= held.max() <= zeros + 15


def test_ratings_have_a_bin_each_and_what_lies_between_has_another() -> None:
    """Whole numbers from 1 to 5: a 2.5, which never came before, is no 2 and no 3."""
    reference = Reference.of(SHAPES["ratings"])
    places = reference.bins.place([1, 2, 2.5, 3, 4, 5])

    assert len(set(places.tolist())) == 6
    assert reference.sketch.counts[places[2]] == 0


def test_categories_have_a_bin_each_and_so_have_missing_and_unseen() -> None:
    """None and NaN are missing, a label that the reference never saw is unseen; a label as long as a book is cut."""
    reference = Reference.of(["red"] * 5 + ["blue"] * 3 + ["x" * 10_000])
    counts = reference.bins.count(["red", "green", "grey", None, float("nan"), "x" * 300])

    assert counts.tolist() == [2, 2, 1, 0, 1]
    assert (MISSING, UNSEEN) == (0, 1)


def test_rare_categories_are_a_few_groups() -> None:
    """Of many categories those that stand out are compared by themselves, the others by a hash; at most 900 are known by name."""
    rng = np.random.default_rng(1)
    reference = Reference.of([f"user-{number}" for number in rng.zipf(1.3, 20_000)])
    own = np.diff(reference.bins.groups, append=reference.bins.size)[KNOWN:] == 1

    assert 500 < reference.bins.size <= 902
    assert np.count_nonzero(own) == own.argmin() >= 10
    assert np.count_nonzero(~own) == 3


def test_categories_that_are_heavy_by_luck_have_no_group_of_their_own() -> None:
    """Whichever of a hundred equals came most, groups are the same; one that stands out has its own, and few have all."""
    names = [f"kind-{number}" for number in range(100)]

    def alone(rows: list[str]) -> int:
        reference = Reference.of(rows)
        return int(np.count_nonzero(np.diff(reference.bins.groups, append=reference.bins.size)[KNOWN:] == 1))

    def grouped(seed: int) -> set[frozenset[str]]:
        bins = Reference.of(np.random.default_rng(seed).choice(names, 1_000)).bins
        assert isinstance(bins, CategoryBins)
        labels = np.array(bins.labels)
        return {frozenset(labels[bins.group_of[2:] == group]) for group in range(2, bins.groups.size)}

    assert grouped(0) == grouped(1)
    assert alone([*names * 10, *["kind-7"] * 40]) == 1
    assert alone(names[:32] * 10) == 32
    assert alone(names[:33] * 10) < 15


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sketch_is_small(shape: str) -> None:
    """A feature's figures take 8.5 kB at most."""
    assert Reference.of(SHAPES[shape]).sketch.nbytes <= 8_500


@pytest.mark.parametrize("shape", SHAPES)
def test_a_reference_comes_back_from_json(shape: str) -> None:
    """Written down and read again, a reference has the same id and puts every value where it did."""
    reference = Reference.of(SHAPES[shape])
    again = of_body(json.loads(json.dumps(to_body(reference))))
    values = np.concatenate((RNG.normal(size=500), [np.nan, np.inf, 0.0, 3.25]))

    assert again.id == reference.id
    assert np.array_equal(again.bins.place(values), reference.bins.place(values))
    assert again.effective_rows == reference.effective_rows


def test_categories_come_back_from_json() -> None:
    """So do categories, and another reference has another id."""
    reference = Reference.of(["red", "blue", "red"])
    again = of_body(json.loads(json.dumps(to_body(reference))))

    assert again.id == reference.id != Reference.of(["red", "blue", "blue"]).id
    assert again.bins.count(["red", "green"]).tolist() == reference.bins.count(["red", "green"]).tolist()


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=300))
def test_there_are_never_more_groups_than_prometheus_adds_up(counts: list[int]) -> None:
    """However unevenly values lie, a number has no more groups than the rules of the fleet know."""
    assert inner_groups(np.array(counts)).size + INNER + 1 <= BINS


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5, None], "number"),
        ([True, False], "number"),
        (np.array([1, 2]), "number"),
        ([None, "red", 3], "category"),
        (np.array(["red"]), "category"),
        ((value for value in ["red", "blue"]), "category"),
        ([], "number"),
    ],
)
def test_the_kind_is_judged_by_the_values(values: object, kind: str) -> None:
    """One text that comes early makes a feature a category; numbers, booleans and nothing are numbers."""
    assert kind_of(list(values) if not hasattr(values, "__len__") else values) == kind


def test_a_stretch_of_memory_of_another_shape_is_counted_too() -> None:
    """Columns of a table, of 32 bits, not contiguous or read-only, are counted like any other."""
    table = np.random.default_rng(0).normal(size=(1_000, 4)).astype(np.float32)
    table.flags.writeable = False
    column = table[:, 2]
    reference = Reference.of(column)

    assert isinstance(reference.bins, NumberBins)
    assert reference.rows == 1_000
    assert Table([reference]).scores([reference.count(column)]).psi[0] == 0
