"""A real server with real telemetry in it, and a real browser that reports everything it should not have to."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from judged_models import a_model
from stagelight import _clock, config, wire
from stagelight.store import open_store
from stagelight.web import running
from stagelight.wire.records import LogRecord, MetricPoint, SpanEvent, SpanLink, SpanRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

MS = 1_000_000
PATIENCE_MS = 40_000  #: For anything to come true on a page: a machine may be busy with much else.
PROTOBUF = {"content-type": "application/x-protobuf"}
VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
TRACEBACK = (
    'Traceback (most recent call last):\n  File "pipeline.py", line 88, in predict\nValueError: image holds no ink'
)


@dataclass
class Site:
    """A running server, and how to send to it."""

    url: str

    def send(self, *spans: SpanRecord) -> None:
        """Deliver spans, as any program would."""
        self._post("traces", wire.encode_traces(spans, "protobuf"))

    def log(self, *lines: LogRecord) -> None:
        """Deliver log lines."""
        self._post("logs", wire.encode_logs(lines, "protobuf"))

    def measure(self, *points: MetricPoint) -> None:
        """Deliver metrics."""
        self._post("metrics", wire.encode_metrics(points, "protobuf"))

    def tell(self, path: str, /, **row: object) -> None:
        """Deliver a prediction, feedback or truth."""
        answer = httpx.post(f"{self.url}/api/{path}", json=row)
        assert answer.status_code == 200, answer.text

    def _post(self, signal: str, body: bytes) -> None:
        httpx.post(f"{self.url}/v1/{signal}", content=body, headers=PROTOBUF).raise_for_status()


@dataclass
class Visit:
    """A page that was opened, and what went wrong on it."""

    page: Page
    troubles: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note console messages, errors, dialogs and requests that leave this machine."""
        self.page.on("console", lambda message: self.troubles.append(f"console {message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", self._asked)

    def _asked(self, request) -> None:
        if urlsplit(request.url).hostname != "127.0.0.1" and not request.url.startswith("blob:"):
            self.troubles.append(f"request to {request.url}")

    def violations(self) -> list[str]:
        """What the content security policy had to stop."""
        return list(self.page.evaluate("window.violations ?? []"))


def span(number: int, parent: int = 0, start: float = 0, end: float = 10, *, trace: int = 1, **more) -> SpanRecord:
    """A span of the last minute with small numbers for ids; times in milliseconds after the trace's begin."""
    begin = more.pop("begin", 0) or _clock.wall_ns() - 30_000 * MS
    return SpanRecord(
        trace_id=f"{trace:032x}",
        span_id=f"{number:016x}",
        parent_id=f"{parent:016x}" if parent else "",
        name=more.pop("name", f"step {number}"),
        start_ns=begin + int(start * MS),
        end_ns=begin + int(end * MS),
        resource=more.pop("resource", {"service.name": "digits"}),
        **more,
    )


def pipeline(trace: int, *, fails: bool = False, slower: float = 1.0, **attributes) -> list[SpanRecord]:
    """A trace of a digit-reading pipeline with a model call in it."""
    begin = _clock.wall_ns() - 60_000 * MS + trace * 500 * MS
    common = {"session.id": f"visitor-{trace % 3}", "stagelight.model_version": "v2", **attributes}
    failed = {"status": "error", "status_message": "image holds no ink"} if fails else {}
    cause = {"error.type": "ValueError"} if fails else {}
    thrown = {
        "exception.type": "ValueError",
        "exception.message": "image holds no ink",
        "exception.stacktrace": TRACEBACK,
    }
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "small-vision"}
    used = {"gen_ai.usage.input_tokens": 812, "gen_ai.usage.output_tokens": 64}

    def at(number, parent, start, end, name, *, failing=False, **more):
        told = {**common, **(cause if failing else {}), **more.pop("attributes", {})}
        state = failed if failing else {}
        times = (start * slower, end * slower)
        return span(number, parent, *times, trace=trace, begin=begin, name=name, attributes=told, **state, **more)

    event = SpanEvent(name="exception", time_ns=begin + int(140 * slower * MS), attributes=thrown)
    link = SpanLink(trace_id="ab" * 16, span_id="cd" * 8)
    return [
        at(1, 0, 0, 180, "answer", failing=True),
        at(2, 1, 1, 14, "load", attributes={"path": "digits/0042.png"}),
        at(3, 1, 14, 46, "preprocess"),
        at(4, 3, 15, 22, "resize"),
        at(5, 3, 22, 45, "denoise"),
        at(6, 1, 46, 150, "predict", failing=True),
        at(
            7,
            6,
            50,
            140,
            "chat small-vision",
            failing=True,
            kind="client",
            attributes={**asked, **used},
            events=(event,) if fails else (),
            links=(link,),
        ),
        at(8, 1, 150, 164, "validate"),
        at(9, 1, 166, 179, "respond"),
    ]


