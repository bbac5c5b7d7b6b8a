"""The Feedback page: what users say, what waits to be learned, and how the routers' choices move."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
from playwright.sync_api import expect

from hostile import COUNT, ELEMENTS, PAYLOADS
from stagelight import _clock, config
from stagelight.sink.rows import Decision, Feedback
from stagelight.store import open_store
from stagelight.store.loop import Item
from stagelight.web import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagelight.store import Store

SECOND = 10**9
RUN_S = 120
STEPS = 240
#: By eighths of the run: how many of ten requests `large` answers; it is the best arm until the middle, `photo` after it.
LARGE = (4, 8, 9, 9, 9, 5, 1, 1)
WRONG = "no arm 'tiny'; this router has ['large', 'photo']"


class Told(NamedTuple):
    """A server with a run of a router in its store."""

    url: str
    path: Path


def decided(number: int, arm: str, at: float, **more: str) -> Decision:
    """A choice of the router `digits`."""
    return Decision(
        decision_id=f"d{number}",
        router=more.pop("router", "digits"),
        policy="discounted_thompson",
        arm=arm,
        propensity=0.5,
        eligible=("large", "photo"),
        trace_id=f"{number + 1:032x}",
        observed_at=at,
        **more,
    )


def heard(number: int, reward: float, at: float, **more: object) -> Feedback:
    """What became of it."""
    said: dict[str, object] = {"kind": "explicit", "signal": "thumbs", "value": reward, **more}
    return Feedback(feedback_id=f"f{number}", reward=reward, trace_id=f"{number + 1:032x}", observed_at=at, **said)  # type: ignore[arg-type]


def a_run(store: Store, *, tenant: str = "default") -> None:
    """Two minutes of a router that learns, is surprised in the middle, and recovers; two of its rewards are dead."""
    begin, rows = _clock.wall_ns() / 1e9 - RUN_S - 1, []
    for number in range(STEPS):
        at = begin + RUN_S * number / STEPS
        arm = "large" if number % 10 < LARGE[8 * number // STEPS] else "photo"
        best = "large" if 2 * number < STEPS else "photo"
        rows.append(decided(number, arm, at, tenant=tenant))
        implicit = {"kind": "implicit", "signal": "accept" if arm == best else "requery", "value": None}
        rows.append(heard(number, float(arm == best), at, tenant=tenant, **(implicit if number % 3 else {})))
    rows.append(
        heard(
            900, 0.75, begin + RUN_S, signal="rating", value=4.0, comment="nearly", sentiment="neutral", tenant=tenant
        )
    )
    store.rows.write(rows)
    waiting = store.deliveries.take("router:digits", STEPS)
    dead = {item.feedback_id: WRONG for item in waiting[:2]}

    def teach(_: object, __: object) -> tuple[dict[str, object], dict[str, str]]:
        return {"kind": "discounted_thompson"}, dead

    store.policies.settle(waiting, teach)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A server whose store holds a run, for those who only look."""
    yield from served(tmp_path_factory.mktemp("loop") / "loop.db")


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """One of a test's own."""
    yield from served(tmp_path / "loop.db")


def served(path: Path) -> Iterator[Told]:
    """Serve a store with a run in it."""
    with open_store(path) as store:
        a_run(store)
    with running(config.load(environ={}, store=str(path), port=0)) as serving:
        yield Told(serving.url, path)


def quarters(story: str, arm: str) -> list[int]:
    """The shares of an arm in the four quarters of the picture, as the page says them."""
    words = next(part for part in story.partition(": ")[2].split("; ") if part.startswith(arm))
    return [int(word.removesuffix(" %")) for word in words.removeprefix(arm).split(", ")]


