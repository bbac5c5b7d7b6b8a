"""Every model that predicts into a store, checked in one go: what the scheduled task and `stagelight serve` do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight import _clock
from stagelight.drift.monitor import HOUR, Monitor
from stagelight.store.current import current

if TYPE_CHECKING:
    from stagelight.store import Store
    from stagelight.store.drift_model import Measurement


def check_store(
    store: Store | None = None, *, threshold: float | None = None, window_hours: float = 24.0
) -> list[Measurement]:
    """Compare every model's predictions in `store` with how they were, keep and publish what is found, and return it.

    Models need no code of theirs here: the first thousand rows of a version become its reference, unless a `Monitor` has
    kept another.

    Args:
        store: The one in use if None; nothing is checked where there is none.
        threshold: PSI from which drift is low; DRIFT_THRESHOLD if None.
        window_hours: How far back to look.

    Raises:
        StoreError: The store is away.
    """
    store = store or current()
    if store is None:
        return []
    store.drift.end_unseen()  # of models that predict no more, which nothing below looks at
    found = []
    for tenant, workspace, model in store.drift.models(since=_clock.wall_ns() / 1e9 - window_hours * HOUR):
        monitor = Monitor(
            model, store=store, tenant=tenant, workspace=workspace, threshold=threshold, window_hours=window_hours
        )
        found += monitor.measure()
    return found
