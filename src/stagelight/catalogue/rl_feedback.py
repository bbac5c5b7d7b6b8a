"""The loop that teaches the model router: rewards emitted, waiting, learned from, refused."""

from stagelight.catalogue.labels import ARM, ROUTER, TENANT, WORKSPACE
from stagelight.catalogue.rows import Label, Metric

EXPERIMENT_KIND = Label("kind", bound=1, values=("router",), default="router")
EXPERIMENT = Label("experiment", bound=50)
STATE = Label("state", bound=4, values=("collecting", "running", "decided", "changed"))

RL_FEEDBACK_PROCESSED = Metric(
    name="rl_feedback_processed_total",
    kind="counter",
    labels=(TENANT, WORKSPACE),
    help="Rewards that the router has learned from.",
)
RL_FEEDBACK_FAILED = Metric(
    name="rl_feedback_failed_total",
    kind="counter",
    labels=(TENANT, WORKSPACE),
    help="Rewards that could not be learned from; each is kept with its reason.",
)
RL_FEEDBACK_QUEUE_DEPTH = Metric(
    name="rl_feedback_queue_depth",
    kind="gauge",
    labels=(TENANT, WORKSPACE),
    help="Rewards accepted but not yet learned from.",
)
RL_FEEDBACK_LATENCY = Metric(
    name="rl_feedback_processing_latency_ms",
    kind="histogram",
    unit="ms",
    labels=(TENANT, WORKSPACE),
    buckets=(1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0),
    help="Time that a batch of rewards took to learn from.",
)
TRAJECTORY_EMISSIONS = Metric(
    name="trajectory_feedback_emissions_total",
    kind="counter",
    labels=(TENANT, WORKSPACE),
    help="Rewards that entered the queue.",
)
RL_FEEDBACK_DEAD = Metric(
    name="rl_feedback_dead_letters",
    kind="gauge",
    labels=(TENANT, WORKSPACE),
    help="Rewards that were refused and are kept with their reason.",
)
ROUTER_DECISIONS = Metric(
    name="rl_router_decisions_total",
    kind="counter",
    labels=(ROUTER, ARM, TENANT, WORKSPACE),
    help="Requests that a router sent to an arm.",
)
ROUTER_BEST_ARM_SHARE = Metric(
    name="rl_router_best_arm_share",
    kind="gauge",
    unit="percentunit",
    labels=(ROUTER, TENANT, WORKSPACE),
    help="How sure a router is: the share of requests that its policy would send to its favourite arm now.",
)
ROUTER_REWARDS_LEARNED = Metric(
    name="rl_router_rewards_learned",
    kind="gauge",
    labels=(ROUTER, TENANT, WORKSPACE),
    help="How many of the rewards that the last hour brought a router has learned.",
)
ROUTER_MEAN_REWARD = Metric(
    name="rl_router_mean_reward",
    kind="gauge",
    unit="percentunit",
    labels=(ROUTER, TENANT, WORKSPACE),
    help="Mean of the rewards that the last hour brought and a router has learned; none where there were none.",
)
EXPERIMENT_STATE = Metric(
    name="stagelight_experiment_state",
    kind="gauge",
    labels=(EXPERIMENT_KIND, EXPERIMENT, TENANT, WORKSPACE, STATE),
    help="How an experiment stands by the rewards of the last day: 1 for its state, 0 for the others.",
)
