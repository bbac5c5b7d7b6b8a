"""What is shown: a dashboard of the stages, and one of the pipeline's own health."""

from stagelight.catalogue import pipeline
from stagelight.catalogue.internal import INTERNAL_ERRORS, LABEL_OVERFLOW, SPANS, UNKNOWN_TRACES
from stagelight.catalogue.rows import Panel
from stagelight.catalogue.stages import STAGE_CALLS, STAGE_DURATION, STAGES_ACTIVE

STAGES = "Stages"
PIPELINE = "Pipeline health"

CHOSEN = 'stage=~"$stage",tenant=~"$tenant",workspace=~"$workspace"'
CALLS = f"{STAGE_CALLS.name}{{{CHOSEN}}}[$__rate_interval]"
FAILED = f'{STAGE_CALLS.name}{{outcome="error",{CHOSEN}}}[$__rate_interval]'
DURATIONS = f"{STAGE_DURATION.name}_bucket{{{CHOSEN}}}[$__rate_interval]"
PROMISED = 'stage=~"$stage|",tenant=~"$tenant|",workspace=~"$workspace|"'  # some promises are not about stages

CALL_RATE_NOW = Panel(
    name="Calls a second",
    dashboard=STAGES,
    section="Now",
    kind="stat",
    expr=(f"sum(rate({CALLS}))",),
    unit="ops",
    help="Calls of all chosen stages that ended.",
    width=6,
)
ERROR_RATIO_NOW = Panel(
    name="Share that fails",
    dashboard=STAGES,
    section="Now",
    kind="stat",
    expr=(f"sum(rate({FAILED})) / sum(rate({CALLS}))",),
    unit="percentunit",
    help="Calls that ended with an exception, of all that ended.",
    width=6,
)
P95_NOW = Panel(
    name="95 % are faster than",
    dashboard=STAGES,
    section="Now",
    kind="stat",
    expr=(f"histogram_quantile(0.95, sum by (le) (rate({DURATIONS})))",),
    unit="s",
    help="The duration that 95 of 100 calls stay under.",
    width=6,
)
ACTIVE_NOW = Panel(
    name="Running",
    dashboard=STAGES,
    section="Now",
    kind="stat",
    expr=(f'sum({STAGES_ACTIVE.name}{{stage=~"$stage"}})',),
    help="Stages that have started and not yet ended, of all tenants.",
    width=6,
)
CALL_RATE = Panel(
    name="Calls by stage",
    dashboard=STAGES,
    section="Rate and errors",
    kind="timeseries",
    expr=(f"sum by (stage) (rate({CALLS}))",),
    legend=("{{stage}}",),
    unit="ops",
    help="How often each stage ends, a second.",
)
ERROR_RATIO = Panel(
    name="Failures by stage",
    dashboard=STAGES,
    section="Rate and errors",
    kind="timeseries",
    expr=(f"sum by (stage) (rate({FAILED})) / sum by (stage) (rate({CALLS}))",),
    legend=("{{stage}}",),
    unit="percentunit",
    help="The share of each stage's calls that ended with an exception.",
)
ERROR_TYPES = Panel(
    name="Failures by type",
    dashboard=STAGES,
    section="Rate and errors",
    kind="bars",
    expr=(f"sum by (error_type) (rate({FAILED}))",),
    legend=("{{error_type}}",),
    unit="ops",
    help="Which exceptions they are.",
)
OUTCOMES = Panel(
    name="Calls by outcome",
    dashboard=STAGES,
    section="Rate and errors",
    kind="bars",
    expr=(f"sum by (outcome) (rate({CALLS}))",),
    legend=("{{outcome}}",),
    unit="ops",
    help="ok, error, cancelled by whoever called, or abandoned before the end.",
)
DURATION_P50 = Panel(
    name="Duration by stage: half are faster than",
    dashboard=STAGES,
    section="Duration",
    kind="timeseries",
    expr=(f"histogram_quantile(0.5, sum by (stage, le) (rate({DURATIONS})))",),
    legend=("{{stage}}",),
    unit="s",
    help="The median. Dots are single calls; a click opens the trace.",
)
DURATION_HIGH = Panel(
    name="Duration by stage: 95 % and 99 % are faster than",
    dashboard=STAGES,
    section="Duration",
    kind="timeseries",
    expr=(
        f"histogram_quantile(0.95, sum by (stage, le) (rate({DURATIONS})))",
        f"histogram_quantile(0.99, sum by (stage, le) (rate({DURATIONS})))",
    ),
    legend=("{{stage}} 95 %", "{{stage}} 99 %"),
    unit="s",
    help="The slow ones. Dots are single calls; a click opens the trace.",
)
DURATION_HEATMAP = Panel(
    name="Durations",
    dashboard=STAGES,
    section="Duration",
    kind="heatmap",
    expr=(f"sum by (le) (increase({DURATIONS}))",),
    legend=("{{le}}",),
    unit="s",
    help="How many calls took how long. Dots are single calls; a click opens the trace.",
    width=16,
)
ACTIVE = Panel(
    name="Running by stage",
    dashboard=STAGES,
    section="Duration",
    kind="timeseries",
    expr=(f'sum by (stage) ({STAGES_ACTIVE.name}{{stage=~"$stage"}})',),
    legend=("{{stage}}",),
    help="Stages that have started and not yet ended, of all tenants. A line that only climbs is a stage that hangs.",
    width=8,
)
FULL = (
    f"sum by (instance, exporter, data_type) ({pipeline.QUEUE_SIZE.name})"
    f" / sum by (instance, exporter, data_type) ({pipeline.QUEUE_CAPACITY.name})"
)


