"""What is watched of the pipeline itself: collector, Prometheus, Alertmanager, and the watch over the watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight.catalogue import pipeline
from stagelight.catalogue.internal import CANARIES
from stagelight.catalogue.rows import Alert, Course, Runbook, Scenario
from stagelight.catalogue.scenarios import series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.catalogue.rows import Foreign

WHERE = {"instance": "collector:8888", "exporter": "otlp_grpc/tempo"}
QUEUE = {**WHERE, "data_type": "traces"}


def _grown(counters: Mapping[str, Foreign], by: str) -> str:
    """How much each signal's counter grew in the window; one that came into being in it counts whole.

    The collector shows these counters from their first event on, so `increase` alone would never see that one.
    """
    each = [
        f"sum by ({by}) (increase({counter.name}[$window])) > $threshold\n"
        f"or (sum by ({by}) ({counter.name}) > $threshold unless sum by ({by}) ({counter.name} offset $window))"
        for counter in counters.values()
    ]
    return "\nor ".join(each)


def _sent() -> str:
    """What was delivered in the window, with the signal as a label, as the queues have it."""
    each = [
        f'label_replace(sum by (instance, exporter) (increase({counter.name}[$window])), "data_type", "{signal}", "", "")'
        for signal, counter in pipeline.SENT.items()
    ]
    return "\n  or ".join(each)


def _queue(size: tuple[float, float], capacity: float = 1000) -> tuple[Course, ...]:
    return (
        Course(series(pipeline.QUEUE_SIZE.name, **QUEUE), *size),
        Course(series(pipeline.QUEUE_CAPACITY.name, **QUEUE), capacity, capacity),
    )


FULL = (
    f"sum by (instance, exporter, data_type) ({pipeline.QUEUE_SIZE.name})\n"
    f"  / sum by (instance, exporter, data_type) ({pipeline.QUEUE_CAPACITY.name})"
)
QUEUES_RUNBOOK = Runbook(
    name="Collector queues",
    page="pipeline",
    look=(
        FULL,
        f"sum by (instance, exporter) (rate({pipeline.SENT['traces'].name}[5m]))",
        "$ docker compose logs --since 15m collector",
    ),
    mitigate=(
        "Which exporter is it? Its name says where it sends: is that program up, and is its disk full?",
        "It is up and slow: give it more, or lower the share of traces that tail sampling keeps.",
        "Nothing is lost while the queue has room: it lies on disk and survives a restart of the collector.",
        "It will be full before the repair: raise `queue_size` and reload; mind the disk.",
    ),
)
QUEUE_FILLING = Alert(
    name="StagelightQueueFilling",
    expr=f"{FULL} > $threshold",
    threshold=0.5,
    for_="5m",
    severity="warning",
    summary="The queue of {{ $labels.exporter }} ({{ $labels.data_type }}) is {{ $value | humanizePercentage }} full",
    means="The collector takes in more than it gets rid of; when the queue is full, it sends back what comes.",
    first_step="Is the program that this exporter sends to up? Its queue is only the symptom.",
    runbook=QUEUES_RUNBOOK,
    scenarios=(
        Scenario(courses=_queue((0, 600)), labels=QUEUE, says="The queue of otlp_grpc/tempo (traces) is 60% full"),
    ),
)
QUEUE_NEARLY_FULL = Alert(
    name="StagelightQueueNearlyFull",
    expr=QUEUE_FILLING.expr,
    threshold=0.9,
    for_="1m",
    severity="page",
    summary="The queue of {{ $labels.exporter }} ({{ $labels.data_type }}) is {{ $value | humanizePercentage }} full",
    means="The collector is about to send back what comes; applications then drop spans when their own queues are full.",
    first_step="Bring back the program that this exporter sends to, or raise `queue_size` to win time.",
    runbook=QUEUES_RUNBOOK,
    scenarios=(
        Scenario(courses=_queue((600, 950)), labels=QUEUE, says="The queue of otlp_grpc/tempo (traces) is 95% full"),
    ),
)
EXPORT_STALLED = Alert(
    name="StagelightExportStalled",
    expr=(
        f"sum by (instance, exporter, data_type) (min_over_time({pipeline.QUEUE_SIZE.name}[$window])) > $threshold\n"
        f"unless on (instance, exporter, data_type) (\n  {_sent()}\n) > 0"
    ),
    threshold=0,
    window="10m",
    severity="page",
    summary="{{ $labels.exporter }} delivers no {{ $labels.data_type }}, and they wait",
    means="The collector tries again and again, and nothing gets through: the other side is away or says no.",
    first_step="Is the program that this exporter sends to up? The collector's log says how it answers.",
    runbook=QUEUES_RUNBOOK,
    scenarios=(
        Scenario(
            courses=(*_queue((10, 300)), Course(series(pipeline.SENT["traces"].name, **WHERE), 600, 0)), labels=QUEUE
        ),
        Scenario(courses=_queue((0, 300)), labels=QUEUE),
    ),
)
EXPORTS_FAILING = Alert(
    name="StagelightExportsFailing",
    expr=_grown({**pipeline.SEND_FAILED}, "instance, exporter"),
    threshold=0,
    window="10m",
    severity="page",
    summary="{{ $labels.exporter }} has given up on data: it is lost",
    means="The other side refused what the collector sent, for good (a wrong address, token or size): no retry helps.",
    first_step="The collector's log has the answer it got: `Exporting failed. Dropping data.`",
    runbook=Runbook(
        name="Failing exports",
        page="pipeline",
        look=(
            *(f"sum by (instance, exporter) (increase({row.name}[10m]))" for row in pipeline.SEND_FAILED.values()),
            "$ docker compose logs --since 15m collector",
        ),
        mitigate=(
            "401 or 403: the token or the certificate has changed on one side.",
            "404: the address, or a receiver that is not switched on (Prometheus: `--web.enable-otlp-receiver`).",
            "400 or 413: a batch is too big or malformed; lower `sending_queue.batch.max_size`.",
            "What was given up is gone; what came after is in the queue.",
        ),
    ),
    scenarios=(
        Scenario(courses=(Course(series(pipeline.SEND_FAILED["traces"].name, **WHERE), 0, 10),), labels=WHERE),
        Scenario(courses=(Course(series(pipeline.SEND_FAILED["logs"].name, **WHERE), None, 0.5),), labels=WHERE),
    ),
)
COLLECTOR_REFUSES = Alert(
    name="StagelightCollectorRefuses",
    expr=_grown({**pipeline.REFUSED}, "instance, receiver"),
    threshold=0,
    window="10m",
    severity="warning",
    summary="The collector {{ $labels.instance }} sends back what it gets",
    means="A queue is full, or the memory limit is reached; applications keep what they can and drop the rest.",
    first_step="Is a queue full? The dashboard Pipeline health shows all of them; else look at the collector's memory.",
    runbook=Runbook(
        name="Refusing collector",
        page="pipeline",
        look=(
            *(f"sum by (instance, receiver) (increase({row.name}[10m]))" for row in pipeline.REFUSED.values()),
            *(f"sum by (instance, exporter) (increase({row.name}[10m]))" for row in pipeline.ENQUEUE_FAILED.values()),
            f"max by (instance) ({pipeline.MEMORY.name})",
        ),
        mitigate=(
            "A queue is full: see Collector queues.",
            "Memory is at its limit: give the collector more, or add another behind the balancer.",
            "One application sends a flood: its own log and `stagelight doctor` there say how much.",
        ),
    ),
    scenarios=(
        Scenario(
            courses=(
                Course(
                    series(
                        pipeline.REFUSED["traces"].name, instance="collector:8888", receiver="otlp", transport="grpc"
                    ),
                    0,
                    60,
                ),
            ),
            labels={"instance": "collector:8888", "receiver": "otlp"},
        ),
    ),
)
TARGETS_RUNBOOK = Runbook(
    name="Targets",
    page="pipeline",
    look=(
        f"min by (job, instance) ({pipeline.UP.name})",
        "$ docker compose ps",
        "$ docker compose logs --since 15m",
    ),
    mitigate=(
        "The program is down: its log says why; `docker compose up -d` brings it back.",
        "It runs: can Prometheus reach it? The page Status > Targets shows the error of the last scrape.",
        "It was removed on purpose: take it out of prometheus.yml and reload.",
    ),
)
TARGET_DOWN = Alert(
    name="StagelightTargetDown",
    expr=f"min by (job, instance) ({pipeline.UP.name}) <= $threshold",
    threshold=0,
    for_="2m",
    severity="page",
    summary="Prometheus cannot reach {{ $labels.job }} at {{ $labels.instance }}",
    means="A program of the pipeline is down or cannot be reached; nothing it measures is seen, alerts on it are blind.",
    first_step="Does the program run? If it does, Prometheus' page Status > Targets shows why the scrape fails.",
    runbook=TARGETS_RUNBOOK,
    scenarios=(
        Scenario(
            courses=(Course(series(pipeline.UP.name, job="otelcol", instance="collector:8888"), 1, 0),),
            labels={"job": "otelcol", "instance": "collector:8888"},
        ),
    ),
)
COLLECTOR_MISSING = Alert(
    name="StagelightCollectorMissing",
    expr=f"absent({pipeline.QUEUE_CAPACITY.name})",
    for_="5m",
    severity="page",
    summary="Prometheus sees no collector at all",
    means="No collector is scraped: it is down, its own metrics are off, or Prometheus was not told of it.",
    first_step="Is the collector up, and does prometheus.yml name its port 8888?",
    runbook=TARGETS_RUNBOOK,
    scenarios=(Scenario(courses=(Course(series(pipeline.QUEUE_CAPACITY.name, **QUEUE), 1000, None),)),),
)
NOTIFICATIONS_RUNBOOK = Runbook(
    name="Lost notifications",
    page="pipeline",
    look=(
        f"sum by (integration) (increase({pipeline.NOTIFICATIONS_FAILED.name}[1h]))",
        f"sum(increase({pipeline.NOTIFICATIONS_DROPPED.name}[1h]))",
        f"sum by (rule_group) (increase({pipeline.RULE_FAILURES.name}[1h]))",
        "$ docker compose logs --since 1h alertmanager prometheus",
    ),
    mitigate=(
        "`failed` for one integration: its key, address or channel is wrong or has expired; Alertmanager's log says which.",
        "`dropped`: Prometheus cannot reach Alertmanager; is it up, and is its address in prometheus.yml?",
        "A rule fails: its error is on Prometheus' page Status > Rules.",
        "Until it is repaired, look at Alertmanager's own page: what fires is there.",
    ),
)
NOTIFICATIONS_LOST = Alert(
    name="StagelightNotificationsFailing",
    expr=f"sum by (integration) (increase({pipeline.NOTIFICATIONS_FAILED.name}[$window])) > $threshold",
    threshold=0,
    window="15m",
    severity="critical",
    summary="Alertmanager cannot deliver to {{ $labels.integration }}",
    means="Alerts fire and somebody is not told.",
    first_step="Alertmanager's log says what the receiver answered; its key or address is the usual reason.",
    runbook=NOTIFICATIONS_RUNBOOK,
    scenarios=(
        Scenario(
            courses=(Course(series(pipeline.NOTIFICATIONS_FAILED.name, integration="slack"), 0, 1),),
            labels={"integration": "slack"},
        ),
    ),
)
ALERTS_DROPPED = Alert(
    name="StagelightAlertsDropped",
    expr=f"sum(increase({pipeline.NOTIFICATIONS_DROPPED.name}[$window])) > $threshold",
    threshold=0,
    window="15m",
    severity="critical",
    summary="Prometheus cannot hand its alerts to Alertmanager",
    means="Alerts fire and nobody is told; this one too may only reach you by the dead man's switch.",
    first_step="Is Alertmanager up, and does prometheus.yml name its address?",
    runbook=NOTIFICATIONS_RUNBOOK,
    scenarios=(
        Scenario(courses=(Course(series(pipeline.NOTIFICATIONS_DROPPED.name, instance="prometheus:9090"), 0, 5),)),
    ),
)
RULES_FAILING = Alert(
    name="StagelightRulesFailing",
    expr=f"sum by (rule_group) (increase({pipeline.RULE_FAILURES.name}[$window])) > $threshold",
    threshold=0,
    window="15m",
    severity="ticket",
    summary="Rules of {{ $labels.rule_group }} cannot be evaluated",
    means="An alert that cannot be computed cannot fire.",
    first_step="Prometheus' page Status > Rules shows the error beside the rule.",
    runbook=NOTIFICATIONS_RUNBOOK,
    scenarios=(
        Scenario(
            courses=(Course(series(pipeline.RULE_FAILURES.name, rule_group="stages.yml;stages"), 0, 1),),
            labels={"rule_group": "stages.yml;stages"},
        ),
    ),
)
DEAD_MANS_SWITCH = Alert(
    name="StagelightDeadMansSwitch",
    expr=f"sum({pipeline.UP.name}) > $threshold",
    threshold=0,
    severity="info",
    summary="All is well: targets are scraped, rules are evaluated, alerts are delivered",
    means="This alert always fires. When it stops, something between the targets and you is broken.",
    first_step="Nothing while it fires. When your watcher misses it: are Prometheus and Alertmanager up?",
    runbook=Runbook(
        name="Dead man's switch",
        page="pipeline",
        look=(
            f"sum({pipeline.UP.name})",
            "$ docker compose ps prometheus alertmanager",
        ),
        mitigate=(
            "Point its receiver at a watcher outside this machine, which calls you when the messages stop.",
            "It stopped: Prometheus scrapes nothing, evaluates nothing, or cannot reach Alertmanager; look in this order.",
        ),
    ),
    scenarios=(Scenario(courses=(Course(series(pipeline.UP.name, job="otelcol", instance="collector:8888"), 0, 1),)),),
)
CANARY = Alert(
    name="StagelightCanary",
    expr=f"max by (job, instance) ({CANARIES.name}) > $threshold",
    threshold=0,
    severity="info",
    summary="`stagelight doctor` has sent a sign of life",
    means="Nothing is wrong. `doctor` looks for this alert in Alertmanager; the routes tell nobody of it.",
    first_step="Nothing; it ends by itself some minutes after the check.",
    runbook=Runbook(
        name="Canary",
        page="pipeline",
        look=(f"max by (job, instance) ({CANARIES.name})",),
        mitigate=(
            "You were told of it: Alertmanager has no route for `StagelightCanary` to a receiver that tells nobody.",
        ),
    ),
    scenarios=(
        Scenario(
            courses=(Course(series(CANARIES.name, job="shop", instance="stagelight.doctor-1"), None, 1),),
            labels={"job": "shop", "instance": "stagelight.doctor-1"},
        ),
    ),
)
