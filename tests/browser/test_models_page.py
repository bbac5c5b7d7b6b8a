"""The page Models: how each version does, what is provisional, what drifts, and what people were told."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
from playwright.sync_api import expect

from hostile import COUNT, ELEMENTS, PAYLOADS
from judged_models import DAY, FIGURES, NS, a_model, alert, measurement, verdict
from stagelight import _clock, config
from stagelight.store import open_store
from stagelight.web import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Told(NamedTuple):
    """A server with models in its store."""

    url: str
    path: Path


def now() -> float:
    """Seconds since 1970."""
    return _clock.wall_ns() / 1e9


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A model that got worse, one that is well, and one that only drifts, of three owners."""
    path = tmp_path_factory.mktemp("models") / "models.db"
    with open_store(path) as store:
        a_model(store, now())
        for day in range(5):
            store.outcomes.keep(verdict(day, now() - (9 - day) * DAY, type="calm", tenant="acme"))
        store.drift.put_measurements([measurement(0, now(), 0.4, model="drifts", workspace="lab")])
        store.drift.put_measurements([measurement(0, now(), 0.05, model="drifts", feature="age", verdict="warning")])
    with running(config.load(environ={}, store=str(path), port=0)) as serving:
        yield Told(serving.url, path)


def test_what_labels_say_stands_beside_what_scores_promise(seen, visit):
    """Two lines that differ by more than colour, named at their ends; marks where it got worse; dates; what is not mature."""
    page = visit(f"{seen.url}/models")
    section = page.locator("#fresh-area > section", has=page.get_by_role("heading", name="digit v1"))
    picture = section.get_by_role(
        "img", name="Accuracy of digit v1 over time: measured by labels first 95.0%, last 69.0%"
    )

    expect(picture).to_be_visible()
    dashes = "lines => lines.map(one => getComputedStyle(one).strokeDasharray)"
    assert len(set(picture.locator("path.line").evaluate_all(dashes))) == 3
    assert section.locator(".wide .ends text").all_text_contents() == ["scores", "expected", "labels"]
    assert picture.locator(".mark.alert").count() == 2
    assert picture.locator(".mark.warn").count() == 1
    assert picture.locator(".zone").bounding_box()["width"] > 50
    assert len(section.locator(".wide .dates text").all_text_contents()) >= 3
    assert section.locator(".wide .levels span").all_inner_texts() == ["100 %", "75 %", "50 %"]
    expect(section.get_by_role("img", name="Calibration error of digit v1")).to_be_visible()
    expect(
        section.get_by_role("img", name="Reliability of digit v1: score 0.30 came true in 20% of 40")
    ).to_be_visible()


def test_words_beside_the_pictures_say_what_they_are_worth(seen, visit):
    """Status with its sign, what is provisional, whom accuracy speaks for, an example of drift, and what was told and is over."""
    page = visit(f"{seen.url}/models")
    section = page.locator("#fresh-area > section", has=page.get_by_role("heading", name="digit v1"))

    expect(section.locator(".facts")).to_contain_text("✗ worse 69 % was 96 %")
    expect(section.locator(".facts")).to_contain_text("✓ not worse 0.070")
    expect(section.locator(".notes")).to_contain_text("scores promise 94 % right (90 % to 98 %)")
    expect(section.locator(".notes")).to_contain_text("are not like those without")
    expect(section.get_by_role("link", name="example of score")).to_have_attribute("href", f"/traces/{7:032x}")
    expect(page.locator("#worse")).to_have_text("1")
    expect(page.locator("#drifting")).to_have_text("2")
    expect(page.get_by_text("something moved")).to_be_visible()
    assert [row.split("\n")[0].split("\t")[0] for row in page.locator(".versions tbody th").all_inner_texts()] == [
        "digit v1 default / default",
        "drifts v1 default / lab",
        "calm v1 acme / default",
        "drifts v1 default / default",
    ]

    first, second = page.locator(".told li").all()

    expect(first).to_contain_text("✗ goes on")
    expect(first).to_contain_text("digit v1: accuracy fell")
    expect(second).to_contain_text("✓ over")
    assert first.locator("time").count() == 1
    assert second.locator("time").count() == 2


