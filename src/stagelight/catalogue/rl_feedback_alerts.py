"""What is watched of the loop that teaches the model router, and what is promised of it."""

from stagelight.catalogue.rl_feedback import (
    RL_FEEDBACK_DEAD,
    RL_FEEDBACK_FAILED,
    RL_FEEDBACK_LATENCY,
    RL_FEEDBACK_PROCESSED,
    RL_FEEDBACK_QUEUE_DEPTH,
    TRAJECTORY_EMISSIONS,
)
from stagelight.catalogue.rows import Alert, Course, Runbook, Scenario, Slo
from stagelight.catalogue.scenarios import Observed, at_most, histogram, series

PAGE = "rl-feedback"
BY = "tenant, workspace"
WHOSE = {"tenant": "acme", "workspace": "main"}
SHORT_QUEUE = 10  #: Rewards; the promise is about minutes in which fewer wait.
SLOW_BATCH_MS = 5000.0  #: A bucket's bound, for the promise about batches.

PAST = "[$before] offset $window"  #: What is compared with.
PROCESSED, FAILED, EMITTED = RL_FEEDBACK_PROCESSED.name, RL_FEEDBACK_FAILED.name, TRAJECTORY_EMISSIONS.name
# Every process that serves the router shows the same queue: the deepest that is seen, not their sum.
DEPTH = f"max by ({BY}) ({RL_FEEDBACK_QUEUE_DEPTH.name})"


def _grown(name: str, window: str = "[$window]") -> str:
    return f"sum by ({BY}) (increase({name}{window}))"


def _rate(name: str, window: str = "[$window]") -> str:
    return f"sum by ({BY}) (rate({name}{window}))"


def _processed(calm: float | None, breach: float | None) -> Course:
    return Course(series(PROCESSED, **WHOSE), calm, breach)


def _failed(calm: float | None, breach: float | None) -> Course:
    return Course(series(FAILED, **WHOSE), calm, breach)


def _emitted(calm: float | None, breach: float | None) -> Course:
    return Course(series(EMITTED, **WHOSE), calm, breach)


def _depth(calm: float | None, breach: float | None) -> Course:
    return Course(series(RL_FEEDBACK_QUEUE_DEPTH.name, **WHOSE), calm, breach)


