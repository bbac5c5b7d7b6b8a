"""`export feedback --retraining`: judged predictions as training data."""

from __future__ import annotations

import json

import pytest

from stagelight.sink.rows import Feedback, Prediction
from stagelight.store import open_store

TRACE = "0af7651916cd43dd8448eb211c80319c"
MADE = {"type": "churn", "model_version": "v2", "observed_at": 1.0, "entity": "customer-7"}
SAID = {"kind": "explicit", "observed_at": 9.0, "user": "ann", "comment": "no"}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A store with judged and unjudged predictions."""
    path = tmp_path_factory.mktemp("store") / "s.db"
    with open_store(path) as store:
        store.rows.write(
            [
                Prediction(prediction_id="p1", features={"age": 40, "city": "Ulm"}, score=0.9, decision="stay", **MADE),
                Prediction(prediction_id="p2", features={"age": "old"}, trace_id=TRACE, **MADE),
                Prediction(prediction_id="p3", trace_id="1" * 32, **MADE),
                Prediction(prediction_id="p4", trace_id="1" * 32, **MADE),
                Feedback(feedback_id="f1", signal="label", label="leave", prediction_id="p1", **SAID),
                Feedback(feedback_id="f2", signal="rating", value=4, reward=0.75, trace_id=TRACE, **SAID),
                Feedback(feedback_id="f3", signal="rating", value=4, trace_id="1" * 32, **SAID),
                Feedback(feedback_id="f4", signal="rating", value=4, trace_id="2" * 32, **SAID),
                Feedback(feedback_id="f5", signal="rating", value=2, prediction_id="p1", tenant="b", **SAID),
            ]
        )
    return path


def exported(call, path, *options):
    ended = call("export", "feedback", "--retraining", "--store", path, *options)
    assert ended.exit_code == 0, ended.stderr
    return ended.stdout


def test_each_judged_prediction_is_a_line_with_features_and_verdict(call, path):
    """By its id, or as the only one of its trace; what no prediction or several belong to, and other owners', is left out."""
    lines = [json.loads(line) for line in exported(call, path).splitlines()]

    assert [(line["feedback_id"], line["prediction_id"]) for line in lines] == [("f1", "p1"), ("f2", "p2")]
    assert (lines[0]["features"], lines[0]["label"], lines[0]["reward"]) == ({"age": 40, "city": "Ulm"}, "leave", None)
    assert (lines[1]["value"], lines[1]["reward"], lines[1]["model_version"]) == (4.0, 0.75, "v2")


def test_persons_are_left_out_unless_asked_for(call, path):
    """No entity, no user, no comment; with --personal all three."""
    assert not {"entity", "user", "comment"} & json.loads(exported(call, path).splitlines()[0]).keys()
    told = json.loads(exported(call, path, "--personal").splitlines()[0])
    assert (told["entity"], told["user"], told["comment"]) == ("customer-7", "ann", "no")


def test_parquet_holds_the_same(call, path, tmp_path):
    """A table with a row each, the features as JSON text, numbers as numbers."""
    parquet = pytest.importorskip("pyarrow.parquet")
    exported(call, path, "--format", "parquet", "--out", str(tmp_path / "x.parquet"))
    table = parquet.read_table(tmp_path / "x.parquet")

    assert table.column("prediction_id").to_pylist() == ["p1", "p2"]
    assert table.column("reward").to_pylist() == [None, 0.75]
    assert json.loads(table.column("features").to_pylist()[0]) == {"age": 40, "city": "Ulm"}
    assert "user" not in table.column_names


def test_only_one_tenants(call, path):
    """--tenant leaves everybody else out."""
    assert exported(call, path, "--tenant", "b") == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["export", "truth", "--format", "parquet"], "go with `export feedback --retraining`"),
        (["export", "feedback", "--personal"], "go with `export feedback --retraining`"),
        (["export", "feedback", "--retraining", "--format", "parquet"], "needs a name"),
    ],
)
def test_options_that_make_no_sense_are_told(call, arguments, says):
    """In one line that says what to do."""
    ended = call(*arguments)
    assert ended.exit_code == 2
    assert says in ended.stderr
