"""The dashboard of the feedback loop: what comes, what is learned from, what waits, and where the router sends requests."""

from stagelight.catalogue.panels import burnt
from stagelight.catalogue.rl_feedback import (
    EXPERIMENT_STATE,
    RL_FEEDBACK_DEAD,
    RL_FEEDBACK_FAILED,
    RL_FEEDBACK_LATENCY,
    RL_FEEDBACK_PROCESSED,
    RL_FEEDBACK_QUEUE_DEPTH,
    ROUTER_BEST_ARM_SHARE,
    ROUTER_DECISIONS,
    ROUTER_MEAN_REWARD,
    ROUTER_REWARDS_LEARNED,
    TRAJECTORY_EMISSIONS,
)
from stagelight.catalogue.rows import Panel

RL_FEEDBACK = "RL feedback"

CHOSEN = '{tenant=~"$tenant",workspace=~"$workspace"}'
BY = "tenant, workspace"
WHOSE = "{{tenant}}/{{workspace}}"
DEPTH = f"{RL_FEEDBACK_QUEUE_DEPTH.name}{CHOSEN}"


def _rate(name: str) -> str:
    return f"sum by ({BY}) (rate({name}{CHOSEN}[5m]))"


def _succeeded(window: str, by: str = "") -> str:
    """Processed of all that were tried, as the contract has it; where none was refused, there may be no such counter."""
    processed, failed = (
        f"sum{by} (increase({row.name}{CHOSEN}[{window}]))" for row in (RL_FEEDBACK_PROCESSED, RL_FEEDBACK_FAILED)
    )
    return f"{processed} / ({processed} + ({failed} or {processed} * 0))"