FAILURES_RUNBOOK = Runbook(
    name="Failing rewards",
    page=PAGE,
    look=(
        f"sum by ({BY}) (rate({FAILED}[5m]))",
        f"sum by ({BY}) (increase({FAILED}[15m]))",
        f"max by ({BY}) ({RL_FEEDBACK_DEAD.name})",
        "$ stagelight feedback inspect --state dead",
    ),
    mitigate=(
        "Nothing is lost: each refused reward is kept with its reason; `inspect --state dead` says it.",
        (
            "An unknown arm: a model was retired or renamed while rewards for it were under way. Rename it with"
            " `router.rename_arm`, which keeps its history, or add it again; then requeue."
        ),
        "A reward outside 0..1, or none at all: mend what evaluates; what was refused stays refused.",
        "A context of another length: the application and the policy disagree; go back to the version before.",
        "The cause is mended: `stagelight feedback requeue` has them learned from after all.",
    ),
)
PROCESSING_FAILURES = Alert(
    name="RLFeedbackProcessingFailures",
    expr=(
        f"{_grown(FAILED)} > $threshold\n"
        # A counter that comes into being with its first failure never grows; it counts whole, where Prometheus was
        # looking before. Where it was not, a counter that is new to it may be old.
        f"or sum by ({BY}) ({FAILED} unless {FAILED} offset $window) > $threshold\n"
        f"  and on () count({PROCESSED} offset $window)"
    ),
    threshold=0,
    window="15m",
    severity="page",
    summary="Rewards of {{ $labels.tenant }}/{{ $labels.workspace }} cannot be learned from",
    means="Feedback came that the router could not learn from; it is kept with its reason and teaches nothing.",
    first_step="`stagelight feedback inspect --state dead` shows what was refused, and why.",
    runbook=FAILURES_RUNBOOK,
    scenarios=(
        Scenario(courses=(_processed(60, 58), _failed(0, 2)), labels=WHOSE),
        Scenario(courses=(_processed(60, 60), _failed(None, 2)), labels=WHOSE),
        Scenario(courses=(_processed(60, 60), _failed(0, 0)), fires=False),
    ),
)
SUCCESS_RATE_LOW = Alert(
    name="RLFeedbackSuccessRateLow",
    expr=(
        f"({_grown(PROCESSED)} or {_grown(FAILED)} * 0)\n"
        f"  / (({_grown(PROCESSED)} or {_grown(FAILED)} * 0) + {_grown(FAILED)}) < $threshold"
    ),
    threshold=0.95,
    window="1h",
    severity="ticket",
    summary="Only {{ $value | humanizePercentage }} of the rewards of {{ $labels.tenant }}/{{ $labels.workspace }} are learned from",
    means="Of the rewards that came, too many were refused: the router learns from a part of what users say.",
    first_step="`stagelight feedback inspect --state dead` shows what was refused, and why.",
    runbook=FAILURES_RUNBOOK,
    scenarios=(
        Scenario(
            courses=(_processed(60, 50), _failed(0, 10)),
            labels=WHOSE,
            says="Only 83.33% of the rewards of acme/main are learned from",
        ),
        Scenario(
            courses=(_processed(None, None), _failed(0, 10)),
            labels=WHOSE,
            says="Only 0% of the rewards of acme/main are learned from",
        ),
        Scenario(courses=(_processed(60, 58), _failed(0, 2)), fires=False),
        Scenario(courses=(_processed(60, 10),), fires=False),
    ),
)
SUCCESS = Slo(
    name="RLFeedbackSuccess",
    good=_rate(PROCESSED),
    total=f"({_rate(PROCESSED)} or {_rate(FAILED)} * 0) + ({_rate(FAILED)} or {_rate(PROCESSED)} * 0)",
    objective=0.99,
    minimum=100,
    event="rewards",
    summary="More rewards of {{ $labels.tenant }}/{{ $labels.workspace }} are refused than was promised",
    means="If it goes on like this, more rewards will have taught the router nothing than the promise allows.",
    first_step="`stagelight feedback inspect --state dead` shows what was refused, and why.",
    runbook=FAILURES_RUNBOOK,
    scenario=Scenario(courses=(_processed(60, 30), _failed(0, 30)), labels=WHOSE),
)

