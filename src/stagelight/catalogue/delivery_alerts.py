"""What is watched of our own part: spans lost on their way out, errors kept from the program, labels past their bound."""

from stagelight.catalogue.internal import INTERNAL_ERRORS, LABEL_OVERFLOW, SPANS
from stagelight.catalogue.rows import Alert, Course, Runbook, Scenario, Slo
from stagelight.catalogue.scenarios import series


def _spans(fate: str, *, calm: float, breach: float) -> Course:
    return Course(series(SPANS.name, fate=fate), calm, breach)


SPANS_RUNBOOK = Runbook(
    name="Lost spans",
    page="delivery",
    look=(
        f"sum by (job, fate) (increase({SPANS.name}[15m]))",
        "sum by (instance, receiver) (increase(otelcol_receiver_refused_spans_total[15m]))",
        "$ stagelight doctor",
    ),
    mitigate=(
        "`failed`: the exporter could not deliver. The program's log says where to and why, once a minute.",
        "`dropped`: spans end faster than they leave. Raise OTEL_BSP_MAX_QUEUE_SIZE, or sample (OTEL_TRACES_SAMPLER).",
        "The collector refuses: see the page about the pipeline, its queue is full or its memory limit reached.",
        "Metrics, feedback and predictions do not go this way: their figures still hold.",
    ),
)
SPANS_LOST = Alert(
    name="StagelightSpansLost",
    expr=f'sum by (fate) (increase({SPANS.name}{{fate=~"dropped|failed"}}[$window])) > $threshold',
    threshold=0,
    window="15m",
    severity="ticket",
    summary="Spans are lost on their way out of the application ({{ $labels.fate }})",
    means="Traces have holes: some spans were dropped before they left, or could not be delivered.",
    first_step="Read the application's log: the exporter says once a minute what failed and where to.",
    runbook=SPANS_RUNBOOK,
    scenarios=(
        Scenario(
            courses=(_spans("delivered", calm=600, breach=500), _spans("failed", calm=0, breach=100)),
            labels={"fate": "failed"},
        ),
        Scenario(
            courses=(_spans("delivered", calm=600, breach=600), _spans("dropped", calm=0, breach=1)),
            labels={"fate": "dropped"},
        ),
    ),
)
DELIVERY = Slo(
    name="StagelightDelivery",
    good=f'sum(rate({SPANS.name}{{fate="delivered"}}[$window]))',
    total=f"sum(rate({SPANS.name}[$window]))",
    objective=0.999,
    minimum=1000,
    event="spans",
    summary="More spans are lost than was promised",
    means="If it goes on like this, more spans will be missing from the traces than the promise allows.",
    first_step="Read the application's log: the exporter says once a minute what failed and where to.",
    runbook=SPANS_RUNBOOK,
    scenario=Scenario(courses=(_spans("delivered", calm=600, breach=300), _spans("failed", calm=0, breach=300))),
)
INTERNAL_ERRORS_SEEN = Alert(
    name="StagelightInternalErrors",
    expr=f"sum by (room) (increase({INTERNAL_ERRORS.name}[$window])) > $threshold",
    threshold=0,
    window="15m",
    severity="ticket",
    summary="stagelight hit errors of its own in {{ $labels.room }}",
    means="Something in stagelight failed and was kept from the program; part of what it measures may be missing.",
    first_step="Look for `stagelight` in the application's log: the first of each kind has its traceback there.",
    runbook=Runbook(
        name="Internal errors",
        page="delivery",
        look=(
            f"sum by (job, room) (increase({INTERNAL_ERRORS.name}[1h]))",
            "$ stagelight doctor",
        ),
        mitigate=(
            "`store`, `sink`, `journal`: is the disk full, or the database away? `stagelight doctor` looks.",
            "Anything else is a bug of ours: report it with the traceback and the versions that `doctor` prints.",
            "The program itself is not hurt; there is no need to restart it.",
        ),
    ),
    scenarios=(
        Scenario(
            courses=(Course(series(INTERNAL_ERRORS.name, room="telemetry"), 0, 1),),
            labels={"room": "telemetry"},
        ),
    ),
)
LABELS_OVERFLOWING = Alert(
    name="StagelightLabelsOverflowing",
    expr=f"sum by (metric, label) (increase({LABEL_OVERFLOW.name}[$window])) > $threshold",
    threshold=0,
    window="1h",
    severity="info",
    summary="{{ $labels.metric }} has more values of {{ $labels.label }} than are kept apart",
    means="New values of a label are counted together as `__other__`, so that the number of series stays bounded.",
    first_step="Does the label carry something that never repeats (an id, a text, a time)? Then it should not be one.",
    runbook=Runbook(
        name="Label overflow",
        page="delivery",
        look=(f"topk(10, sum by (metric, label) (increase({LABEL_OVERFLOW.name}[1d])))",),
        mitigate=(
            "Take the id, text or time out of the label: it belongs on the span.",
            "The values are few and meant: declare them, so that they have their place from the start.",
            "Restart the process after the repair: what has overflowed stays so for its life.",
        ),
    ),
    scenarios=(
        Scenario(
            courses=(Course(series(LABEL_OVERFLOW.name, metric="orders_total", label="customer"), 0, 5),),
            labels={"metric": "orders_total", "label": "customer"},
        ),
    ),
)
