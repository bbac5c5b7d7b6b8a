"""What every database must keep of drift: one class of tests, run on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stagelight.sink.rows import Prediction
from stagelight.store.drift import UNSEEN_NS
from stagelight.store.drift_model import DriftAlert, KeptReference, Measurement

if TYPE_CHECKING:
    from stagelight.store import Store
    from stagelight.testing import SteppingClock

REFERENCE = KeptReference(
    model="churn",
    model_version="v1",
    feature="age",
    reference="aaaa",
    origin="frozen",
    rows=10,
    body={"counts": [1, 2]},
)
QUIET = Measurement(
    model="churn", model_version="v1", feature="age", measured_ns=1, reference="aaaa", since_ns=0, until_ns=1,
    psi=0.01, kl=0.1, js=0.1, ks=None, wasserstein=None, chi2=3.0, mean_shift=None, p_value=0.5, noise=0.1,
    rows=500, effective_rows=480.5, reference_rows=1_000, severity="none", verdict="quiet",
)  # fmt: skip
LOUD = replace(QUIET, psi=0.7, severity="high", verdict="alert", ks=0.3, mean_shift=1.0, trace_id="t" * 32)


class KeptDrift:
    """References that are replaced, measurements that are not, alerts that begin and end."""

    def test_the_last_reference_of_a_feature_holds(self, store: Store) -> None:
        """Putting another one replaces it for that feature and owner alone."""
        other = replace(REFERENCE, tenant="acme", reference="bbbb")
        store.drift.put_references([REFERENCE, other])
        store.drift.put_references([replace(REFERENCE, reference="cccc", body={"counts": [3]})])
        store.drift.put_references([])

        assert [one.reference for one in store.drift.references("churn", tenant="default")] == ["cccc"]
        assert store.drift.references("churn", tenant="default")[0].body == {"counts": [3]}
        assert [one.reference for one in store.drift.references(tenant="acme", workspace="default")] == ["bbbb"]
        assert store.drift.references("fraud") == []

    def test_measurements_come_back_as_they_were(self, store: Store) -> None:
        """In the order they were made, for one model and owner, from a moment on, the last few where there are many."""
        rows = [replace(QUIET, measured_ns=at, feature=feature) for at in (1, 2, 3) for feature in ("age", "score")]
        store.drift.put_measurements([*rows, replace(LOUD, tenant="acme")])
        store.drift.put_measurements(rows)
        store.drift.put_measurements([])

        assert store.drift.measurements("churn", tenant="default") == rows
        assert store.drift.measurements("churn", tenant="acme") == [replace(LOUD, tenant="acme")]
        assert store.drift.measurements("churn", tenant="default", since_ns=3) == rows[4:]
        assert store.drift.measurements("churn", tenant="default", limit=2) == rows[4:]
        assert store.drift.measurements("fraud") == []

    def test_an_alert_begins_goes_on_and_ends(self, store: Store) -> None:
        """The first loud check begins it and is told; it keeps its beginning and its worst severity; a quiet one ends it."""
        (begun,) = store.drift.put_measurements([LOUD])
        assert (begun.began_ns, begun.ended_ns, begun.trace_id) == (1, 0, "t" * 32)
        assert store.drift.put_measurements([replace(LOUD, measured_ns=2, severity="low", psi=0.2)]) == []
        (going,) = store.drift.alerts("churn", open_only=True)
        assert (going.began_ns, going.measured_ns, going.severity, going.psi) == (1, 2, "high", 0.2)

        store.drift.put_measurements([replace(LOUD, measured_ns=2, severity="critical", psi=1.2)])
        assert store.drift.alerts("churn")[0].severity == "critical"

        assert store.drift.put_measurements([replace(QUIET, measured_ns=3)]) == []
        (again,) = store.drift.put_measurements([replace(LOUD, measured_ns=4)])

        assert [(one.began_ns, one.ended_ns) for one in store.drift.alerts("churn")] == [(1, 3), (4, 0)]
        assert again.began_ns == 4
        assert store.drift.alerts("churn", tenant="acme") == []

    def test_alerts_of_detectors_are_kept_beside(self, store: Store) -> None:
        """What no measurement stands behind is an alert of its own; told twice it is one."""
        alert = DriftAlert(
            model="churn", model_version="v1", feature="error", began_ns=5, ended_ns=5, measured_ns=5, severity="high",
            psi=0.0, p_value=0.0, mean_shift=None, rows=7,
        )  # fmt: skip
        store.drift.put_alert(alert)
        store.drift.put_alert(alert)

        assert store.drift.alerts() == [alert]

    def test_predictions_are_seen_in_the_order_they_were_made(self, store: Store) -> None:
        """Of one model and owner, in a stretch of time with both its ends, with features where they are asked for."""
        store.rows.write(
            [
                Prediction(
                    prediction_id=f"{tenant}-{at}", type="churn", model_version="v1", score=at / 10,
                    features={"age": at}, observed_at=float(at), tenant=tenant,
                )
                for tenant in ("default", "acme") for at in (3, 1, 2, 9)
            ]
        )  # fmt: skip
        whose = {"tenant": "default", "workspace": "default"}
        seen = [row for part in store.drift.seen("churn", **whose, since=1, until=3) for row in part]
        bare = [row for part in store.drift.seen("churn", **whose, since=1, until=3, features=False) for row in part]

        assert [(row.observed_at, row.score, row.features) for row in seen] == [
            (at, at / 10, {"age": at}) for at in (1, 2, 3)
        ]
        assert [row.features for row in bare] == [{}, {}, {}]
        assert store.drift.models(since=5) == [("acme", "default", "churn"), ("default", "default", "churn")]
        assert store.drift.models(since=10) == []

    def test_an_alert_that_no_check_sees_any_more_ends(self, store: Store, stepping: SteppingClock) -> None:
        """Eight days after it was seen last; one that is seen now and then goes on, and what comes later begins anew."""
        store.drift.put_measurements([LOUD, replace(LOUD, feature="plan")])
        seen = stepping.now
        stepping.advance(days=7)
        store.drift.put_measurements([replace(LOUD, feature="plan", measured_ns=2)])
        assert store.drift.end_unseen() == 0
        stepping.advance(days=2)
        assert store.drift.end_unseen() == 1
        (begun,) = store.drift.put_measurements([replace(LOUD, measured_ns=3)])

        assert begun.began_ns == 3
        ends = [(one.feature, one.began_ns, one.ended_ns) for one in store.drift.alerts()]
        assert ends == [("age", 1, round(seen * 1e9) + UNSEEN_NS), ("plan", 1, 0), ("age", 3, 0)]

    def test_time_removes_measurements_and_alerts(self, store: Store, stepping: SteppingClock) -> None:
        """After the retention of rows, whether they ended or not; what checks still see, and the references, stay."""
        store.drift.put_references([REFERENCE])
        store.drift.put_measurements([LOUD, replace(LOUD, feature="plan"), replace(LOUD, feature="score")])
        store.drift.put_measurements([replace(QUIET, measured_ns=2)])
        stepping.advance(days=91)
        store.drift.put_measurements([replace(LOUD, feature="plan", measured_ns=3)])
        store.admin.expire()

        assert [one.feature for one in store.drift.measurements()] == ["plan"]
        assert [one.feature for one in store.drift.alerts(open_only=True)] == ["plan"]
        assert len(store.drift.alerts()) == 1
        assert len(store.drift.references()) == 1
