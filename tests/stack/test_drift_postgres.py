"""What is kept of drift, in a real PostgreSQL server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from kept_drift import KeptDrift
from stagelight import _clock, drift
from stagelight.sink.rows import Prediction
from stagelight.store import open_store
from stagelight.testing import SteppingClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres import Postgres
    from stagelight.store import Store


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Store]:
    """A store in a database of its own."""
    with open_store(postgres.create("drift")) as opened:
        yield opened


@pytest.fixture
def store(server: Store) -> Store:
    """The same, empty."""
    server.admin.reset()
    return server


@pytest.fixture
def stepping() -> Iterator[SteppingClock]:
    """The clock that the store asks."""
    clock = SteppingClock()
    with _clock.replaced(clock=clock):
        yield clock


class TestPostgres(KeptDrift):
    """Drift in PostgreSQL."""

    def test_a_check_runs_there(self, store: Store, stepping: SteppingClock) -> None:
        """The first thousand rows are the reference, the next ones are found to have drifted; measured, and kept."""
        scores = np.concatenate(
            (np.random.default_rng(0).normal(size=1_000), np.random.default_rng(1).normal(1, 1, 400))
        )
        store.rows.write(
            [
                Prediction(prediction_id=f"p{at}", type="churn", score=score, observed_at=stepping.now - 2_000 + at)
                for at, score in enumerate(scores.tolist())
            ]
        )
        (found,) = drift.check_store(store)

        assert (found.rows, found.reference_rows, found.verdict) == (400, 1_000, "alert")
        assert store.drift.measurements("churn") == [found]
        assert [alert.feature for alert in store.drift.alerts("churn", open_only=True)] == ["score"]
