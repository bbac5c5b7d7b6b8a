"""GET /api/models and GET /drift/summary: how models do, for programs."""

from __future__ import annotations

import json

import pytest

from judged_models import DAYS, NS, a_model, measurement
from stagelight import _clock

NOW = _clock.wall_ns() / 1e9
JSON = "application/json"


@pytest.fixture(scope="module")
def told(shared):
    """A model of the default tenant, and one of acme's with another version."""
    shared.store.admin.reset()
    a_model(shared.store, NOW)
    a_model(shared.store, NOW, model="risk", version="v2", tenant="acme")
    return shared


@pytest.fixture(scope="module")
def guarded(shared_guarded):
    """The same, asking for tokens."""
    shared_guarded.store.admin.reset()
    a_model(shared_guarded.store, NOW)
    a_model(shared_guarded.store, NOW, model="risk", version="v2", tenant="acme")
    return shared_guarded


def asked(server, path: str, headers: dict[str, str] | None = None, **params: str):
    answer = server.client.get(path, params=params, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON), answer.text
    return answer.json()


def test_a_model_with_all_that_the_page_shows(told):
    """Verdict, course, coverage, what is expected of the rest, drift by feature, and what people were told."""
    found = asked(told, "/api/models", model="digit")
    (one,) = found["models"]

    assert (one["model_version"], one["tenant"], one["workspace"]) == ("v1", "default", "default")
    assert (one["verdict"]["accuracy_state"], one["verdict"]["calibration_state"]) == ("ALERT", "OK")
    assert (one["verdict"]["current_accuracy"], one["verdict"]["estimated_accuracy"]) == (0.69, 0.94)
    assert one["verdict"]["figures"]["bias"] == {"distance": 0.2, "noise": 0.01}
    assert len(one["course"]) == DAYS
    assert [point["accuracy_state"] for point in one["course"]] == ["LITTLE"] + ["OK"] * 6 + ["WARN"] + ["ALERT"] * 2
    assert one["coverage"]["ratio"] == one["coverage"]["labelled"] / one["coverage"]["mature"]
    assert one["expected"]["value"] == 0.94
    assert [(row["feature"], row["verdict"]) for row in one["features"]] == [("score", "alert"), ("ink", "quiet")]
    assert [alert["over"] for alert in found["alerts"] if alert["labels"]["model"] == "digit"] == [False, True]
    assert found["alerts"][0]["summary"] == "digit v1: accuracy fell"


@pytest.mark.parametrize(
    ("params", "models"),
    [
        ({}, {"digit", "risk"}),
        ({"model_version": "v2"}, {"risk"}),
        ({"model": "digit", "model_version": "v2"}, set()),
        ({"workspace": "elsewhere"}, set()),
    ],
)
def test_models_by_name_version_and_workspace(told, params, models):
    """Each parameter narrows; on loopback without tokens every tenant's are there."""
    assert {one["model"] for one in asked(told, "/api/models", **params)["models"]} == models
    assert {one["model"] for one in asked(told, "/drift/summary", **params)["scores"]} == models


def test_drift_in_short(told):
    """Counts by severity, the latest scores of each feature with the worst first, and the alerts that are open."""
    found = asked(told, "/drift/summary", model="digit")

    assert found["features_by_severity"] == {"critical": 0, "high": 0, "medium": 1, "low": 0, "none": 1}
    assert found["alerts_by_severity"]["medium"] == 1
    assert [(one["feature"], one["severity"], one["psi"]) for one in found["scores"]] == [
        ("score", "medium", 0.3),
        ("ink", "none", 0.01),
    ]
    (alert,) = found["open_alerts"]
    assert (alert["feature"], alert["ended_ns"], alert["trace_id"]) == ("score", 0, f"{7:032x}")
    assert found["checked_ns"] == max(one["measured_ns"] for one in found["scores"])


def test_drift_that_ended_is_counted_and_not_open(server):
    """Nothing measured is nothing said; what came back to normal is history."""
    assert asked(server, "/drift/summary") == {
        "checked_ns": None,
        "features_by_severity": dict.fromkeys(("critical", "high", "medium", "low", "none"), 0),
        "alerts_by_severity": dict.fromkeys(("critical", "high", "medium", "low", "none"), 0),
        "open_alerts": [],
        "scores": [],
    }
    for day, psi in enumerate((0.4, 0.02)):
        server.store.drift.put_measurements([measurement(day, NOW, psi)])

    found = asked(server, "/drift/summary")
    assert (found["open_alerts"], found["alerts_by_severity"]["medium"]) == ([], 1)
    assert found["features_by_severity"]["none"] == 1


@pytest.mark.parametrize("path", ["/api/models", "/drift/summary"])
def test_a_token_sees_its_tenants_models_alone(guarded, path):
    """Of another tenant's model neither name nor figures nor alerts are told; without a token nothing, and writing is not reading."""
    answers = {who: asked(guarded, path, guarded.token("read", tenant=who)) for who in ("acme", "default", "zeta")}

    assert "digit" in json.dumps(answers["default"])
    assert "risk" not in json.dumps(answers["default"])
    assert "risk" in json.dumps(answers["acme"])
    assert "digit" not in json.dumps({**answers["acme"], "alerts": ""})
    assert {one["labels"]["model"] for one in answers["acme"].get("alerts", ())} <= {"risk"}
    assert not any(answers["zeta"].get(name) for name in ("models", "alerts", "scores", "open_alerts"))
    assert guarded.client.get(path).status_code == 401
    assert guarded.client.get(path, headers=guarded.token("ingest")).status_code == 403


@pytest.mark.parametrize("path", ["/api/models", "/drift/summary"])
def test_a_name_no_model_can_have_is_422(told, path):
    """A parameter that is too long is named."""
    answer = told.client.get(path, params={"model": "x" * 257})

    assert (answer.status_code, answer.json()["message"].split(":")[0]) == (422, "model")


def test_a_figure_that_json_has_not_is_null(server):
    """Infinite drift is drift; its JSON is JSON."""
    server.store.drift.put_measurements([measurement(0, NOW, float("inf"), severity="critical")])

    assert asked(server, "/drift/summary")["scores"][0]["psi"] is None
    assert asked(server, "/api/models")["models"][0]["features"][0]["measured_ns"] == int(NOW * NS)
    page = server.client.get("/models")
    assert page.status_code == 200
    assert "Infinity" not in page.text
