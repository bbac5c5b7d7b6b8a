"""The pages in a real browser: what they show, how they are filtered, how they are steered by keys."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from playwright.sync_api import expect

from stagelight import wire

FAILED = f"{7:032x}"
FINE = f"{58:032x}"
SLOW = f"{59:032x}"


def names(page):
    """The traces in the list, by their ids' numbers."""
    return [int(row.get_attribute("id").removeprefix("t-"), base=16) for row in page.locator("#results tbody tr").all()]


def test_the_overview_shows_stages_from_metrics_and_marks_those_from_spans(site, visit):
    """Rate, errors and quantiles come from received metrics; a stage without any is counted from its spans, and says so."""
    page = visit(f"{site.url}/")

    predict = page.get_by_role("row").filter(has=page.get_by_role("link", name="predict", exact=True))
    expect(predict.get_by_role("cell").nth(2)).to_contain_text("10 %")
    expect(predict.get_by_text("sampled")).to_have_count(0)
    expect(predict.locator(".spark canvas")).to_have_count(2)
    resize = page.get_by_role("row").filter(has=page.get_by_role("link", name="resize", exact=True))
    expect(resize.get_by_text("sampled")).to_be_visible()


def test_a_stage_leads_to_its_traces_and_a_trace_to_its_waterfall(site, visit):
    """Three clicks from the overview to the span that failed."""
    page = visit(f"{site.url}/")
    page.get_by_role("link", name="predict", exact=True).click()
    page.wait_for_url("**/traces?stage=predict")
    page.get_by_label("Errors only").check()
    page.locator(f"#a-{FAILED}").click()

    expect(page.locator("#details h2")).to_contain_text("chat small-vision")
    expect(page.locator("#details")).to_contain_text("ValueError")
    expect(page.locator("#details pre").first).to_contain_text('File "pipeline.py", line 88')
    expect(page.locator("#details")).to_contain_text("no ink in 0042.png")
    expect(page.locator("#details")).to_contain_text("small-vision")
    expect(page.locator(".facts").first).to_contain_text("812 in, 64 out")
    expect(page.locator(".judged")).to_contain_text("this is a one")


def test_filters_are_kept_in_the_address_and_survive_a_reload(site, visit):
    """What was filtered is in the address: a reload and another reader see the same rows."""
    page = visit(f"{site.url}/traces")
    expect(page.locator("#live")).to_be_visible()  # scripts have started
    page.get_by_label("Errors only").check()
    expect(page.locator("#results tbody tr")).to_have_count(8)
    page.locator("#attr").fill("session.id=visitor-1")
    page.locator("#attr").press("Enter")
    expect(page.get_by_text("session.id = visitor-1")).to_be_visible()
    expect(page.locator("#results tbody tr")).to_have_count(3)
    page.wait_for_url("**/traces?attr=session.id%3Dvisitor-1&errors=1")
    before = names(page)

    page.reload()

    assert names(page) == before == [49, 28, 7]
    expect(page.get_by_label("Errors only")).to_be_checked()
    page.get_by_label("Remove filter session.id = visitor-1").click()
    expect(page.locator("#results tbody tr")).to_have_count(8)


def test_text_duration_and_order_filter_too(site, visit):
    """Typing filters without pressing anything; a minimum duration leaves the slow trace alone."""
    page = visit(f"{site.url}/traces")
    page.get_by_label("Min ms").fill("300")
    expect(page.locator("#results tbody tr")).to_have_count(1)
    assert names(page) == [59]
    page.get_by_label("Min ms").fill("")
    page.get_by_label("Order").select_option("slowest")
    expect(page.locator("#results tbody tr").first).to_have_id(f"t-{SLOW}")
    page.get_by_label("Text").fill("nothing has this in it")
    expect(page.get_by_text("No trace matches.")).to_be_visible()


