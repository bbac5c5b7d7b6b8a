"""What is watched of every stage, and what is promised."""

from stagelight.catalogue.rows import Alert, Course, Runbook, Scenario, Slo
from stagelight.catalogue.scenarios import Observed, at_most, histogram, series
from stagelight.catalogue.stages import STAGE_CALLS, STAGE_DURATION, STAGES_ACTIVE

BY = "stage, tenant, workspace"
WHOSE = {"tenant": "acme", "workspace": "main"}
LLM = {"stage": "llm_call", **WHOSE}
SLOW_SECONDS = 5.0  #: A bucket's bound, for the promise about durations.


def _calls(outcome: str, *, calm: float | None, breach: float | None, stage: str = "llm_call") -> Course:
    """Calls of a stage by outcome, so many a minute."""
    error_type = "TimeoutError" if outcome == "error" else ""
    labels = {"stage": stage, "outcome": outcome, "error_type": error_type, **WHOSE}
    return Course(series(STAGE_CALLS.name, **labels), calm, breach)


STAGE_ERRORS_RUNBOOK = Runbook(
    name="Stage errors",
    page="stages",
    look=(
        f'sum by ({BY}, error_type) (rate({STAGE_CALLS.name}{{outcome="error"}}[5m]))',
        f'sum by ({BY}, model_version) (rate({STAGE_CALLS.name}{{outcome="error"}}[5m]))',
        "$ stagelight tail --errors",
    ),
    mitigate=(
        "Open an example: Grafana, dashboard Stages, a dot on the duration panel; or the traces page with errors only.",
        "One error type and one model version: go back to the version before.",
        "A time-out or a refused connection: the service that the stage calls is ill; look at its status first.",
        "Every stage at once: something below all of them broke (network, database, a deployment).",
    ),
)
STAGE_ERRORS_HIGH = Alert(
    name="StagelightStageErrorsHigh",
    expr=(
        f'sum by ({BY}) (rate({STAGE_CALLS.name}{{outcome="error"}}[$window]))\n'
        f"  / sum by ({BY}) (rate({STAGE_CALLS.name}[$window])) > $threshold\n"
        f"and sum by ({BY}) (increase({STAGE_CALLS.name}[$window])) >= $minimum"
    ),
    threshold=0.05,
    minimum=20,
    window="5m",
    for_="5m",
    severity="warning",
    summary="{{ $value | humanizePercentage }} of the calls of {{ $labels.stage }} fail",
    means="A stage ends with an exception more often than it should; whoever asked gets an error or a worse answer.",
    first_step="Which error type is it, and since which model version? The first two queries of the runbook say so.",
    runbook=STAGE_ERRORS_RUNBOOK,
    scenarios=(
        Scenario(
            courses=(_calls("ok", calm=60, breach=45), _calls("error", calm=0, breach=15)),
            labels=LLM,
            says="25% of the calls of llm_call fail",
        ),
    ),
)
STAGE_SUCCESS = Slo(
    name="StagelightStageSuccess",
    good=f'sum by ({BY}) (rate({STAGE_CALLS.name}{{outcome!="error"}}[$window]))',
    total=f"sum by ({BY}) (rate({STAGE_CALLS.name}[$window]))",
    objective=0.99,
    minimum=100,
    event="calls",
    summary="{{ $labels.stage }} fails more often than was promised",
    means="If it goes on like this, more calls of this stage will have failed than the promise allows.",
    first_step="Which error type is it, and since which model version? The first two queries of the runbook say so.",
    runbook=STAGE_ERRORS_RUNBOOK,
    scenario=Scenario(
        courses=(_calls("ok", calm=60, breach=30), _calls("error", calm=0, breach=30)),
        labels=LLM,
    ),
)

