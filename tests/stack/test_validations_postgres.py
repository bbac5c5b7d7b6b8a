"""Validation outcomes in a real PostgreSQL server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stagelight.store import current, open_store
from stagelight.truth.validations import ValidationOutcomeStore, get_validation_outcome_store
from validations import Conformance, failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres import Postgres
    from stagelight.store import Store


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Store]:
    """A store in an empty database."""
    with open_store(postgres.create("validations")) as store:
        yield store


class TestPostgres(Conformance):
    """Outcomes in PostgreSQL."""

    @pytest.fixture
    def outcomes(self, server: Store) -> Iterator[ValidationOutcomeStore]:
        """The store that is in use, emptied."""
        server.admin.reset()
        with current.using(server):
            yield get_validation_outcome_store()

    async def test_views(self, outcomes: ValidationOutcomeStore, postgres: Postgres) -> None:
        """Both views of the contract answer in plain SQL."""
        import psycopg

        await outcomes.store(failure(1))
        await outcomes.store(failure(2, timestamp=0.0))
        with psycopg.connect(postgres.url("validations").replace("+psycopg", "")) as connection:
            patterns = connection.execute("SELECT pattern, failures FROM v_validation_failure_patterns").fetchall()
            recent = connection.execute("SELECT outcome_id FROM v_validation_recent_failures").fetchall()
        assert patterns == [("placebo_effect", 2)]
        assert recent == [("o2",)]