def test_the_picture_shows_an_arm_rise_fall_and_another_take_over(seen, visit):
    """Shares over time stand in the picture and in words; the table says what each arm earned and cost."""
    page = visit(f"{seen.url}/feedback")
    picture = page.get_by_role("img", name="Shares of the arms of digits")
    story = picture.get_attribute("aria-label")

    assert quarters(story, "large") == pytest.approx([60, 90, 70, 10], abs=4)
    assert quarters(story, "photo") == pytest.approx([40, 10, 30, 90], abs=4)
    assert (
        page.locator("svg.stack path").evaluate_all("paths => paths.map(one => one.getBBox().width > 30)") == [True] * 2
    )
    large = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="large"))
    assert large.get_by_role("cell").all_inner_texts()[1:3] == ["138", "0.65"]
    expect(page.locator("#router-1")).to_contain_text("discounted_thompson, version 1")
    expect(page.locator(".arms .spark canvas").first).to_be_visible()


def test_signals_queue_and_latest_words_are_told(seen, visit):
    """Counts and means by signal, what was learned of it, and the newest feedback with the way to its trace."""
    page = visit(f"{seen.url}/feedback")
    thumbs = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="thumbs explicit"))

    expect(thumbs).to_contain_text("80")
    expect(thumbs).to_contain_text("% up")
    expect(page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="rating"))).to_contain_text("4.0 of 5")
    expect(page.get_by_text("Comments: 1 neutral.")).to_be_visible()
    expect(page.locator(".queue")).to_contain_text("238")
    expect(page.locator(".said li").first).to_contain_text("rating 4 “nearly”")
    expect(page.locator("#said-1")).to_have_attribute("href", f"/traces/{901:032x}")


def test_dead_letters_wait_again_at_a_press(told, visit):
    """Each tells its reason; one is requeued by its own button, the others by one for all, without script as well."""
    page = visit(f"{told.url}/feedback", java_script_enabled=False)
    expect(page.locator(".dead tbody tr")).to_have_count(2)
    expect(page.locator(".dead tbody tr").first).to_contain_text(WRONG)
    page.get_by_role("button", name="Requeue f0").click()

    expect(page.locator("#requeued")).to_have_text("1 dead letter waits again.")
    expect(page.locator("#waiting")).to_have_text("1")
    page.get_by_role("button", name="Requeue all 1").click()
    expect(page.locator("#waiting")).to_have_text("2")
    expect(page.locator(".dead")).to_have_count(0)
    with open_store(told.path) as store:
        assert [item.feedback_id for item in store.deliveries.peek("router:digits", 9)] == ["f0", "f1"]


