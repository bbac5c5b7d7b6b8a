"""Predictions, and the truth about them."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagelight import _guard, sink
from stagelight.sink.codec import id_of
from stagelight.sink.rows import Prediction, Receipt, Row, Truth
from stagelight.stages import context, here, trace_stage
from stagelight.store import open_store
from stagelight.testing import in_memory
from stagelight.truth import alog_prediction, alog_truth, log_prediction, log_truth


@dataclass
class Kept:
    """A sink that keeps everything."""

    rows: list[Row] = field(default_factory=list)

    def write(self, rows):
        self.rows += rows
        return [Receipt("stored", id_of(row)) for row in rows]


@pytest.fixture
def kept():
    _guard.forget()
    keeper = Kept()
    with sink.using(keeper):
        yield keeper


def test_prediction_is_tied_to_the_running_stage(kept):
    """Trace, span, tenant, workspace and model version come from where the code runs."""
    with in_memory(), context(tenant="acme", workspace="prod", model_version="v3"), trace_stage("predict"):
        at = here()
        receipt = log_prediction(
            "churn", score=np.float32(0.5), decision="keep", entity=42, features={"age": np.int64(3)}
        )

    (row,) = kept.rows
    assert isinstance(row, Prediction)
    assert receipt == Receipt("stored", row.prediction_id)
    assert (row.trace_id, row.span_id) == (at.trace_id, at.span_id)
    assert (row.tenant, row.workspace, row.model_version) == ("acme", "prod", "v3")
    assert (row.type, row.score, row.decision, row.entity, row.features) == ("churn", 0.5, "keep", "42", {"age": 3})


def test_truth_arrives_outside_of_any_trace(kept):
    """Truth comes months later from another program: it needs no trace, only whom or what it is about."""
    receipt = log_truth("cancelled", entity="c7", value=True, idempotency_key="event-1", observed_at=100)

    (row,) = kept.rows
    assert isinstance(row, Truth)
    assert receipt == Receipt("stored", "event-1")
    assert (row.event, row.entity, row.value, row.observed_at, row.trace_id) == ("cancelled", "c7", 1.0, 100.0, "")


def test_own_model_version_beats_the_running_one(kept):
    """A version given with the call is kept."""
    with context(model_version="v3"):
        log_prediction("churn", model_version="v1")

    assert kept.rows[0].model_version == "v1"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: log_prediction(""), "type is empty"),
        (lambda: log_prediction("churn", score="high"), "score: found a str"),
        (lambda: log_prediction("churn", features=[1]), "features: found a list"),
        (lambda: log_prediction("churn", entity=3.5), "entity: found a float"),
        (lambda: log_truth("cancelled"), "prediction_id or the entity"),
        (lambda: log_truth("cancelled", entity="c", observed_at=10**15), "seconds since 1970"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(kept, call, says):
    """A refused receipt says what was found and what was expected; nothing is kept, nothing raises."""
    receipt = call()

    assert (receipt.status, kept.rows, _guard.errors()) == ("refused", [], {})
    assert says in receipt.reason


async def test_asynchronous_forms(kept):
    """`alog_prediction` and `alog_truth` take the same arguments and see the caller's context."""
    with context(tenant="acme"):
        first = await alog_prediction("churn", prediction_id="p1")
        second = await alog_truth("cancelled", prediction_id="p1")

    assert [first.status, second.status] == ["stored", "stored"]
    assert {row.tenant for row in kept.rows} == {"acme"}
    assert inspect.signature(alog_prediction) == inspect.signature(log_prediction)
    assert inspect.signature(alog_truth) == inspect.signature(log_truth)
    assert (alog_truth.__name__, alog_prediction.__name__) == ("alog_truth", "alog_prediction")


def test_committed_before_the_receipt(tmp_path):
    """With the store as the sink, rows are there for another connection when the receipts say so; twice is once."""
    with open_store(tmp_path / "s.db") as store, open_store(tmp_path / "s.db") as other, sink.using(store.rows):
        for _ in range(2):
            assert log_prediction("churn", prediction_id="p1").status == "stored"
            assert log_truth("cancelled", prediction_id="p1", idempotency_key="t1").status == "stored"
        assert (other.rows.count("predictions"), other.rows.count("truth")) == (1, 1)


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __eq__ = __bool__ = __float__ = __iter__ = __len__ = __str__
    __hash__ = object.__hash__


ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters()), st.binary(), st.builds(Hostile)
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
PREDICTION = ("score", "decision", "prediction_id", "model_version", "entity", "features", "observed_at")
TRUTH = ("prediction_id", "entity", "value", "label", "observed_at", "idempotency_key")


@given(
    ANYTHING,
    st.dictionaries(st.sampled_from(PREDICTION), ANYTHING),
    ANYTHING,
    st.dictionaries(st.sampled_from(TRUTH), ANYTHING),
)
def test_nothing_ever_comes_out_but_a_receipt(kind, prediction, event, truth):
    """Whatever the arguments, a receipt comes back and no exception."""
    with sink.using(Kept()):
        assert isinstance(log_prediction(kind, **prediction), Receipt)
        assert isinstance(log_truth(event, **truth), Receipt)
