"""Tail sampling through an agent's balancer and two gateways: what matters is kept whole, of the rest a share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import stack_sender
from spans import span
from stack import eventually
from stack_corpus import by_trace, corpus

if TYPE_CHECKING:
    from collections.abc import Callable

    from stack_backend import Backend
    from stack_collector import Collector
    from stagelight.wire.records import SpanRecord

    StartBackend = Callable[..., Backend]
    StartTier = Callable[..., tuple[Collector, list[Collector]]]

SEED = 20_261_121
TRACES = 2_000
PERCENT = 10
WAIT_S = 6  #: From a trace's first span to the decision; all of the corpus is sent sooner.
OWN_DECISIONS = "otelcol_processor_tail_sampling_global_count_traces_sampled_total"


def test_what_matters_is_kept_whole_and_a_share_of_the_rest(tier: StartTier, backend: StartBackend) -> None:
    """All errors, slow, forced and disliked traces are kept; no trace is split; of the rest a tenth, give or take."""
    made = corpus(SEED, TRACES)
    stores = [backend("one"), backend("two")]
    agent, gateways = tier(stores, STAGELIGHT_SAMPLE_WAIT=f"{WAIT_S}s", STAGELIGHT_SAMPLE_PERCENT=str(PERCENT))

    stack_sender.send(agent.http, made.spans, at_once=100)
    eventually(
        lambda: (
            sum(gateway.own(OWN_DECISIONS) for gateway in gateways) >= TRACES
            and all(gateway.drained("otlp_http/traces") for gateway in gateways)
        ),
        what="all traces judged and sent",
    )
    kept = [by_trace(store.spans) for store in stores]
    print(f"seed {SEED}: kept {[len(part) for part in kept]} of {TRACES} traces")

    assert kept[0].keys().isdisjoint(kept[1]), "a trace came out of two gateways"
    assert min(map(len, kept)) > 0.3 * sum(map(len, kept)), "one gateway did nearly all"
    together = kept[0] | kept[1]
    for trace_id, span_ids in together.items():
        assert span_ids == made.span_ids[trace_id], "a trace came in parts"
    for sort in ("error", "slow", "forced", "disliked", "disliked in an event"):
        assert made.of(sort), sort
        assert made.of(sort) <= together.keys(), sort
    rest = made.of("plain", "liked")
    share, expected = len(rest & together.keys()), len(rest) * PERCENT / 100
    print(f"of the rest {share} of {len(rest)}")
    assert abs(share - expected) < 4 * math.sqrt(expected * (1 - PERCENT / 100)), "four standard deviations"


def test_a_late_span_shares_its_traces_fate(tier: StartTier, backend: StartBackend) -> None:
    """A span that comes after the decision, and after its trace left memory, goes the way that its trace went."""
    store = backend()
    agent, (gateway,) = tier(
        [store],
        overlays=["processors::tail_sampling::num_traces: 2"],
        STAGELIGHT_SAMPLE_WAIT="1s",
        STAGELIGHT_SAMPLE_PERCENT="0",
    )

    def judged(*spans: SpanRecord) -> None:
        before = gateway.own(OWN_DECISIONS)
        stack_sender.send(agent.http, spans)
        eventually(lambda: gateway.own(OWN_DECISIONS) >= before + len(spans), what="all judged")

    kept, dropped = span(trace=1, status="error"), span(trace=2)
    judged(kept, dropped)
    judged(span(trace=3), span(trace=4))
    late, forced_too_late = span(trace=1), span(trace=2, attributes={"stagelight.sample.keep": True})
    stack_sender.send(agent.http, [late, forced_too_late])
    later = span(trace=5, status="error")
    judged(later)
    eventually(lambda: later.span_id in store.delivered, what="a trace after them")

    assert set(store.delivered) == {kept.span_id, late.span_id, later.span_id}


def test_span_metrics_count_what_the_sampler_drops(tier: StartTier, backend: StartBackend) -> None:
    """Rates come from all spans: the counts stand before the sampler, with the gateway's name as a label."""
    store = backend()
    agent, (gateway,) = tier(
        [store],
        on_top=["prometheus2.yaml"],
        overlays=["connectors::span_metrics::metrics_flush_interval: 200ms"],
        STAGELIGHT_SAMPLE_WAIT="1s",
        STAGELIGHT_SAMPLE_PERCENT="0",
    )
    stack_sender.send(agent.http, [span("answer", trace=number) for number in range(1, 41)])

    def counted() -> float:
        return gateway.scraped("traces_span_metrics_calls_total", span_name="answer", collector="gateway-0")

    eventually(lambda: counted() == 40, what="40 calls counted")
    assert store.delivered == {}
