"""What the Feedback page lists: who learns, the latest words, and their tones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from queues import decision, feedback
from stagelight.store.loop import PolicyNote

if TYPE_CHECKING:
    from stagelight.store import Store
    from stagelight.testing import SteppingClock

S = 1_000_000_000


def test_policies_are_listed_with_kind_and_version(store: Store, stepping: SteppingClock) -> None:
    """Each tenant's policy of each router, without what it knows; one that was never written is none."""
    for tenant in ("acme", "beta"):
        store.policies.put("digits", {"kind": "ucb1"}, version=0, tenant=tenant, workspace="w")
    stepping.advance(seconds=5)
    store.policies.put("digits", {"kind": "ucb1"}, version=1, tenant="beta", workspace="w")
    store.policies.put("digits", {}, version=7, tenant="gone", workspace="w")

    acme, beta = store.loop_reports.policies()
    assert (acme.tenant, acme.kind, acme.version) == ("acme", "ucb1", 1)
    assert beta == PolicyNote(
        router="digits", tenant="beta", workspace="w", kind="ucb1", version=2, changed_ns=acme.changed_ns + 5 * S
    )
    assert store.loop_reports.policies(tenant="acme") == [acme]


def test_the_latest_feedback_comes_first(store: Store) -> None:
    """By when it was said, however it arrived; of one tenant where one asks."""
    said = [replace(feedback(number, 1.0), observed_at=float(at)) for number, at in enumerate((5, 9, 7))]
    said.append(replace(feedback(9, None), observed_at=8.0, tenant="beta"))
    store.rows.write([decision(0), *said])

    assert [row.observed_at for row in store.loop_reports.latest(3)] == [9.0, 8.0, 7.0]
    assert store.loop_reports.latest(9, tenant="beta") == [said[3]]


def test_tones_of_comments_are_counted(store: Store) -> None:
    """Within the window, without the words of which nobody knows the tone, and without other tenants'."""
    tones = ("positive", "negative", "positive", "")
    said = [replace(feedback(number, None), observed_at=1.0, sentiment=tone) for number, tone in enumerate(tones)]
    store.rows.write([*said, replace(said[1], feedback_id="late", observed_at=9.0), replace(said[1], tenant="beta")])

    assert store.loop_reports.sentiments(0, 5 * S, tenant="default") == {"negative": 1, "positive": 2}
    assert store.loop_reports.sentiments(0, 10 * S) == {"negative": 3, "positive": 2}