def test_new_findings_appear_and_leave_open_what_was_opened(tmp_path, visit):
    """The page follows by itself, without a reload; the table of figures stays open, and its times are the reader's."""
    path = tmp_path / "live.db"
    with open_store(path) as store:
        a_model(store, now())
        with running(config.load(environ={}, store=str(path), port=0)) as serving:
            page = visit(f"{serving.url}/models")
            expect(page.locator("#live-word")).to_have_text("Live")
            page.get_by_text("Figures of the last 9 comparisons").click()
            page.evaluate("window.same = true")
            store.drift.put_measurements([measurement(0, now(), 0.01)])
            said = {"prediction_id": "new", "type": "digit", "observed_at": now()}
            httpx.post(f"{serving.url}/api/predictions", json=said).raise_for_status()

            expect(page.locator("#drifting")).to_have_text("0")
            expect(page.locator(".looks table")).to_be_visible()
            assert page.evaluate("window.same")
            assert page.evaluate("[...document.querySelectorAll('main time')].every(one => one.title === one.dateTime)")


def test_by_keys_alone_one_reaches_versions_figures_and_examples(seen, visit):
    """Tab goes through them in the order they stand, each with its focus shown; Enter opens the figures, a link leads to its version."""
    page = visit(f"{seen.url}/models")
    reached = [""]
    while reached[-1] != "told-2-1":
        assert len(reached) < 60, reached
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", reached[-1]
        if reached[-1] == "open-looks-model-1":
            page.keyboard.press("Enter")

    wanted = ["to-model-1", "to-model-4", "open-looks-model-1", "model-1-example-1", "told-1-1", "told-2-1"]
    assert all(one < other for one, other in pairwise(map(reached.index, wanted)))
    expect(page.locator("#looks-model-1 table")).to_be_visible()
    page.locator("#to-model-4").press("Enter")
    expect(page.locator("#model-4")).to_be_in_viewport()


def test_axe_finds_nothing(seen, visit, axe):
    """Figures open, with several owners, dark, at 360 pixels: no violation, and nothing scrolls sideways."""
    page = visit(f"{seen.url}/models", scheme="dark", width=360)
    page.get_by_text("Figures of the last 9 comparisons").click()

    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_an_empty_page_tells_the_next_step(empty, visit, axe):
    """A newcomer reads how to record a prediction and its truth."""
    page = visit(f"{empty.url}/models")

    expect(page.get_by_text("stagelight.log_prediction(")).to_be_visible()
    expect(page.get_by_text("stagelight.log_truth(")).to_be_visible()
    assert axe(page) == []


def test_hostile_names_figures_and_sentences_are_text(tmp_path, visit):
    """Models, versions, features, severities, reasons, summaries and links to examples run nowhere and lead nowhere else."""
    path, at = tmp_path / "hostile.db", now()
    with open_store(path) as store:
        for number, payload in enumerate(PAYLOADS[::25]):
            names = {"model_version": payload, "trace_id": payload, "severity": payload}
            store.drift.put_measurements([measurement(number, at, 0.01, model="m", feature=payload, **names)])
            figures = json.dumps({**FIGURES, "bias": payload, payload: payload})
            said = {"reason": payload, "figures": figures, "model_version": payload}
            store.outcomes.keep(verdict(9, at - 3 * DAY, type="m", **said))
            words = {"summary": payload, "description": payload}
            about = {"labels": {"model": payload}, "annotations": words, "trace_ids": (payload,), "severity": payload}
            store.outbox.put([alert(since=at - number, **about, told_ns=int(at * NS))])
    with running(config.load(environ={}, store=str(path), port=0)) as serving:
        page = visit("about:blank")
        page.add_init_script(COUNT)
        page.goto(f"{serving.url}/models?{PAYLOADS[1]}")

        assert page.locator("figure.wide").count() == 12
        assert page.locator(".told li").count() == 10
        assert (page.evaluate(ELEMENTS), page.evaluate("calls"), page.evaluate("violations")) == (0, 0, [])
        links = "[...document.querySelectorAll('main a')].every(one => one.origin === location.origin)"
        assert page.evaluate(links)


def test_a_token_sees_its_tenants_models_alone(tmp_path):
    """Neither name nor figure nor alert of another tenant is on the page."""
    path = tmp_path / "tenants.db"
    with open_store(path) as store:
        a_model(store, now(), model="secret", tenant="acme")
        a_model(store, now(), model="other", tenant="zeta")
        tokens = {
            who: store.tokens.create(who, tenant=who, scopes=["read"], days=1) for who in ("acme", "zeta", "nobody")
        }
    with running(config.load(environ={}, store=str(path), port=0)) as serving:
        pages = {
            who: httpx.get(f"{serving.url}/models", headers={"authorization": f"Bearer {token}"}).text
            for who, token in tokens.items()
        }

    assert "secret v1" in pages["acme"]
    assert "secret" not in pages["zeta"]
    assert "other v1" in pages["zeta"]
    assert "Waiting for the first model" in pages["nobody"]
