"""Pages that refresh by themselves, and politely."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect


def test_the_first_trace_appears_by_itself_where_two_lines_told_how(empty, visit, make):
    """An empty page tells the two lines a newcomer needs, and gives way to the first trace without a reload."""
    page = visit(f"{empty.url}/")
    expect(page.get_by_text("stagelight run app.py")).to_be_visible()
    expect(page.get_by_text("@stagelight.trace_stage")).to_be_visible()
    expect(page.get_by_text(f"OTEL_EXPORTER_OTLP_ENDPOINT={empty.url}")).to_be_visible()
    expect(page.locator("#live-word")).to_have_text("Live")
    page.evaluate("window.same = true")

    empty.send(*make.pipeline(1))

    expect(page.locator("#latest + .brief li")).to_have_count(1)
    expect(page.get_by_role("link", name="denoise", exact=True)).to_be_visible()
    assert page.evaluate("window.same")


def test_new_traces_come_on_top_and_what_was_ticked_stays_ticked(empty, visit, make):
    """The list refreshes; the reader's choice and the headings stay where they are."""
    empty.send(*make.pipeline(1))
    page = visit(f"{empty.url}/traces")
    page.locator(f"#t-{1:032x} input").check()
    page.locator("#main").focus()
    page.mouse.move(5, 5)
    top = page.locator("#results thead").bounding_box()

    empty.send(*make.pipeline(2))

    expect(page.locator("#results tbody tr")).to_have_count(2)
    expect(page.locator("#results tbody tr").first).to_have_id(f"t-{2:032x}")
    expect(page.locator(f"#t-{1:032x} input")).to_be_checked()
    assert page.locator("#results thead").bounding_box() == top


def test_rows_do_not_move_under_a_hand(empty, visit, make):
    """While the pointer is over the list, new traces are offered instead of pushed in."""
    empty.send(*make.pipeline(1))
    page = visit(f"{empty.url}/traces")
    expect(page.locator("#live-word")).to_have_text("Live")
    page.locator("#results tbody tr").hover()

    empty.send(*make.pipeline(2))

    offer = page.get_by_role("button", name="New traces. Show")
    expect(offer).to_be_visible()
    expect(page.locator("#results tbody tr")).to_have_count(1)
    offer.click()
    expect(page.locator("#results tbody tr")).to_have_count(2)


def test_a_paused_page_stands_still_until_it_goes_on(empty, visit, make):
    """Pausing closes the stream, survives a reload, and resuming shows what was missed."""
    empty.send(*make.pipeline(1))
    page = visit(f"{empty.url}/traces")
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#live-word")).to_have_text("Paused")
    page.reload()
    expect(page.locator("#live-word")).to_have_text("Paused")
    with page.expect_request("**/live") as asked:
        empty.send(*make.pipeline(2))
        page.locator("#main").focus()
        assert page.locator("#results tbody tr").count() == 1
        page.get_by_role("button", name="Paused").click()

    assert asked.value
    expect(page.locator("#results tbody tr")).to_have_count(2)


def test_late_spans_of_an_open_trace_are_offered(empty, visit, make):
    """The waterfall being read stays as it is; the rest of its spans are one click away."""
    first, *rest = make.pipeline(1)
    empty.send(first)
    page = visit(f"{empty.url}/traces/{first.trace_id}")
    expect(page.locator("#live-word")).to_have_text("Live")

    empty.send(*rest)
    page.get_by_role("button", name="More spans of this trace arrived. Show").click()

    expect(page.locator("#tree .row")).to_have_count(9)


def test_what_arrives_before_the_stream_is_open_is_not_missed(empty, visit, make):
    """Spans that come between the page's making and the stream's opening are shown once it opens."""
    page = visit("about:blank")

    def late(route):
        empty.send(*make.pipeline(1))
        route.continue_()

    page.route("**/live", late, times=1)
    page.goto(f"{empty.url}/traces")

    expect(page.locator("#results tbody tr")).to_have_count(1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["refresh first", "filter first"])
def test_a_filter_holds_that_is_chosen_while_rows_are_refreshed(site, visit, order):
    """Whichever of the two answers comes first, the rows are those of the filter."""
    page, held = visit("about:blank"), []

    def hold(route):
        if "hx-request" in route.request.headers and len(held) < 2:
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile(r"/traces(\?|$)"), hold)
    with page.expect_request(lambda asked: "hx-request" in asked.headers):
        page.goto(f"{site.url}/traces")
    with page.expect_request(lambda asked: "errors=1" in asked.url):
        page.get_by_label("Errors only").check()
    for route in [held[which] for which in order]:
        with page.expect_response(route.request.url):
            route.continue_()

    expect(page).to_have_url(f"{site.url}/traces?errors=1")
    expect(page.locator("#results tbody tr")).to_have_count(8)
    page.wait_for_timeout(200)  # a late swap would come now
    assert page.locator("#results tbody tr").count() == 8
