"""The service: what it answers, what it refuses, and what a trace shows of each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from digits import pipeline
from digits.app import serve
from digits.models import Answer
from digits.pipeline import Reply, UnsureError
from digits.uploads import Upload, body, stream
from stagelight.testing import in_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from digits.models import Digits
    from digits.pipeline import Service
    from stagelight.testing import InMemory


@pytest.fixture
def memory() -> Iterator[InMemory]:
    """Telemetry to look at."""
    with in_memory() as found:
        yield found


def upload(digits: tuple[Digits, Digits], kind: Any, *, row: int = 0) -> Upload:
    """One request of a kind."""
    page, label = digits[1].pages[row], int(digits[1].labels[row])
    sent = body(page, kind, np.random.default_rng(row))
    return Upload(id=f"u{row}", user="user-01", session="s1", body=sent, label=label, kind=kind)


def read(service: Service, sent: Upload) -> Reply:
    """Serve one request."""
    return asyncio.run(service.read(sent))


def test_the_models_really_learned(service: Service, digits: tuple[Digits, Digits]) -> None:
    """On digits they never saw, each newer model is better than the one before, and the best is right in 96 of 100."""
    asked = digits[1]
    share = {
        version: np.mean(
            [model.read(page).digit == label for page, label in zip(asked.pages, asked.labels, strict=True)]
        )
        for version, model in service.models.items()
    }

    assert 0.85 < share["bayes-1"] < share["linear-2"] < share["forest-3"]
    assert share["forest-3"] > 0.96


def test_a_clean_digit_is_read_in_six_stages(service: Service, digits: tuple[Digits, Digits], memory: InMemory) -> None:
    """The trace of a good request shows the stages in their order, all beneath one root."""
    reply = read(service, upload(digits, "clean"))

    assert (reply.status, reply.digit) == ("answered", digits[1].labels[0])
    stages = ["├─ load", "├─ preprocess", "├─ route", "├─ predict", "├─ validate", "└─ respond"]
    assert memory.tree().split("\n") == ["read digit", *stages]


def test_every_span_knows_who_asked(service: Service, digits: tuple[Digits, Digits], memory: InMemory) -> None:
    """Session, user and request are on each span of the trace, the model version on those after the choice."""
    reply = read(service, upload(digits, "clean"))

    assert {(s.attributes["session.id"], s.attributes["user.id"]) for s in memory.spans} == {("s1", "user-01")}
    assert {s.attributes["stagelight.request_id"] for s in memory.spans} == {"u0"}
    versions = {s.name: s.attributes.get("stagelight.model_version") for s in memory.spans}
    assert {versions[name] for name in ("predict", "validate", "respond")} == {reply.version}
    assert versions["load"] is None


@pytest.mark.parametrize(
    ("kind", "error"),
    [("cut", "MalformedImageError"), ("foreign", "MalformedImageError"), ("blank", "BlankImageError")],
)
def test_a_damaged_upload_fails_in_preprocess_and_is_answered(
    kind: str, error: str, service: Service, digits: tuple[Digits, Digits], memory: InMemory
) -> None:
    """The sender is told why, the stage that refused is red, the request as a whole is not."""
    reply = read(service, upload(digits, kind))

    assert (reply.status, reply.digit) == ("refused", None)
    assert reply.reason
    statuses = {span.name: span.status for span in memory.spans}
    assert statuses["preprocess"] == "error"
    assert "error" not in {statuses["read digit"], statuses["load"], statuses["respond"]}
    assert error in str(memory.span("preprocess").attributes["error.type"])
    assert memory.value("stagelight_stage_calls_total", stage="preprocess", outcome="error") == 1


def test_a_note_is_searched(service: Service, digits: tuple[Digits, Digits], monkeypatch: pytest.MonkeyPatch) -> None:
    """A digit somewhere on a small sheet, above a darker blot, is found in most cases."""
    monkeypatch.setattr(pipeline, "DEADLINE_SECONDS", 60)
    notes = [upload(digits, "note", row=row) for row in range(30)]
    right = sum(read(service, note).digit == note.label for note in notes)

    assert right >= 22


def test_a_poster_takes_longer_than_anybody_waits(
    service: Service, digits: tuple[Digits, Digits], memory: InMemory
) -> None:
    """Searching a large sheet runs into the deadline by its sheer size; a quick guess by another model takes its place."""
    read(service, upload(digits, "poster"))

    late, guess = (span for span in memory.spans if span.name == "predict")
    assert (late.status, late.attributes["error.type"]) == ("error", "TimeoutError")
    assert "of 505 rows searched in 0.4 s" in late.status_message
    assert late.duration_ns >= 400e6
    assert guess.status != "error"
    assert [span.attributes["stagelight.model_version"] for span in (late, guess)] == ["forest-3", "linear-2"]


def test_two_unsure_models_that_disagree_ask_for_a_person(service: Service, digits: tuple[Digits, Digits]) -> None:
    """No answer is given where the models read different digits and neither is sure."""
    page, label = digits[1].pages[0], int(digits[1].labels[0])
    faint = (page * 0.5 + 0.25).ravel()  # no model has seen such grey paper
    doubtful = Answer(digit=(label + 1) % 10, confidence=0.2, version="linear-2", part=faint)

    with pytest.raises(UnsureError, match=r"linear-2 reads \d, forest-3 reads \d"):
        service.validate(doubtful)


def test_an_unsure_model_is_helped_by_a_second(
    service: Service, digits: tuple[Digits, Digits], memory: InMemory
) -> None:
    """The surer of two answers counts, and the second opinion is a stage of its own with its own model version."""
    page, label = digits[1].pages[0], int(digits[1].labels[0])
    doubtful = Answer(digit=(label + 1) % 10, confidence=0.2, version="forest-3", part=page.ravel())

    assert service.validate(doubtful).digit == label
    assert memory.span("second opinion").attributes["stagelight.model_version"] == "linear-2"


def test_the_score_counts_every_request(service: Service, digits: tuple[Digits, Digits]) -> None:
    """Each request ends in one status, progress is told after each, and accuracy is a share of the answers."""
    told: list[int] = []
    score = asyncio.run(serve(service, stream(digits[1], 150, seed=5), seen=lambda now: told.append(now.requests)))

    assert told == list(range(1, 151))
    assert score.requests == 150
    assert score.answers.total() == score.statuses["answered"]
    assert all(0.5 < share <= 1 for share in score.accuracy().values())


def test_it_works_when_nothing_is_configured(service: Service, digits: tuple[Digits, Digits]) -> None:
    """Without `configure()` the service answers the same, and no truth is accepted by anybody."""
    with in_memory():
        traced = asyncio.run(serve(service, stream(digits[1], 60, seed=7)))
    plain = asyncio.run(serve(service, stream(digits[1], 60, seed=7)))

    assert plain.statuses == traced.statuses
    assert plain.truths == 0
