"""What a collector has accepted arrives, whatever becomes of it and of the backend in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import stack_sender
from spans import span
from stack import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stack_backend import Backend
    from stack_collector import Collector
    from stagelight.wire.records import SpanRecord

    StartCollector = Callable[..., Collector]
    StartBackend = Callable[..., Backend]
    StartTier = Callable[..., tuple[Collector, list[Collector]]]

RETRIES = "exporters::otlp_http/traces::retry_on_failure"
SOON = f"{RETRIES}: {{max_interval: 1s}}"  #: So that the test need not wait ten seconds for the next try.
GIVES_UP = (
    f"{RETRIES}: {{max_interval: 1s, max_elapsed_time: 1s}}"  #: Five minutes by default; shortened, as the outage is.
)


def many(count: int, first_trace: int = 1) -> list[SpanRecord]:
    """So many spans of different traces."""
    return [span("answer", trace=first_trace + number // 4) for number in range(count)]


def ids(spans: Sequence[SpanRecord]) -> set[str]:
    return {one.span_id for one in spans}


def lost_by_default(collector: Collector) -> float:
    """How many spans a collector dropped after its give-up time."""
    return collector.own("otelcol_exporter_send_failed_spans_total")


def test_outage_longer_than_the_give_up_time_and_two_power_cuts_lose_nothing(
    collector: StartCollector, backend: StartBackend
) -> None:
    """Backend away past the give-up time, SIGKILL while spans come in, SIGKILL while they drain: 0 spans are missing.

    The give-up time is simulated: beside ours runs the same collector with the default limit shortened to a second,
    and the outage goes on until that one has dropped all that it took. Cannot be shown here: a power cut, after which
    the machine's memory is gone too; fsync is for that.
    """
    store = backend()
    ours = collector("collector.yaml", overlays=[SOON], STAGELIGHT_TRACES_ENDPOINT=store.url)
    other = collector(
        "collector.yaml",
        name="control",
        overlays=[GIVES_UP],
        STAGELIGHT_TRACES_ENDPOINT=store.url,
    )
    before, during, control = many(200), many(2_000, 1_000), many(200, 9_000)
    stack_sender.send(ours.http, before)
    eventually(lambda: len(store.delivered) == len(before), what="first spans at the backend")

    store.stop()
    stack_sender.send(other.http, control)
    sending = stack_sender.Sending(ours.http, during)
    sending.halfway.wait(60)
    ours.server.kill()
    ours.server.start()
    sending.finish()
    eventually(lambda: lost_by_default(other) == len(control), what="the control gave up")

    ours.server.kill()
    ours.server.start()
    store.taken.clear()
    store.start()
    assert store.taken.wait(60)
    ours.server.kill()
    ours.server.start()
    eventually(
        lambda: ids(before + during) <= store.delivered.keys() and ours.drained("otlp_http/traces"), what="drained"
    )

    kept = ids(store.spans)
    missing = ids(before + during) - kept
    twice = sum(store.delivered.values()) - len(store.delivered)
    print(
        f"{len(before + during)} spans: {len(missing)} missing, {twice} delivered again; {sending.resent} requests sent again"
    )
    assert missing == set()
    assert ids(control).isdisjoint(kept), "with the default the same outage loses spans"


def test_an_agent_keeps_what_no_gateway_takes(tier: StartTier, backend: StartBackend) -> None:
    """Both gateways away, the agent killed and restarted, the gateways back: 0 spans are missing."""
    store = backend()
    agent, gateways = tier([store, store], STAGELIGHT_SAMPLE_PERCENT="100", STAGELIGHT_SAMPLE_WAIT="1s")
    for gateway in gateways:
        gateway.server.stop()
    spans = many(1_000)

    sending = stack_sender.Sending(agent.http, spans)
    sending.halfway.wait(60)
    agent.server.kill()
    agent.server.start()
    sending.finish()
    agent.server.kill()
    agent.server.start()
    for gateway in gateways:
        gateway.server.start()
    eventually(lambda: ids(spans) <= store.delivered.keys(), what="all spans at the backend")

    twice = sum(store.delivered.values()) - len(store.delivered)
    missing = ids(spans) - ids(store.spans)
    print(f"{len(spans)} spans: {len(missing)} missing, {twice} delivered again; {sending.resent} requests sent again")
    assert missing == set()


def test_a_gateway_that_is_stopped_decides_at_once(tier: StartTier, backend: StartBackend) -> None:
    """SIGTERM, as when a new version is rolled out: what waits for its decision is judged by what is there, and kept."""
    store = backend()
    agent, (gateway,) = tier([store], STAGELIGHT_SAMPLE_PERCENT="0")
    failed = [span("answer", trace=number, status="error") for number in range(1, 21)]
    stack_sender.send(agent.http, failed)
    eventually(
        lambda: gateway.own("otelcol_processor_tail_sampling_sampling_traces_on_memory") == len(failed),
        what="all traces at the gateway",
    )

    gateway.server.stop()
    gateway.server.start()

    eventually(lambda: ids(failed) <= store.delivered.keys(), what="the failed traces at the backend")
