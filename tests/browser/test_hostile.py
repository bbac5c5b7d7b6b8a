"""What other people send is text, whatever it looks like."""

from __future__ import annotations

from urllib.parse import quote

import httpx
from playwright.sync_api import expect

from hostile import COUNT, ELEMENTS, PAYLOADS
from stagelight.wire.records import SpanEvent


def attacked_trace(make):
    """A trace of 500 spans, each with one payload in every text that a span has."""
    for number, payload in enumerate(PAYLOADS, 1):
        event = SpanEvent(name=payload, time_ns=1, attributes={payload: payload})
        thrown = {
            "exception.type": payload,
            "exception.message": payload,
            "exception.stacktrace": payload + "\n" + payload,
        }
        told = {payload: payload, "session.id": payload, "stagelight.model_version": payload, "error.type": payload}
        more = {
            "status": "error",
            "status_message": payload,
            "attributes": {**told, "gen_ai.request.model": payload, "gen_ai.usage.cost": 1},
        }
        events = (event, SpanEvent(name="exception", time_ns=2, attributes=thrown))
        resource = {"service.name": payload}
        yield make.span(number, int(number > 1), name=payload, events=events, resource=resource, **more)


def test_500_payloads_in_names_attributes_and_comments_run_nowhere(empty, visit, make):
    """On every page, in every place, 500 payloads are shown letter for letter and none is executed."""
    assert len(set(PAYLOADS)) == 500
    spans = list(attacked_trace(make))
    empty.send(*spans)
    trace = spans[0].trace_id
    for payload in PAYLOADS[::50]:
        empty.tell(
            "feedback",
            feedback_id=f"f{len(payload)}{PAYLOADS.index(payload)}",
            kind="explicit",
            observed_at=1.7e9,
            signal="thumbs",
            value=0,
            comment=payload,
            trace_id=trace,
        )
        empty.send(make.span(1, trace=1000 + PAYLOADS.index(payload), name=payload))
    other = f"{1000:032x}"
    page = visit(f"{empty.url}/")
    page.add_init_script(COUNT)
    attacked = [
        f"/traces/{trace}",
        "/traces",
        f"/compare?t={trace}&t={other}",
        "/",
        "/models",
        f"/traces?q={quote(PAYLOADS[1])}&attr={quote('a=' + PAYLOADS[1])}&session={quote(PAYLOADS[2])}",
    ]
    for path in attacked:
        page.goto(empty.url + path)
        assert page.evaluate(ELEMENTS) == 0, path
        assert page.evaluate("calls") == 0, path
        assert page.evaluate("violations") == [], path

    page.goto(f"{empty.url}/traces/{trace}")
    for number in range(1, 500, 60):
        page.evaluate("id => document.getElementById(id).click()", f"s-{number:016x}")
        expect(page.locator("#details h2")).to_contain_text(PAYLOADS[number - 1].replace("\x00", "").strip()[:12])
        assert page.evaluate(ELEMENTS) == 0
    assert page.evaluate("calls") == 0


def test_a_payload_reads_as_it_was_sent(empty, visit, make):
    """A script in a span's name stays the text it is, in the list and in the waterfall."""
    name = "<script>hacked()</script>"
    empty.send(make.span(1, name=name))
    page = visit(f"{empty.url}/traces")
    expect(page.locator(f"#a-{1:032x}")).to_have_text(name)
    page.locator(f"#a-{1:032x}").click()
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator("#tree .name")).to_contain_text(name)


def test_suggestions_are_text_too(empty, make):
    """Attribute names and values reach the field's list escaped."""
    empty.send(make.span(1, attributes={"k": '"><img src=x onerror=hacked()>'}))

    answer = httpx.get(f"{empty.url}/traces/suggest", params={"attr": "k="})
    assert "<img" not in answer.text
    assert "&lt;img" in answer.text
