"""A store, a clock that stands still, and predictions to put in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from stagelight import _guard
from stagelight.sink.rows import Prediction
from stagelight.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stagelight.store import Store
    from stagelight.testing import SteppingClock

HOUR = 3_600.0


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    path = tmp_path / "drift.db"
    path.write_bytes(empty_store.read_bytes())
    with open_store(path) as opened:
        yield opened


@pytest.fixture
def predicted(store: Store, clock: SteppingClock) -> Callable[..., None]:
    """Have a model predict: `predicted(500, mean=0.3)` spreads so many over the hour that ends now."""
    made = 0

    def predict(
        rows: int, *, mean: float = 0.0, model: str = "churn", version: str = "v1", over: float = HOUR, **owner: str
    ) -> None:
        nonlocal made
        made += rows
        rng = np.random.default_rng(made)
        at = clock.now - over + np.linspace(over / rows, over, rows)
        store.rows.write(
            [
                Prediction(
                    prediction_id=f"{model}-{version}-{made - number}",
                    type=model,
                    model_version=version,
                    score=score,
                    features={"age": 40 + 10 * score, "plan": "basic" if score < 0 else "plus", "embedding": [score]},
                    observed_at=moment,
                    trace_id=f"{made - number:032x}",
                    span_id=f"{made - number:016x}",
                    **owner,
                )
                for number, (score, moment) in enumerate(
                    zip(rng.normal(mean, 1, rows).tolist(), at.tolist(), strict=True)
                )
            ]
        )

    return predict


@pytest.fixture
def guarded() -> Iterator[Callable[[], int]]:
    """How many errors of the drift room were kept from the program in this test."""
    _guard.forget()
    yield lambda: _guard.errors().get("drift", 0)
    _guard.forget()