def burnt(window: str, chosen: str) -> str:
    """Return how much of the failures that the promises `chosen` allow were used in a window; 1 is all that they may have."""
    return (
        f"(1 - sum_over_time(stagelight:slo_good:rate{{{chosen}}}[{window}])"
        f" / sum_over_time(stagelight:slo_total:rate{{{chosen}}}[{window}]))"
        " / on (slo) group_left () (1 - stagelight:slo_objective:ratio)"
    )


BUDGET_LEFT = Panel(
    name="Error budget left of 30 days",
    dashboard=STAGES,
    section="Promises",
    kind="table",
    expr=(f"1 - {burnt('30d', PROMISED)}",),
    unit="percentunit",
    help="What is left of the failures that a promise allows; below 0 it is broken. As far back as Prometheus keeps data.",
)
BURN_RATE = Panel(
    name="How fast budgets burn",
    dashboard=STAGES,
    section="Promises",
    kind="timeseries",
    expr=(burnt("1h", PROMISED),),
    legend=("{{slo}} {{stage}}",),
    help="1 uses the budget up in exactly its 30 days; 14.4 pages.",
)

TARGETS = Panel(
    name="Targets",
    dashboard=PIPELINE,
    section="Up?",
    kind="status",
    expr=(f"min by (job, instance) ({pipeline.UP.name})",),
    legend=("{{job}} {{instance}}",),
    help="1: Prometheus reads it; 0: it cannot.",
    width=16,
)
FIRING = Panel(
    name="Alerts that fire",
    dashboard=PIPELINE,
    section="Up?",
    kind="table",
    expr=(f'sum by (alertname, severity, stage, tenant) ({pipeline.ALERTS_FIRING.name}{{alertstate="firing"}})',),
    help="The dead man's switch is among them: it should always fire.",
    width=8,
)
QUEUES = Panel(
    name="Queues of the collector",
    dashboard=PIPELINE,
    section="Collector",
    kind="timeseries",
    expr=(FULL,),
    legend=("{{exporter}} {{data_type}} {{instance}}",),
    unit="percentunit",
    help="How full each exporter's queue is. A full one means that the collector sends back what comes.",
)
MEMORY = Panel(
    name="Memory of the collector",
    dashboard=PIPELINE,
    section="Collector",
    kind="timeseries",
    expr=(f"max by (instance) ({pipeline.MEMORY.name})",),
    legend=("{{instance}}",),
    unit="bytes",
    help="At its limit it sends back what comes.",
)
TAKEN_IN = Panel(
    name="Taken in",
    dashboard=PIPELINE,
    section="Collector",
    kind="timeseries",
    expr=tuple(f"sum(rate({row.name}[$__rate_interval]))" for row in pipeline.ACCEPTED.values()),
    legend=tuple(pipeline.SIGNALS.values()),
    unit="ops",
    help="What applications deliver to the collector, a second.",
)
SENT_ON = Panel(
    name="Sent on",
    dashboard=PIPELINE,
    section="Collector",
    kind="timeseries",
    expr=tuple(f"sum by (exporter) (rate({row.name}[$__rate_interval]))" for row in pipeline.SENT.values()),
    legend=tuple(f"{items} {{{{exporter}}}}" for items in pipeline.SIGNALS.values()),
    unit="ops",
    help="What the collector delivers, a second. Tail sampling keeps fewer spans than came in.",
)
SENT_BACK = Panel(
    name="Sent back",
    dashboard=PIPELINE,
    section="Collector",
    kind="bars",
    expr=tuple(f"sum by (receiver) (increase({row.name}[$__rate_interval]))" for row in pipeline.REFUSED.values()),
    legend=tuple(f"{items} {{{{receiver}}}}" for items in pipeline.SIGNALS.values()),
    help="What the collector refused; applications keep what they can and drop the rest.",
)
GIVEN_UP = Panel(
    name="Lost in the collector",
    dashboard=PIPELINE,
    section="Collector",
    kind="bars",
    expr=(
        *(f"sum by (exporter) (increase({row.name}[$__rate_interval]))" for row in pipeline.SEND_FAILED.values()),
        *(f"sum by (exporter) (increase({row.name}[$__rate_interval]))" for row in pipeline.ENQUEUE_FAILED.values()),
    ),
    legend=(
        *(f"{items} given up {{{{exporter}}}}" for items in pipeline.SIGNALS.values()),
        *(f"{items} not queued {{{{exporter}}}}" for items in pipeline.SIGNALS.values()),
    ),
    help="Refused for good by the other side, or not fitting into the queue.",
)
SPAN_FATES = Panel(
    name="Spans by fate",
    dashboard=PIPELINE,
    section="Applications",
    kind="bars",
    expr=(f"sum by (fate) (increase({SPANS.name}[$__rate_interval]))",),
    legend=("{{fate}}",),
    help="What became of the spans that ended in the applications.",
)
OWN_ERRORS = Panel(
    name="Errors of stagelight itself",
    dashboard=PIPELINE,
    section="Applications",
    kind="bars",
    expr=(f"sum by (room) (increase({INTERNAL_ERRORS.name}[$__rate_interval]))",),
    legend=("{{room}}",),
    help="Kept from the program; its log has the first of each kind.",
)
OVERFLOW = Panel(
    name="Labels past their bound",
    dashboard=PIPELINE,
    section="Applications",
    kind="bars",
    expr=(f"sum by (metric, label) (increase({LABEL_OVERFLOW.name}[$__rate_interval]))",),
    legend=("{{metric}} {{label}}",),
    help="Values that are counted together as `__other__`.",
)
STRAYS = Panel(
    name="Stages of unknown traces",
    dashboard=PIPELINE,
    section="Applications",
    kind="bars",
    expr=(f"sum(increase({UNKNOWN_TRACES.name}[$__rate_interval]))",),
    legend=("stages",),
    help="Opened with a trace id that the process does not know: they became roots of their own.",
)
MESSAGES_LOST = Panel(
    name="Messages that reached nobody",
    dashboard=PIPELINE,
    section="Alerting",
    kind="bars",
    expr=(
        f"sum by (integration) (increase({pipeline.NOTIFICATIONS_FAILED.name}[$__rate_interval]))",
        f"sum(increase({pipeline.NOTIFICATIONS_DROPPED.name}[$__rate_interval]))",
    ),
    legend=("{{integration}}", "Prometheus to Alertmanager"),
    help="Alerts that fired and could not be delivered.",
)
RULE_ERRORS = Panel(
    name="Rules that fail",
    dashboard=PIPELINE,
    section="Alerting",
    kind="bars",
    expr=(f"sum by (rule_group) (increase({pipeline.RULE_FAILURES.name}[$__rate_interval]))",),
    legend=("{{rule_group}}",),
    help="A rule that cannot be evaluated cannot fire.",
)
