"""Everybody can read and use the pages: by screen reader, in the dark, on a telephone, enlarged."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

PAGES = {
    "overview": "/",
    "traces": "/traces?attr=session.id%3Dvisitor-1",
    "trace": f"/traces/{7:032x}",
    "compare": f"/compare?t={58:032x}&t={59:032x}",
    "models": "/models",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(site, visit, axe, name, scheme):
    """The checker of accessibility, contrast included, has no violation to report."""
    page = visit(site.url + PAGES[name], scheme=scheme)

    assert axe(page) == []


def test_axe_finds_nothing_on_the_empty_page_and_the_help(empty, site, visit, axe):
    """Nor on what a newcomer sees first, nor in the dialog."""
    assert axe(visit(f"{empty.url}/")) == []
    page = visit(site.url + PAGES["trace"])
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert axe(page) == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("size", [(360, 1), (640, 2)], ids=["360px", "200%"])
def test_narrow_and_enlarged_pages_need_no_sideways_scrolling(site, visit, axe, name, size):
    """At 360 pixels, and at 200 % of a 1280 pixel window, everything is there and fits."""
    width, scale = size
    page = visit(site.url + PAGES[name], width=width, device_scale_factor=scale)

    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    # Both are the narrow layout: the checker need not see it twice.
    assert scale == 2 or axe(page) == []


def test_the_focus_is_always_seen(site, visit):
    """Whatever Tab reaches has an outline of two pixels."""
    page = visit(site.url + PAGES["traces"])
    for _ in range(20):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "(({outlineStyle: s, outlineWidth: w}) => [s, w])(getComputedStyle(document.activeElement))"
        )
        assert outline == ["solid", "2px"]