def test_new_feedback_appears_by_itself_in_the_readers_own_time(told, visit):
    """The page follows what is said, without a reload; times that come with a refresh are the reader's, too."""
    page = visit(f"{told.url}/feedback")
    expect(page.locator("#live-word")).to_have_text("Live")
    page.evaluate("window.same = true")

    now = _clock.wall_ns() / 1e9
    said = {"feedback_id": "new", "kind": "explicit", "signal": "thumbs", "value": 1, "reward": 1.0, "observed_at": now}
    httpx.post(f"{told.url}/api/feedback", json=said | {"trace_id": f"{5:032x}"}).raise_for_status()

    expect(page.locator(".totals dd").first).to_contain_text("242")
    expect(page.locator("#waiting")).to_have_text("1")
    assert page.evaluate("window.same")
    assert page.evaluate("[...document.querySelectorAll('main time')].every(one => one.title === one.dateTime)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(seen, visit, axe, scheme):
    """The checker of accessibility has no violation to report, at 360 pixels neither, and nothing scrolls sideways."""
    page = visit(f"{seen.url}/feedback", scheme=scheme)
    assert axe(page) == []
    page.set_viewport_size({"width": 360, "height": 800})

    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert axe(page) == []


def test_by_keys_alone_one_reaches_times_words_and_buttons(seen, visit):
    """Tab goes through the windows, the latest words and the dead letters in the order they stand; each shows its focus."""
    page = visit(f"{seen.url}/feedback")
    reached = [""]
    while reached[-1] != "Requeue f1":
        assert len(reached) < 60, reached
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", reached[-1]

    wanted = ["window-5m", "window-24h", "said-1", "said-10", "requeue-all", "Requeue f0", "Requeue f1"]
    at = [reached.index(name) for name in wanted]
    assert all(one < other for one, other in pairwise(at))


def test_an_empty_page_tells_the_next_step(empty, visit, axe):
    """A newcomer reads how to say the first feedback, and the page gives way to it by itself."""
    page = visit(f"{empty.url}/feedback")
    expect(page.get_by_text('stagelight.log_feedback(trace_id, thumbs="up")')).to_be_visible()
    assert axe(page) == []

    empty.tell(
        "feedback",
        feedback_id="f",
        kind="implicit",
        signal="accept",
        trace_id=f"{1:032x}",
        observed_at=_clock.wall_ns() / 1e9,
    )

    expect(page.get_by_role("heading", name="Latest feedback")).to_be_visible()


def test_hostile_arms_comments_and_reasons_are_text(tmp_path, visit):
    """Names of routers and arms, words of users, ids and reasons of dead letters run nowhere."""
    path, now = tmp_path / "hostile.db", _clock.wall_ns() / 1e9
    with open_store(path) as store:
        for number, payload in enumerate(PAYLOADS[::20]):
            store.rows.write(
                [
                    decided(number, payload, now, router=PAYLOADS[7] if number % 2 else "digits"),
                    heard(number, 1.0, now, comment=payload, label=payload, model_version=payload),
                ]
            )
        bodies = [{"arm": payload} for payload in PAYLOADS[::50]]
        items = [
            Item("default", "default", "router:digits", f"{at}{body['arm']}", body) for at, body in enumerate(bodies)
        ]
        store.deliveries.put(items)
        taken = store.deliveries.take("router:digits", 200)
        store.policies.settle(
            taken, lambda _, items: ({"kind": PAYLOADS[3]}, {one.feedback_id: one.body["arm"] for one in items})
        )
    with running(config.load(environ={}, store=str(path), port=0)) as serving:
        page = visit("about:blank")
        page.add_init_script(COUNT)
        page.goto(f"{serving.url}/feedback?window={PAYLOADS[1]}")

        expect(page.locator(".dead tbody tr")).to_have_count(20)
        assert page.locator("svg.stack").count() == 2
        assert (page.evaluate(ELEMENTS), page.evaluate("calls"), page.evaluate("violations")) == (0, 0, [])


def test_a_token_sees_and_moves_what_is_its_tenants_alone(tmp_path):
    """Another tenant's routers, words and dead letters are not on the page; who may only read has no button, nor the way."""
    path = tmp_path / "tenants.db"
    with open_store(path) as store:
        a_run(store, tenant="acme")
        tokens = {
            who: store.tokens.create(who, tenant=who, scopes=["read", "feedback"], days=1) for who in ("acme", "zeta")
        }
        tokens["reader"] = store.tokens.create("reader", tenant="acme", scopes=["read"], days=1)
    with running(config.load(environ={}, store=str(path), port=0)) as serving:

        def ask(who: str, method: str = "GET", where: str = "/feedback", **more: str) -> httpx.Response:
            headers = {"authorization": f"Bearer {tokens[who]}", **more}
            return httpx.request(method, serving.url + where, headers=headers)

        assert "Waiting for the first feedback" in ask("zeta").text
        assert (
            ask("zeta", "POST", "/feedback/dead-letters?consumer=router:digits")
            .headers["location"]
            .endswith("requeued=0")
        )
        assert "Requeue all" in ask("acme").text
        assert "Dead letters" in ask("reader").text
        assert "Requeue all" not in ask("reader").text
        assert ask("reader", "POST", "/feedback/dead-letters").status_code == 403
        assert ask("acme", "POST", "/feedback/dead-letters", origin="http://evil.example").status_code == 403
        assert (
            ask("acme", "POST", "/feedback/dead-letters?window=1h").headers["location"]
            == "/feedback?window=1h&requeued=2"
        )
