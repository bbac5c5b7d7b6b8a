"""The router that learns from users: the models, the images, the users and the score."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rl_feedback_loop.images import Digits, load, photographed, stream
from rl_feedback_loop.models import train
from rl_feedback_loop.score import Score
from rl_feedback_loop.service import Service, serve
from rl_feedback_loop.users import opinion
from stagelight.cli import demo_feedback
from stagelight.routing import get_rl_model_router
from stagelight.sink import current as sinks
from stagelight.store import current as stores
from stagelight.store import open_store
from stagelight.testing import in_memory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rl_feedback_loop.models import Model


@pytest.fixture(scope="module")
def asked() -> Digits:
    """Digits that no model was trained on."""
    return load()[1]


@pytest.fixture(scope="module")
def models() -> Mapping[str, Model]:
    """The trained models."""
    return train(load()[0])


def right(model: Model, pages: Any, asked: Digits) -> float:
    """The share of `pages` that a model reads rightly."""
    return float(np.mean(model.classifier.predict(pages.reshape(len(pages), -1)) == asked.labels))


def test_each_half_has_a_best_model_of_its_own(models: Mapping[str, Model], asked: Digits) -> None:
    """On scans `forest-2` leads by ten points and more, on photographs `photo-3` by forty; the leader of scans is dear."""
    photographs = photographed(asked.pages, np.random.default_rng(3))
    scans = {name: right(model, asked.pages, asked) for name, model in models.items()}
    photos = {name: right(model, photographs, asked) for name, model in models.items()}

    assert scans["forest-2"] > 0.96
    assert scans["forest-2"] > max(scans["small-1"], scans["photo-3"]) + 0.1
    assert photos["photo-3"] > 0.9
    assert photos["photo-3"] > max(photos["small-1"], photos["forest-2"]) + 0.4
    assert models["forest-2"].milliseconds > 1.5 * models["small-1"].milliseconds


def test_the_stream_is_repeatable_and_turns_in_the_middle(asked: Digits) -> None:
    """The same seed gives the same images and people; the second half are photographs."""
    first, again, other = (list(stream(asked, 100, seed=seed)) for seed in (1, 1, 2))

    assert [(one.label, one.user, one.page.sum()) for one in first] == [
        (one.label, one.user, one.page.sum()) for one in again
    ]
    assert [one.label for one in first] != [one.label for one in other]
    assert Counter(one.source for one in first[:50]) == {"scan": 50}
    assert Counter(one.source for one in first[50:]) == {"photograph": 50}


def test_users_are_mostly_right_sometimes_late_and_often_silent() -> None:
    """Of 4,000 users of wrong answers a third say nothing, few praise, and one opinion in ten comes much later."""
    rng = np.random.default_rng(0)
    opinions = [opinion(rng, right=False) for _ in range(4000)]
    heard = [one for one in opinions if one is not None]
    acts = Counter(one.act for one in heard)

    assert len(heard) / 4000 == pytest.approx(0.7, abs=0.03)
    assert (acts["thumbs up"] + acts["accept"]) / len(heard) == pytest.approx(0.06, abs=0.02)
    assert sum(one.after > 0 for one in heard) / len(heard) == pytest.approx(0.1, abs=0.02)


def test_a_request_its_choice_and_its_feedback_are_one_trace(
    models: Mapping[str, Model], asked: Digits, tmp_path: Path
) -> None:
    """Route, predict and respond stand in one trace, and what the user said is a span of it."""
    with in_memory() as memory, open_store(tmp_path / "loop.db") as store, stores.using(store), sinks.using(store.rows):
        router = get_rl_model_router(create_if_missing=True, name="one trace", arms=list(models), seed=1)
        score = asyncio.run(serve(Service(models, router), stream(asked, 12), seed=4, rate=float("inf")))

    said = {span.trace_id for span in memory.spans if span.name == "feedback"}
    traces = {reply.traceparent.split("-")[1]: reply for reply in score.answers}
    assert len(traces) == 12
    assert score.accepted == score.acts.total() == len(said) > 0
    assert said < traces.keys()
    chosen = {span.trace_id: span.attributes for span in memory.spans if span.name == "route"}
    assert all(reply.arm in chosen[trace].values() for trace, reply in traces.items())


def test_the_score_says_what_each_model_alone_would_have_done(models: Mapping[str, Model], asked: Digits) -> None:
    """A service that always asks one model scores what is said of that model alone."""

    class Always:
        def choose(self, _: object) -> Any:
            return type("Decision", (), {"arm": "photo-3"})

    service, score = Service(models, Always()), Score()  # type: ignore[arg-type]
    for upload in stream(asked, 60):
        score.add(upload, service.read(upload))

    for half in score.halves(models):
        assert (half.requests, half.chosen) == (30, {"photo-3": 30})
        assert half.right == half.alone["photo-3"]


def test_a_verdict_compares_with_what_anybody_would_have_chosen() -> None:
    """The best model of the first half is the one to beat, not the best in hindsight."""
    halves = [
        {"requests": 10, "right": 9, "alone": {"a": 9, "b": 7}},
        {"requests": 10, "right": 8, "alone": {"a": 2, "b": 9}},
    ]

    said = demo_feedback.verdict(demo_feedback.accuracies(halves), halves)

    assert said.startswith("The router was right in 85.0%. a, the best model of the first half, would")
    assert said.endswith("55.0%: +30.0 points.")


def test_an_example_that_is_not_there_is_told_by_its_name() -> None:
    """A misspelt example gets the list of those there are."""
    command = [sys.executable, "-m", "stagelight", "demo", "--example", "rl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)

    assert done.returncode == 2
    assert "'rl' is not one of 'digits', 'rl_feedback_loop'" in done.stderr