QUEUE_RUNBOOK = Runbook(
    name="Deep queue",
    page=PAGE,
    look=(
        f"avg_over_time({RL_FEEDBACK_QUEUE_DEPTH.name}[15m])",
        f"sum by ({BY}) (rate({EMITTED}[5m]))",
        f"sum by ({BY}) (rate({PROCESSED}[5m]))",
        f"histogram_quantile(0.95, sum by ({BY}, le) (rate({RL_FEEDBACK_LATENCY.name}_bucket[5m])))",
        "$ stagelight feedback inspect",
        "$ curl -fsS http://127.0.0.1:4318/health",
    ),
    mitigate=(
        "Nothing is processed at all: see Stalled loop.",
        "It is processed, and more comes than goes: see Tuning; a bigger batch first, then a shorter interval.",
        "A backlog to be gone at once: `stagelight feedback drain` works it off beside the loop; no item counts twice.",
        "Batches are slow: see Slow batches.",
        "More comes than anyone needs: lower STAGELIGHT_TRAJECTORY_SAMPLE_RATIO, the share of trajectories that are scored.",
    ),
)
QUEUE_DEPTH_HIGH = Alert(
    name="RLFeedbackQueueDepthHigh",
    expr=f"{DEPTH} > $threshold",
    threshold=25,
    for_="15m",
    severity="ticket",
    summary="{{ $value }} rewards of {{ $labels.tenant }}/{{ $labels.workspace }} wait to be learned from",
    means="Learning is falling behind users: more than a batch has been waiting for a quarter of an hour.",
    first_step="Is the loop running, and does the dashboard RL feedback show more emitted than processed?",
    runbook=QUEUE_RUNBOOK,
    scenarios=(
        Scenario(courses=(_depth(5, 26),), labels=WHOSE, says="26 rewards of acme/main wait to be learned from"),
        Scenario(courses=(_depth(0, 25),), fires=False),
    ),
)
QUEUE_DEPTH_CRITICAL = Alert(
    name="RLFeedbackQueueDepthCritical",
    expr=QUEUE_DEPTH_HIGH.expr,
    threshold=100,
    for_="10m",
    severity="page",
    summary="{{ $value }} rewards of {{ $labels.tenant }}/{{ $labels.workspace }} wait to be learned from",
    means="The router routes by what users said long ago: learning is far behind, or does not happen.",
    first_step="Is anything processed at all? If not, the loop is stalled; else drain: `stagelight feedback drain`.",
    runbook=QUEUE_RUNBOOK,
    scenarios=(
        Scenario(courses=(_depth(5, 101),), labels=WHOSE, says="101 rewards of acme/main wait to be learned from"),
        Scenario(courses=(_depth(26, 100),), fires=False),
    ),
)
RATE_DROPPED = Alert(
    name="RLFeedbackProcessingRateDropped",
    expr=(
        # Where nothing is processed and the counter itself is gone, emissions say whose it was, and it is 0.
        f"(\n  ({_rate(PROCESSED)} or {_rate(EMITTED)} * 0)\n"
        f"    <= $threshold * {_rate(PROCESSED, PAST)}\n"
        f"  unless {_rate(EMITTED)}\n"
        f"    <= $threshold * {_rate(EMITTED, PAST)}\n"
        # What is processed as it comes has not dropped: there was a backlog before, or emissions fell a moment sooner.
        f"  unless {_rate(EMITTED)} <= 1.1 * {_rate(PROCESSED)}\n"
        f")\nand {_grown(PROCESSED, PAST)} >= $minimum"
    ),
    threshold=0.5,
    minimum=20,
    window="15m",
    before="1h",
    severity="ticket",
    summary="Rewards of {{ $labels.tenant }}/{{ $labels.workspace }} are learned from at half the pace of before, or slower",
    means="The loop does less than in the hour before, though no less comes in.",
    first_step="Compare emitted with processed on the dashboard RL feedback: is a queue building up?",
    runbook=QUEUE_RUNBOOK,
    scenarios=(
        Scenario(courses=(_processed(60, 20), _emitted(60, 60)), labels=WHOSE),
        Scenario(courses=(_processed(60, 20),), labels=WHOSE),
        Scenario(courses=(_processed(60, None), _emitted(60, 60)), labels=WHOSE),
        Scenario(courses=(_processed(60, 20), _emitted(60, 20)), fires=False),
        Scenario(courses=(_processed(0.2, 0), _emitted(0.2, 0.2)), fires=False),
    ),
)
QUEUE_SHORT = Slo(
    name="RLFeedbackQueueShort",
    good=f"avg_over_time(({DEPTH} < bool {SHORT_QUEUE})[$window:]) / 60",
    total=f"avg_over_time(({DEPTH} >= bool 0)[$window:]) / 60",
    objective=0.95,
    minimum=30,
    event="minutes",
    summary="The queue of {{ $labels.tenant }}/{{ $labels.workspace }} is long for more of the time than was promised",
    means=f"If it goes on like this, {SHORT_QUEUE} rewards or more will have waited in more minutes than the promise allows.",
    first_step="Is the loop running, and does the dashboard RL feedback show more emitted than processed?",
    runbook=QUEUE_RUNBOOK,
    scenario=Scenario(courses=(_depth(0, SHORT_QUEUE),), labels=WHOSE),
)

