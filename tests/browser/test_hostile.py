"""What other people send is text, whatever it looks like."""

from __future__ import annotations

from itertools import islice, product
from urllib.parse import quote

import httpx
from playwright.sync_api import expect

from stagelight.wire.records import SpanEvent

BREAKERS = [
    "",
    '">',
    "'>",
    "</title>",
    "</script>",
    "</textarea>",
    "--></style>",
    "]]>",
    "</svg>",
    "{{7*7}}",
    "${alert(1)}",
    '\\"));',
]
ATTACKS = [
    "<script>hacked()</script>",
    "<img src=x onerror=hacked()>",
    "<svg onload=hacked()>",
    "<svg><script>hacked()</script></svg>",
    "<iframe srcdoc='<script>parent.hacked()</script>'></iframe>",
    "<a href=javascript:hacked() autofocus onfocus=hacked()>x</a>",
    "<details open ontoggle=hacked()>",
    "<body onload=hacked()>",
    "<input autofocus onfocus=hacked()>",
    "<math><mtext><style><img src=x onerror=hacked()></style></mtext></math>",
    "<div hx-get=/ hx-trigger=load hx-on::load=hacked()>x</div>",
    "<div data-hx-on:click=hacked() hx-trigger='load[hacked()]'>x</div>",
    "<style>*{background:url(//evil.example)}</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><button autofocus>x</button></form>",
    "<object data=//evil.example></object>",
    "<template><script>hacked()</script></template>",
    "<p style='position:fixed;inset:0'>x</p>",
    '" onmouseover="hacked()" x="',
    "' autofocus onfocus='hacked()",
    "javascript:hacked()",
    "\u202e<script>hacked()</script>",
    "<scr\x00ipt>hacked()</scr\x00ipt>",
    "%3Cscript%3Ehacked()%3C/script%3E",
    "&lt;script&gt;hacked()&lt;/script&gt;",
    "<!--<img src=--><img src=x onerror=hacked()//>",
    "<noscript><p title='</noscript><img src=x onerror=hacked()>'>",
    "<xss id=x tabindex=1 onfocus=hacked()></xss>#x",
    "<video><source onerror=hacked()></video>",
    "<select><style></select><img src=x onerror=hacked()></style>",
    "<table background=//evil.example>",
    "<button form=compare formaction=//evil.example>x</button>",
    "<dialog open><form method=dialog><button>x</button></form></dialog>",
    "<input type=checkbox name=t value=evil checked>",
    "<a id=details>x</a><a id=trace>y</a>",
    "<set attributeName=onload to=hacked()>",
    "<animate onbegin=hacked() attributeName=x dur=1s>",
    "<marquee onstart=hacked()>",
    "<keygen autofocus onfocus=hacked()>",
    "<audio src=x onerror=hacked()>",
]
PAYLOADS = [breaker + attack for attack, breaker in islice(product(ATTACKS, BREAKERS), 500)]
COUNT = "window.calls = 0; window.hacked = () => { window.calls += 1; };"
ELEMENTS = "document.querySelectorAll('main script, main style, main link, main iframe, main img, main object, main base, main [onerror], main [hx-on\\\\:\\\\:load]').length"


def hostile(make):
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
    spans = list(hostile(make))
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