WAITING_NOW = Panel(
    name="Rewards that wait",
    dashboard=RL_FEEDBACK,
    section="Feedback now",
    kind="gauge",
    expr=(f"sum(max by ({BY}) ({DEPTH}))",),
    help="Accepted and not yet learned from. A ticket above 25 for 15 minutes, a page above 100 for 10.",
    width=6,
    levels=(25, 100),
)
SUCCESS_NOW = Panel(
    name="Learned from, last hour",
    dashboard=RL_FEEDBACK,
    section="Feedback now",
    kind="gauge",
    expr=(_succeeded("1h"),),
    unit="percentunit",
    help="Processed, of processed and failed. 99 % is promised; a ticket below 95 %.",
    width=6,
    levels=(0.99, 0.95),
)
EMITTED_NOW = Panel(
    name="Rewards a second",
    dashboard=RL_FEEDBACK,
    section="Feedback now",
    kind="stat",
    expr=(f"sum(rate({TRAJECTORY_EMISSIONS.name}{CHOSEN}[5m]))",),
    unit="ops",
    help="What enters the queue.",
    width=6,
)
DEAD_NOW = Panel(
    name="Dead letters",
    dashboard=RL_FEEDBACK,
    section="Feedback now",
    kind="stat",
    expr=(f"sum(max by ({BY}) ({RL_FEEDBACK_DEAD.name}{CHOSEN}))",),
    help="Refused, and kept with their reason: `stagelight feedback inspect --state dead`.",
    width=6,
)
PROCESSED = Panel(
    name="Processed and failed, 5 m",
    dashboard=RL_FEEDBACK,
    section="Rates",
    kind="timeseries",
    expr=(_rate(RL_FEEDBACK_PROCESSED.name), _rate(RL_FEEDBACK_FAILED.name)),
    legend=(f"processed {WHOSE}", f"failed {WHOSE}"),
    unit="ops",
    help="Rewards learned from and rewards refused, a second.",
)
EMITTED = Panel(
    name="Emitted and processed",
    dashboard=RL_FEEDBACK,
    section="Rates",
    kind="timeseries",
    expr=(
        f"sum(rate({TRAJECTORY_EMISSIONS.name}{CHOSEN}[5m]))",
        (
            f"sum(rate({RL_FEEDBACK_PROCESSED.name}{CHOSEN}[5m]))"
            f" + (sum(rate({RL_FEEDBACK_FAILED.name}{CHOSEN}[5m])) or vector(0))"
        ),
    ),
    legend=("emitted", "processed or refused"),
    unit="ops",
    help="Where the first stays above the second, a queue builds up.",
)
DEPTH_TREND = Panel(
    name="Queue depth",
    dashboard=RL_FEEDBACK,
    section="Queue",
    kind="timeseries",
    expr=(f"max by ({BY}) ({DEPTH})", f"max by ({BY}) (avg_over_time({DEPTH}[15m]))"),
    legend=(f"{WHOSE}", f"{WHOSE} mean of 15 m"),
    help="Below 10 in 95 of 100 minutes is promised.",
)
LATENCY = Panel(
    name="Time of a batch",
    dashboard=RL_FEEDBACK,
    section="Queue",
    kind="timeseries",
    expr=tuple(
        f"histogram_quantile({quantile}, sum by (le) (rate({RL_FEEDBACK_LATENCY.name}_bucket{CHOSEN}[5m])))"
        for quantile in (0.5, 0.95)
    ),
    legend=("half are faster than", "95 % are faster than"),
    unit="ms",
    help="99 of 100 batches under 5 s are promised.",
)
SUCCESS_TREND = Panel(
    name="Share learned from",
    dashboard=RL_FEEDBACK,
    section="Learning",
    kind="timeseries",
    expr=(_succeeded("1h", f" by ({BY})"),),
    legend=(WHOSE,),
    unit="percentunit",
    help="Processed, of processed and failed, over the hour before.",
)
DECISIONS = f"{ROUTER_DECISIONS.name}{CHOSEN}[$__rate_interval]"
ARM_SHARES = Panel(
    name="Arms' shares of the requests",
    dashboard=RL_FEEDBACK,
    section="Learning",
    kind="timeseries",
    expr=(f"sum by (router, arm) (rate({DECISIONS})) / on (router) group_left () sum by (router) (rate({DECISIONS}))",),
    legend=("{{router}} {{arm}}",),
    unit="percentunit",
    help="Where the router sent requests. After a change of models the shares move; that is what it is for.",
)
CONVERGENCE = Panel(
    name="Share of the favourite arm",
    dashboard=RL_FEEDBACK,
    section="Learning",
    kind="timeseries",
    expr=(f"max by (router, {BY}) ({ROUTER_BEST_ARM_SHARE.name}{CHOSEN})",),
    legend=("{{router}} " + WHOSE,),
    unit="percentunit",
    help="Near 1: the router is sure. Near 1 divided by the number of arms: it knows nothing yet.",
)
BURN = Panel(
    name="How fast the promises' budgets burn",
    dashboard=RL_FEEDBACK,
    section="Learning",
    kind="timeseries",
    expr=(burnt("1h", 'slo=~"RLFeedback.*",tenant=~"$tenant",workspace=~"$workspace"'),),
    legend=("{{slo}} " + WHOSE,),
    help="1 uses a budget up in exactly its 30 days; 14.4 pages.",
)
MEAN_REWARD = Panel(
    name="Mean reward, last hour",
    dashboard=RL_FEEDBACK,
    section="Routers and experiments",
    kind="timeseries",
    expr=(f"max by (router, {BY}) ({ROUTER_MEAN_REWARD.name}{CHOSEN})",),
    legend=("{{router}} " + WHOSE,),
    unit="percentunit",
    help="How good the answers were that a router learned from. It falls when the models do, or when feedback changes its mind.",
    width=8,
)
LEARNED = Panel(
    name="Rewards learned, last hour",
    dashboard=RL_FEEDBACK,
    section="Routers and experiments",
    kind="timeseries",
    expr=(f"max by (router, {BY}) ({ROUTER_REWARDS_LEARNED.name}{CHOSEN})",),
    legend=("{{router}} " + WHOSE,),
    help="Of few rewards the mean says little; 0 beside others that learn: feedback does not reach this router.",
    width=8,
)
EXPERIMENTS = Panel(
    name="Experiments",
    dashboard=RL_FEEDBACK,
    section="Routers and experiments",
    kind="table",
    expr=(f"max by (kind, experiment, {BY}, state) ({EXPERIMENT_STATE.name}{CHOSEN}) == 1",),
    help="collecting: too few rewards in a day. decided: one arm is the best with 99 %. changed: and the day before it was another.",
    width=8,
)
