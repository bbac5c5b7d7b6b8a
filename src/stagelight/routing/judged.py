"""What a router decided and what became of it: out of the store, for estimates, exports and figures."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from stagelight.sink.rows import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stagelight.store import Store
    from stagelight.wire.records import Tenancy


def decided(store: Store, router: str, owner: Tenancy) -> list[Decision]:
    """Return every decision of a router, oldest first, with the arms under the names they have now."""
    renamed = names(store, router, owner)
    found = [_under(renamed, row) for row in _decisions(store, owner) if row.router == router]
    return sorted(found, key=attrgetter("observed_at"))


def judged(store: Store, router: str, owner: Tenancy) -> list[tuple[Decision, float | None]]:
    """Return every decision with the mean of the rewards that were learned from; None where there was none."""
    rewards: defaultdict[str, list[float]] = defaultdict(list)
    for item in store.policies.replay(router, owner.tenant, owner.workspace):
        reward = item.body.get("reward")
        if reward is not None:
            rewards[str(item.body.get("decision", ""))].append(float(reward))
    return [
        (row, sum(told) / len(told) if (told := rewards.get(row.decision_id)) else None)
        for row in decided(store, router, owner)
    ]


def names(store: Store, router: str, owner: Tenancy) -> Mapping[str, str]:
    """Return which name an arm has now, by the names it had before."""
    row = store.policies.get(router, tenant=owner.tenant, workspace=owner.workspace)
    return row.state.get("renamed", {}) if row else {}


def _decisions(store: Store, owner: Tenancy) -> Iterator[Decision]:
    for row in store.rows.export("decisions", tenant=owner.tenant):
        if isinstance(row, Decision) and row.workspace == owner.workspace:
            yield row


def _under(renamed: Mapping[str, str], row: Decision) -> Decision:
    eligible = tuple(renamed.get(arm, arm) for arm in row.eligible)
    return replace(row, arm=renamed.get(row.arm, row.arm), eligible=tuple(dict.fromkeys(eligible)))