def test_attributes_are_suggested_by_name_then_by_value(site, visit):
    """The field offers names that occur, and after the equals sign the values they take."""
    page = visit(f"{site.url}/traces")
    page.locator("#attr").press_sequentially("sess")
    expect(page.locator("#attr-offers option[value='session.id=']")).to_be_attached()
    page.locator("#attr").press_sequentially("ion.id=")
    expect(page.locator("#attr-offers option[value='session.id=visitor-2']")).to_be_attached()
    assert len(names(page)) == 50


def test_another_filter_neither_takes_nor_wipes_what_is_being_typed(site, visit):
    """While an answer is under way, and after it, the attribute's text stays; complete and entered it is a filter."""
    page, held = visit(f"{site.url}/traces"), []
    expect(page.locator("#live")).to_be_visible()  # scripts have started

    def hold(route):
        held.append(route)

    page.route(re.compile(r"/traces\?.*q=ch"), hold, times=1)
    with page.expect_request(lambda asked: "q=ch" in asked.url):
        page.get_by_label("Text").fill("ch")
    page.get_by_label("Text").fill("chat")  # asked for when the first answer is there
    page.locator("#attr").press_sequentially("session.id=visit")
    with page.expect_request(lambda asked: "q=chat" in asked.url) as asked:
        held[0].continue_()
    assert "visit" not in asked.value.url

    page.wait_for_url("**/traces?q=chat")
    expect(page.locator("#clear a")).to_be_visible()
    page.locator("#attr").press_sequentially("or-1")
    expect(page.locator("#attr")).to_have_value("session.id=visitor-1")
    page.locator("#attr").press("Enter")
    page.wait_for_url("**/traces?q=chat&attr=session.id%3Dvisitor-1")
    expect(page.get_by_text("session.id = visitor-1")).to_be_visible()
    expect(page.locator("#attr")).to_have_value("")
    page.locator("#attr").fill("user.id")
    page.get_by_label("Errors only").check()
    page.wait_for_url("**errors=1")
    expect(page.locator("#results tbody tr")).to_have_count(3)
    expect(page.locator("#attr")).to_have_value("user.id")


def test_pages_of_traces_neither_repeat_nor_skip(site, visit):
    """Sixty traces are two pages, and together each trace once."""
    page = visit(f"{site.url}/traces")
    first = names(page)
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#results tbody tr")).to_have_count(10)

    assert sorted(first + names(page)) == list(range(1, 61))


def test_two_ticked_traces_are_compared_by_stage(site, visit):
    """The slow trace against a fine one: what took twice as long says so in words, with the difference."""
    page = visit(f"{site.url}/traces")
    expect(page.get_by_role("button", name="Compare")).to_be_disabled()
    page.locator(f"#t-{FINE} input").check()
    page.locator(f"#t-{SLOW} input").check()
    page.get_by_role("button", name="Compare").click()

    predict = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="predict", exact=True))
    expect(predict).to_contain_text("+104 ms")
    expect(predict).to_contain_text("2.00× slower")


def test_the_waterfall_is_walked_by_keys_alone(site, visit):
    """Letters j and k move, arrows fold, n finds the next error, Enter opens details, Escape leads back, ? helps."""
    page = visit(f"{site.url}/traces/{FAILED}?span={1:016x}")
    row = page.locator("#tree .row")
    focused = page.locator("#tree .row:focus")

    page.keyboard.press("j")
    expect(focused).to_contain_text("load")
    page.keyboard.press("ArrowDown")
    expect(focused).to_contain_text("preprocess")
    page.keyboard.press("ArrowLeft")
    expect(row.filter(has_text="resize")).to_be_hidden()
    expect(focused).to_contain_text("+2")
    page.keyboard.press("j")
    expect(focused).to_contain_text("predict")
    page.keyboard.press("k")
    page.keyboard.press("ArrowRight")
    expect(row.filter(has_text="resize")).to_be_visible()
    page.keyboard.press("n")
    expect(focused).to_contain_text("predict")
    page.keyboard.press("n")
    expect(focused).to_contain_text("chat small-vision")
    expect(page.locator("#details h2")).to_contain_text("chat small-vision")
    page.keyboard.press("p")
    expect(focused).to_contain_text("predict")
    page.keyboard.press("Home")
    expect(focused).to_contain_text("answer")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator("#details h2")).to_contain_text("respond")
    expect(page.locator("#details")).to_be_focused()
    assert page.url.endswith(f"?span={9:016x}")
    page.keyboard.press("Escape")
    expect(focused).to_contain_text("respond")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()

    page.reload()

    expect(page.locator("#details h2")).to_contain_text("respond")