STAGE_SLOW_RUNBOOK = Runbook(
    name="Slow stages",
    page="stages",
    look=(
        f"histogram_quantile(0.95, sum by ({BY}, le) (rate({STAGE_DURATION.name}_bucket[5m])))",
        f"sum by (stage) ({STAGES_ACTIVE.name})",
        "$ stagelight tail",
    ),
    mitigate=(
        "Open a slow trace: an exemplar in the upper band of the heatmap on the dashboard Stages leads to it.",
        "The time is in a child: that stage is the one to look at. It is in the stage itself: a new model, longer input?",
        "Calls that run at once have piled up: the stage gets more than it can do; add workers, or send less.",
    ),
)
STAGE_SLOW = Alert(
    name="StagelightStageSlow",
    expr=(
        f"histogram_quantile(0.95, sum by ({BY}, le) (rate({STAGE_DURATION.name}_bucket[$window]))) > $threshold\n"
        f"and sum by ({BY}) (increase({STAGE_CALLS.name}[$window])) >= $minimum"
    ),
    threshold=5,
    minimum=20,
    window="5m",
    for_="10m",
    severity="warning",
    summary="One call of {{ $labels.stage }} in twenty takes {{ $value | humanizeDuration }} or longer",
    means="The slowest twentieth of a stage's calls takes longer than people wait.",
    first_step="Open a slow trace from the heatmap of the dashboard Stages, and see which child takes the time.",
    runbook=STAGE_SLOW_RUNBOOK,
    scenarios=(
        Scenario(
            courses=(
                *histogram(STAGE_DURATION, calm=Observed(0.2, 60), breach=Observed(7, 60), **LLM),
                _calls("ok", calm=60, breach=60),
            ),
            labels=LLM,
            says="One call of llm_call in twenty takes 9.75s or longer",
        ),
    ),
)
STAGE_PROMPTNESS = Slo(
    name="StagelightStagePromptness",
    good=(f"sum by ({BY}) (rate({STAGE_DURATION.name}_bucket{{{at_most(STAGE_DURATION, SLOW_SECONDS)}}}[$window]))"),
    total=f"sum by ({BY}) (rate({STAGE_DURATION.name}_count[$window]))",
    objective=0.95,
    minimum=100,
    event="calls",
    summary="{{ $labels.stage }} takes more than 5 s more often than was promised",
    means="If it goes on like this, more calls of this stage will have taken over 5 s than the promise allows.",
    first_step="Open a slow trace from the heatmap of the dashboard Stages, and see which child takes the time.",
    runbook=STAGE_SLOW_RUNBOOK,
    scenario=Scenario(
        courses=(
            *histogram(STAGE_DURATION, calm=Observed(0.2, 60), breach=Observed(7, 60), **LLM),
            Course(series(f"{STAGE_DURATION.name}_count", **LLM), 60, 60),
        ),
        labels=LLM,
    ),
)

STAGE_STUCK = Alert(
    name="StagelightStageStuck",
    expr=(
        f"sum by (stage) (min_over_time({STAGES_ACTIVE.name}[$window])) > $threshold\n"
        f"unless on (stage) sum by (stage) (increase({STAGE_CALLS.name}[$window])) > 0"
    ),
    threshold=0,
    window="30m",
    severity="ticket",
    summary="{{ $labels.stage }} is running and has not ended in a long time",
    means="Calls of a stage have begun and none has ended: something it waits for does not come.",
    first_step="Look at what the process waits for: `py-spy dump --pid` shows the line of every thread.",
    runbook=Runbook(
        name="Stuck stages",
        page="stages",
        look=(
            f"sum by (stage) ({STAGES_ACTIVE.name})",
            f"sum by (stage, outcome) (increase({STAGE_CALLS.name}[30m]))",
            "$ py-spy dump --pid PID",
        ),
        mitigate=(
            "Is it a stage that is meant to run for hours? Give it a longer window in the overrides.",
            "It waits for a service: give the call a time-out, so that it becomes an error that is counted.",
            "It waits for a lock or a full queue: restart the process, and keep the dump for the bug.",
        ),
    ),
    scenarios=(
        Scenario(
            courses=(
                Course(series(STAGES_ACTIVE.name, stage="embed"), 1, 3),
                _calls("ok", stage="embed", calm=12, breach=0),
            ),
            labels={"stage": "embed"},
        ),
    ),
)
NOTHING_RECEIVED = Alert(
    name="StagelightNothingReceived",
    expr=(
        f"sum by (tenant, workspace) (increase({STAGE_CALLS.name}[$before] offset $window)) >= $threshold\n"
        f"unless sum by (tenant, workspace) (increase({STAGE_CALLS.name}[$window])) > 0"
    ),
    threshold=60,
    window="15m",
    before="1h",
    severity="warning",
    summary="No stage has ended for {{ $labels.tenant }}/{{ $labels.workspace }}, where there was traffic before",
    means="Calls came in the hour before and then stopped: the application is down, idle, or cut off from here.",
    first_step="Does the application answer? If so, run `stagelight doctor` beside it: it names the hop that is broken.",
    runbook=Runbook(
        name="Nothing received",
        page="stages",
        look=(
            f"sum by (tenant, workspace) (increase({STAGE_CALLS.name}[15m]))",
            "min by (job, instance) (up)",
            "$ stagelight doctor",
        ),
        mitigate=(
            "The application is down: bring it back.",
            "It runs and answers: `stagelight doctor` in its container says which hop fails.",
            "Nobody uses it at this hour: raise the threshold or the window in the overrides.",
        ),
    ),
    scenarios=(
        Scenario(courses=(_calls("ok", calm=60, breach=0),), labels=WHOSE),
        Scenario(courses=(_calls("ok", calm=60, breach=None),), labels=WHOSE),
    ),
)