PROCESSING_STALLED = Alert(
    name="RLFeedbackProcessingStalled",
    expr=(
        f"min_over_time(({DEPTH})[$window:]) > $threshold\n"
        # What has been watched for less than the window cannot have been stalled for so long.
        f"and sum by ({BY}) (present_over_time({RL_FEEDBACK_QUEUE_DEPTH.name}[$window] offset $window))\n"
        f"unless {_grown(PROCESSED)} > 0"
    ),
    threshold=0,
    window="30m",
    severity="page",
    summary="Rewards of {{ $labels.tenant }}/{{ $labels.workspace }} wait, and none is learned from",
    means="The loop does nothing though there is work: it is switched off, cannot find its router, hangs or has died.",
    first_step="`/health` says whether the loop is on (`rl_feedback_enabled`); its log lines contain `RL feedback`.",
    runbook=Runbook(
        name="Stalled loop",
        page=PAGE,
        look=(
            f"max by ({BY}) ({RL_FEEDBACK_QUEUE_DEPTH.name})",
            f"sum by ({BY}) (increase({PROCESSED}[30m]))",
            "$ curl -fsS http://127.0.0.1:4318/health",
            "$ docker compose logs --since 30m | grep 'RL feedback'",
            "$ stagelight feedback process --anyway",
        ),
        mitigate=(
            "`rl_feedback_enabled` is false: set ENABLE_TRAJECTORY_FEEDBACK_LOOP=true and restart.",
            (
                "The log says that there is no router: the application must make it"
                " (`get_rl_model_router(create_if_missing=True)`) before the loop starts."
            ),
            (
                "`stagelight feedback process --anyway` works, the loop does not: restart the process that runs it; what was leased"
                " comes back after 30 s."
            ),
            "It fails too: its message says whether the store is locked, full or away.",
            "Rewards wait for a router that no longer exists: `stagelight feedback purge` discards them; it asks first.",
        ),
    ),
    scenarios=(
        Scenario(courses=(_depth(0, 5), _processed(60, 0)), labels=WHOSE),
        Scenario(courses=(_depth(0, 5), _processed(None, None)), labels=WHOSE),
        Scenario(courses=(_depth(0, 5), _processed(60, 60)), fires=False),
        Scenario(courses=(_depth(0, 0), _processed(60, 0)), fires=False),
    ),
)
BATCHES_PROMPT = Slo(
    name="RLFeedbackBatchPromptness",
    good=_rate(f"{RL_FEEDBACK_LATENCY.name}_bucket{{{at_most(RL_FEEDBACK_LATENCY, SLOW_BATCH_MS)}}}"),
    total=_rate(f"{RL_FEEDBACK_LATENCY.name}_count"),
    objective=0.99,
    minimum=20,
    event="batches",
    summary="Batches of rewards of {{ $labels.tenant }}/{{ $labels.workspace }} take over 5 s more often than was promised",
    means="If it goes on like this, more batches will have taken over 5 s than the promise allows.",
    first_step="Is the store slow for everybody? `stagelight doctor` writes to it and says how long that took.",
    runbook=Runbook(
        name="Slow batches",
        page=PAGE,
        look=(
            f"histogram_quantile(0.95, sum by ({BY}, le) (rate({RL_FEEDBACK_LATENCY.name}_bucket[5m])))",
            f"sum by ({BY}) (rate({RL_FEEDBACK_LATENCY.name}_count[5m]))",
            "$ stagelight doctor",
        ),
        mitigate=(
            "The disk or the database is slow for everybody: look there first.",
            "Many processes settle the same router: they wait for each other; let fewer of them run the loop.",
            "A batch is too big: lower RL_FEEDBACK_BATCH_SIZE, and the interval with it.",
            "The policy itself is slow (a linear one with a long context): shorten the context.",
        ),
    ),
    scenario=Scenario(
        courses=(
            *histogram(RL_FEEDBACK_LATENCY, calm=Observed(20, 4), breach=Observed(7000, 4), **WHOSE),
            Course(series(f"{RL_FEEDBACK_LATENCY.name}_count", **WHOSE), 4, 4),
        ),
        labels=WHOSE,
    ),
)