def test_tab_reaches_everything_and_the_tree_is_one_stop(site, visit):
    """By Tab alone: skip link, pages, actions, one row of the tree, the details' links."""
    page = visit(f"{site.url}/traces/{FAILED}")
    reached = []
    for _ in range(16):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.textContent"
            )
        )

    assert reached[0] == "skip"
    assert sum(name.startswith("s-") for name in reached) == 1
    assert {"copy", "next-error"} <= set(reached)


def test_the_trace_is_copied_as_otlp_json(site, visit):
    """The clipboard holds a request that any OTLP receiver accepts, with every span in it."""
    page = visit(f"{site.url}/traces/{FAILED}")
    page.get_by_role("button", name="Copy as OTLP JSON").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")

    records = list(wire.decode_traces(copied.encode(), "json"))
    assert {record.name for record in records} >= {"answer", "chat small-vision"}
    assert len(records) == 9
    assert json.loads(copied) == httpx.get(f"{site.url}/traces/{FAILED}/otlp.json").json()


def test_theme_follows_the_system_until_it_is_chosen(site, visit):
    """Dark where the system is dark; a choice is kept over a reload, from its first paint on."""
    page = visit(f"{site.url}/", scheme="dark")
    # Scripts that may come late run after `interactive`.
    page.add_init_script(
        "document.onreadystatechange = () => { window.early ??= document.documentElement.dataset.theme; }"
    )
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.get_by_role("button", name="Theme: system").click()
    light = page.evaluate(paper)
    page.reload()

    assert page.evaluate("early") == "light"
    assert page.evaluate(paper) == light != dark
    page.get_by_role("button", name="Theme: light").click()
    assert page.evaluate(paper) == dark


def test_without_script_links_and_forms_still_work(site, visit):
    """A browser that runs nothing filters by the form and opens details by the rows' links."""
    page = visit(f"{site.url}/traces", java_script_enabled=False)
    page.get_by_label("Errors only").check()
    page.get_by_role("button", name="Search").click()
    page.locator(f"#a-{FAILED}").click()
    page.get_by_role("treeitem").filter(has_text="denoise").click()

    expect(page.locator("#details h2")).to_contain_text("denoise")


@pytest.mark.parametrize("path", ["/traces/ffff", f"/compare?t={FINE}&t=ffff", f"/compare?t={FINE}"])
def test_what_is_not_there_is_said_on_a_page(site, visit, path):
    """A wrong or expired id, or one trace to compare, is a page with a sentence and a way on."""
    answer = httpx.get(site.url + path)

    assert answer.status_code in (400, 404)
    assert "All traces" in answer.text


def test_a_span_or_file_that_is_not_there_is_404(site):
    """Parts of pages answer plainly too."""
    for path in (
        f"/traces/{FINE}/spans/ffff",
        "/traces/ffff/spans/ffff",
        "/traces/ffff/otlp.json",
        "/static/x/%2e%2e%2fpages.py",
    ):
        assert httpx.get(site.url + path).status_code == 404


def test_the_browser_may_keep_what_its_address_names(site, visit):
    """Files under the current version are kept for ever, under another one never."""
    page = httpx.get(f"{site.url}/").text
    path = page.split('href="/static/')[1].split('"')[0]
    version, _, name = path.partition("/")

    assert "immutable" in httpx.get(f"{site.url}/static/{version}/{name}").headers["cache-control"]
    assert httpx.get(f"{site.url}/static/old/{name}").headers["cache-control"] == "no-cache"