@pytest.fixture
def make() -> SimpleNamespace:
    """Builders of telemetry: `make.span`, `make.pipeline`."""
    return SimpleNamespace(span=span, pipeline=pipeline)


@contextmanager
def started(folder: Path) -> Iterator[Site]:
    """A server over a store of its own."""
    settings = config.load(environ={}, store=str(folder / "browser.db"), port=0)
    with running(settings) as serving:
        yield Site(serving.url)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Site]:
    """A server to which nothing was ever sent."""
    with started(tmp_path) as site:
        yield site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with 60 traces of which every seventh failed, metrics of two stages, logs, judgements and a model."""
    folder = tmp_path_factory.mktemp("site")
    with open_store(folder / "browser.db") as store:
        a_model(store, _clock.wall_ns() / 1e9)
    with started(folder) as site:
        traces = range(1, 61)
        site.send(*(one for at in traces for one in pipeline(at, fails=at % 7 == 0, slower=2.0 if at == 59 else 1.0)))
        seventh = pipeline(7, fails=True)[6]
        line = {"trace_id": seventh.trace_id, "span_id": seventh.span_id, "severity": "ERROR", "severity_number": 17}
        site.log(LogRecord(time_ns=seventh.start_ns + 80 * MS, body="no ink in 0042.png", **line))
        site.tell(
            "predictions",
            observed_at=1.7e9,
            type="digit",
            prediction_id="p7",
            decision="7",
            score=0.93,
            trace_id=seventh.trace_id,
        )
        site.tell(
            "feedback",
            feedback_id="f7",
            kind="explicit",
            signal="thumbs",
            value=0,
            observed_at=1.7e9,
            comment="this is a one",
            trace_id=seventh.trace_id,
        )
        for at in (60, 40, 20):
            site.measure(*_stage_metrics("predict", at), *_stage_metrics("load", at))
        yield site


def _stage_metrics(stage: str, seconds_ago: int) -> Iterator[MetricPoint]:
    end = _clock.wall_ns() - seconds_ago * 1000 * MS
    labels = {"stage": stage, "tenant": "default", "workspace": "default", "model_version": "v2"}
    times = {"time_ns": end, "start_ns": end - 20_000 * MS, "temporality": "delta"}
    calls = {**times, "name": "stagelight_stage_calls_total", "kind": "sum", "monotonic": True}
    yield MetricPoint(**calls, value=90, attributes={**labels, "outcome": "ok", "error_type": ""})
    if stage == "predict":
        yield MetricPoint(**calls, value=10, attributes={**labels, "outcome": "error", "error_type": "ValueError"})
    yield MetricPoint(
        **times,
        name="stagelight_stage_duration_seconds",
        kind="histogram",
        unit="s",
        value=5.0,
        count=100,
        bounds=(0.01, 0.1, 1.0),
        buckets=(20, 70, 10, 0),
        attributes=labels,
    )


# Not for the session: Playwright keeps an event loop running, under which no async test of another file could run.
@pytest.fixture(scope="module")
def browser(program: Callable[[str], str]) -> Iterator[Browser]:
    """Debian's chromium, which finds no other machine than this one."""
    path = program("chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright, ExitStack() as stack:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        )
        stack.callback(browser.close)
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open an address; at the end of the test nothing may have gone wrong on any page that was opened."""
    visits: list[Visit] = []
    with ExitStack() as stack:

        def opened(url: str, *, scheme: str = "light", width: int = 1280, height: int = 800, **more) -> Page:
            allowed = {"permissions": ["clipboard-read", "clipboard-write"]}
            size = {"width": width, "height": height}
            context = browser.new_context(color_scheme=scheme, viewport=size, timezone_id="UTC", **allowed, **more)
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            context.add_init_script(VIOLATIONS)
            visits.append(Visit(context.new_page()))
            visits[-1].watch()
            visits[-1].page.goto(url)
            return visits[-1].page

        yield opened
        for one in visits:
            assert one.troubles == []
            assert one.violations() == []


@pytest.fixture(scope="module")
def axe() -> Callable[[Page], list[str]]:
    """List what the accessibility checker finds wrong on a page."""
    from axe_playwright_python.sync_playwright import Axe

    checker = Axe()

    def violations(page: Page) -> list[str]:
        found = checker.run(page).response["violations"]
        return [f"{one['id']}: {' '.join(node['html'].split())[:160]}" for one in found for node in one["nodes"]]

    return violations
