"""What every keeper of validation outcomes must do; the tests of each kind of keeper run the same sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stagelight.errors import RowError
from stagelight.sink.validation import ValidationOutcome
from stagelight.stages import context

if TYPE_CHECKING:
    from stagelight.truth.validations import ValidationOutcomeStore

CLOCK = 1_700_000_000.0


def failure(number: int, **fields: object) -> ValidationOutcome:
    """A failure of its own id and moment."""
    given = {
        "outcome_id": f"o{number}",
        "estimate_id": f"e{number}",
        "outcome_type": "failed_critical",
        "treatment_variable": "visits",
        "outcome_variable": "sales",
        "brand": "acme",
        "failure_patterns": ("placebo_effect",),
        "timestamp": CLOCK + number,
    } | fields
    return ValidationOutcome(**given)  # type: ignore[arg-type]


class Conformance:
    """The sentences; a class of tests gives the fixture `outcomes`."""

    async def test_what_is_stored_comes_back(self, outcomes: ValidationOutcomeStore) -> None:
        """Every field comes back as it was given, with an id and the times that the store set."""
        given = failure(
            1, outcome_id="", sample_size=120, effect_size=-0.25, confidence_interval=(-0.5, 0.0),
            metadata={"tests": [{"name": "placebo", "p": 0.4}], "note": "ü"}, failure_patterns=("a", "b"),
        )  # fmt: skip
        kept = await outcomes.store(given)
        assert kept.outcome_id
        assert kept.created_at == kept.updated_at > CLOCK
        assert await outcomes.get(kept.outcome_id) == kept
        ours = {"outcome_id": kept.outcome_id, "created_at": kept.created_at, "updated_at": kept.updated_at}
        assert kept == replace(given, **ours)

    async def test_the_same_id_again_corrects(self, outcomes: ValidationOutcomeStore) -> None:
        """An outcome stored again under its id is corrected, not doubled, and keeps the time it was first stored."""
        first = await outcomes.store(failure(1))
        again = await outcomes.store(failure(1, brand="other", failure_patterns=("drift",)))
        assert [one.brand for one in await outcomes.query_failures()] == ["other"]
        assert again.created_at == first.created_at
        assert again.updated_at >= first.updated_at
        assert [one.pattern for one in await outcomes.get_failure_patterns()] == ["drift"]

    async def test_failures_are_asked_for(self, outcomes: ValidationOutcomeStore) -> None:
        """Failures come latest first; each condition narrows; what passed is no failure."""
        for one in (
            failure(1),
            failure(2, brand="other"),
            failure(3, outcome_type="failed_borderline", failure_patterns=("drift",)),
            failure(4, outcome_type="passed", failure_patterns=()),
        ):
            await outcomes.store(one)

        async def ids(**asked: object) -> list[str]:
            return [one.outcome_id for one in await outcomes.query_failures(**asked)]  # type: ignore[arg-type]

        assert await ids() == ["o3", "o2", "o1"]
        assert await ids(limit=1) == ["o3"]
        assert await ids(brand="acme") == ["o3", "o1"]
        assert await ids(outcome_type="failed_critical") == ["o2", "o1"]
        assert await ids(failure_pattern="drift") == ["o3"]
        assert await ids(since=CLOCK + 2, until=CLOCK + 3) == ["o2"]
        assert await ids(treatment_variable="none") == await ids(outcome_variable="none") == []

    async def test_patterns_are_counted(self, outcomes: ValidationOutcomeStore) -> None:
        """Ways of failing come with how often, for how many brands, the mean effect and when last."""
        await outcomes.store(failure(1, failure_patterns=("a", "b"), effect_size=1.0))
        await outcomes.store(failure(2, failure_patterns=("a",), brand="other", effect_size=2.0))
        await outcomes.store(failure(3, failure_patterns=("a",)))
        await outcomes.store(failure(4, failure_patterns=("c",), outcome_type="inconclusive"))
        found = await outcomes.get_failure_patterns()
        assert [(one.pattern, one.failures, one.brands) for one in found] == [("a", 3, 2), ("b", 1, 1)]
        assert (found[0].mean_effect_size, found[0].last_seen) == (1.5, CLOCK + 3)
        assert [one.pattern for one in await outcomes.get_failure_patterns(min_failures=2)] == ["a"]
        assert [one.failures for one in await outcomes.get_failure_patterns(brand="other")] == [1]
        assert [one.failures for one in await outcomes.get_failure_patterns(since=CLOCK + 3)] == [1]

    async def test_similar_failures_are_ranked(self, outcomes: ValidationOutcomeStore) -> None:
        """The failure that shares most comes first, one that shares nothing not at all."""
        await outcomes.store(failure(1))
        await outcomes.store(failure(2, outcome_variable="costs", failure_patterns=("drift",)))
        await outcomes.store(failure(3, treatment_variable="x", outcome_variable="y", brand="z", failure_patterns=()))
        described = {"treatment_variable": "visits", "outcome_variable": "sales"}
        found = await outcomes.get_similar_failures(**described, failure_patterns=["placebo_effect"])
        assert [one.outcome.outcome_id for one in found] == ["o1", "o2"]
        assert found[0].similarity == pytest.approx(1.0)
        assert found[1].similarity == pytest.approx(0.35 / 0.9)
        assert await outcomes.get_similar_failures() == []
        assert len(await outcomes.get_similar_failures(brand="acme", limit=1)) == 1
        only = await outcomes.get_similar_failures(failure_patterns=["drift"])
        assert [one.outcome.outcome_id for one in only] == ["o2"]

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            ({"estimate_id": " "}, "estimate_id is empty"),
            ({"brand": 7}, "brand: found a int, expected text"),
            ({"brand": "x" * 300}, "300 characters"),
            ({"failure_patterns": ("p",) * 101}, "101 of them"),
            ({"failure_patterns": (1,)}, "expected text"),
            ({"effect_size": float("nan")}, "finite"),
            ({"timestamp": "now"}, "expected a finite number"),
            ({"confidence_interval": (1.0, 0.0)}, "the lower bound first"),
            ({"brand": "a\ud800"}, "not Unicode"),
            ({"metadata": {"a": float("inf")}}, "cannot be kept as JSON"),
            ({"metadata": {"a": "x" * 70_000}}, "bytes as JSON"),
        ],
    )
    async def test_a_wrong_field_is_refused(
        self, outcomes: ValidationOutcomeStore, fields: dict[str, object], says: str
    ) -> None:
        """One sentence says which field, what was found and what was expected; nothing is kept."""
        with pytest.raises(RowError, match=says):
            await outcomes.store(failure(1, **fields))
        assert await outcomes.query_failures() == []

    async def test_tenants_do_not_meet(self, outcomes: ValidationOutcomeStore) -> None:
        """What one tenant stored, another neither gets nor counts."""
        with context(tenant="a"):
            await outcomes.store(failure(1))
        with context(tenant="b"):
            assert await outcomes.get("o1") is None
            assert await outcomes.query_failures() == await outcomes.get_failure_patterns() == []
