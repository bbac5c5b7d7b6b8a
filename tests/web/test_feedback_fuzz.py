"""Schemathesis on everything that is judged, learned and routed over HTTP: whatever is sent, no answer of 5xx."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from serving import served
from stagelight import _guard

PATHS = ("/feedback", "/api/feedback", "/api/decisions", "/api/rl", "/api/routers", "/api/models", "/drift")
BOUND = {"suppress_health_check": list(HealthCheck), "deadline": None, "database": None}
HOSTILE = (b"", b"{", b"[]", b'{"rating": NaN}', b'{"comment": "\\ud800"}', b"\xff\xfe", b'{"token": 1}', b"[" * 5_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Open, with a key for tokens and no limit of turns."""
    with served(tmp_path_factory.mktemp("fuzz"), feedback_key="key", feedback_rate=0) as found:
        yield found


def operations(server):
    """Every operation under `PATHS` that the server's own description names."""
    generated = SchemathesisConfig.from_dict({"generation": {"mode": "all"}})
    described = server.client.get("/api/openapi.json").json()
    schema = schemathesis.openapi.from_dict(described, config=generated)
    found = [result.ok() for result in schema.get_all_operations()]
    return [operation for operation in found if operation.path.startswith(PATHS)]


def answers(server, operation, examples):
    """Send `examples` cases of one operation and fail on the first answer of 5xx."""

    @settings(max_examples=examples, **BOUND)
    @given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE) | operation.as_strategy())
    def send(case):
        answer = case.call(base_url=server.url)
        assert answer.status_code < 500, (case.as_curl_command(), answer.text[:300])

    send()


def no_answer_of_5xx(server, examples):
    _guard.forget()
    known = operations(server)
    assert {"/feedback/explicit", "/feedback/implicit", "/feedback/summary"} <= {one.path for one in known}
    for operation in known:
        answers(server, operation, examples)
        if operation.method.lower() == "post":
            for body in HOSTILE:
                sent = server.client.post(operation.path, content=body, headers={"Content-Type": "application/json"})
                assert sent.status_code < 500, (operation.path, body[:40], sent.text[:300])
    assert _guard.errors() == {}


def test_no_answer_of_5xx(server):
    """A sample of all that the description allows, and of what it does not."""
    no_answer_of_5xx(server, 8)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_no_answer_of_5xx_in_20_000_cases(server):
    """As above, at length."""
    no_answer_of_5xx(server, 20_000 // len(operations(server)))
