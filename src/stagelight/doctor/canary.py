"""A sign of life through the real exporters, and read back where a `stagelight serve` received it."""

from __future__ import annotations

import dataclasses
import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from stagelight import _clock
from stagelight.catalogue.internal import CANARIES
from stagelight.doctor.finding import Finding, failure, good, unchecked, warning
from stagelight.egress import Client
from stagelight.errors import ConfigurationError, StagelightError, UnreachableError
from stagelight.telemetry import current, instruments, pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagelight.config import Settings
    from stagelight.telemetry.pipeline import Telemetry

NAME: Final = "stagelight.doctor"
FLUSH_SECONDS: Final = 5.0
READ_SECONDS: Final = 5.0
TICK_SECONDS: Final = 0.1
KEEP: Final = "stagelight.sample.keep"  #: The collector's tail sampler keeps every trace that says so.
TRIES: Final = 1000  #: A sampler that keeps fewer than one in so many keeps nothing, for our purpose.


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """What went out."""

    finding: Finding
    trace_id: str = ""  #: Of the span; empty where none was delivered.
    instance: str = ""  #: The `service.instance.id` of the metric, which no other has; empty where none was delivered.
    at_ns: int = 0  #: Since 1970.
    began_ns: int = 0  #: On the monotonic clock.


def send(settings: Settings) -> Sent:
    """Send a span and a metric as the program would."""
    signals = [
        s for s in ("traces", "metrics") if any(n.startswith("otlp") for n in getattr(settings, f"{s}_exporter"))
    ]
    if not signals or settings.disabled:
        return Sent(
            unchecked("canary", "no span or metric is sent over OTLP, so none was tried", "See `variables` above.")
        )
    alone = {f"{s}_exporter": ("otlp",) if s in signals else ("none",) for s in ("traces", "metrics")}
    quiet = dataclasses.replace(settings, **alone, logs_exporter=("none",), prometheus_port=0)  # type: ignore[arg-type]  # tuples of text all
    instance = f"{NAME}-{_clock.ids().generate_trace_id():032x}"
    with _overheard() as said:
        try:
            telemetry = pipeline.build(quiet, instance=instance)
        except StagelightError as error:
            return Sent(failure("canary", str(error), "Correct the setting; nothing can be sent before."))
        try:
            sent = _fly(telemetry, said, signals)
            return dataclasses.replace(sent, instance=instance if sent.at_ns and "metrics" in signals else "")
        finally:
            telemetry.shutdown(1.0)


def _fly(telemetry: Telemetry, said: list[str], signals: list[str]) -> Sent:
    spans = "traces" in signals
    at_ns, began_ns = _clock.wall_ns(), _clock.monotonic_ns()
    with current.replaced(telemetry):
        trace_id = _span(telemetry) if spans else ""
        instruments.counter(CANARIES).inc()
        arrived = telemetry.flush(FLUSH_SECONDS)
    if not arrived:
        why = said[0] if said else f"not delivered within {FLUSH_SECONDS:g} s"
        return Sent(failure("canary", why, "See the hops above; `OTEL_LOG_LEVEL=debug` makes the exporter say more."))
    if spans and not trace_id:
        kept_none = f"the sampler kept none of {TRIES} spans"
        return Sent(warning("canary", kept_none, "Is OTEL_TRACES_SAMPLER meant so?"), at_ns=at_ns, began_ns=began_ns)
    seconds = (_clock.monotonic_ns() - began_ns) / 1e9
    what = " and ".join(f"a {signal.removesuffix('s')}".replace("trace", "span") for signal in signals)
    return Sent(good("canary", f"{what} delivered", seconds=seconds), trace_id, at_ns=at_ns, began_ns=began_ns)


def _span(telemetry: Telemetry) -> str:
    """Record one span that the sampler keeps, and return its trace id; empty where it keeps none."""
    for _ in range(TRIES):
        span = telemetry.tracer.start_span(NAME, attributes={KEEP: True})
        span.end()
        context = span.get_span_context()
        if context.trace_flags.sampled:
            return f"{context.trace_id:032x}"
    return ""


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """Collect our own complaints instead of printing them among the findings."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    log, ear = logging.getLogger("stagelight"), Ear()
    before = log.propagate
    log.addHandler(ear)
    log.propagate = False
    try:
        yield said
    finally:
        log.removeHandler(ear)
        log.propagate = before


def server(base: str, token: str) -> tuple[Finding, Client | None]:
    """Ask who answers at `base`; a client for it where that is a `stagelight serve`."""
    try:
        answer = Client(base).get("/health")  # without the token, which may be for sending alone
        client = Client(base, token=token)
    except UnreachableError as error:
        return good("server", f"not a `stagelight serve` ({error}), so the canary cannot be read back"), None
    except ConfigurationError as error:
        return unchecked("server", str(error), "Is STAGELIGHT_TOKEN or OTEL_EXPORTER_OTLP_HEADERS copied whole?"), None
    about = answer.data if isinstance(answer.data, dict) else {}
    if answer.status != 200 or "version" not in about:  # noqa: PLR2004  HTTP's OK
        return good("server", "not a `stagelight serve`, so the canary cannot be read back"), None
    return good("server", f"stagelight serve {about['version']}"), client


def read_back(client: Client, sent: Sent) -> list[Finding]:
    """Wait until the server shows what was sent."""
    found: list[Finding] = []
    if sent.trace_id:
        found.append(_awaited(client, f"/api/traces/{sent.trace_id}", "span", lambda data: bool(data.get("spans"))))
    if sent.instance:
        newer = f"/api/metrics/{CANARIES.name}"
        found.append(
            _awaited(client, newer, "metric", lambda data: any(s["time_ns"] >= sent.at_ns for s in data["series"]))
        )
    return found


def _awaited(client: Client, path: str, what: str, shown: Any) -> Finding:
    hop = f"{what} read back"
    until = _clock.monotonic_ns() + int(READ_SECONDS * 1e9)
    while True:
        try:
            answer = client.get(path)
        except UnreachableError as error:
            return unchecked(hop, str(error), "Run `stagelight doctor` again.")
        if answer.status in (401, 403):
            return unchecked(
                hop, "the server asks for a token that may read", "STAGELIGHT_TOKEN=$(stagelight token create me)"
            )
        if answer.status == 200 and isinstance(answer.data, dict) and shown(answer.data):  # noqa: PLR2004  HTTP's OK
            return good(hop, f"the server shows the {what}")
        if _clock.monotonic_ns() > until:
            return failure(
                hop,
                f"the server took the {what}, but does not show it after {READ_SECONDS:g} s",
                "Is its store full? `stagelight db size`",
            )
        threading.Event().wait(TICK_SECONDS)
