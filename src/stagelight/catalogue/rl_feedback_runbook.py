"""What the runbook of the feedback loop says besides its alerts: operations, tuning, troubleshooting, recovery, reviews."""

from stagelight.catalogue.rl_feedback import (
    RL_FEEDBACK_DEAD,
    RL_FEEDBACK_FAILED,
    RL_FEEDBACK_LATENCY,
    RL_FEEDBACK_PROCESSED,
    RL_FEEDBACK_QUEUE_DEPTH,
    ROUTER_BEST_ARM_SHARE,
    ROUTER_DECISIONS,
    TRAJECTORY_EMISSIONS,
)
from stagelight.catalogue.rows import Section

PAGE = "rl-feedback"
CONSOLE = "console no-run: it asks your running pipeline"
PROCESSED, FAILED, DEPTH = RL_FEEDBACK_PROCESSED.name, RL_FEEDBACK_FAILED.name, RL_FEEDBACK_QUEUE_DEPTH.name

AT_A_GLANCE = Section(
    name="At a glance",
    page=PAGE,
    text=f"""
The dashboard RL feedback shows all of it; these are its questions, to be asked anywhere.

Learned from, a second:

```promql
sum by (tenant,workspace)(rate({PROCESSED}[5m]))
```

Refused, a second:

```promql
sum by (tenant,workspace)(rate({FAILED}[5m]))
```

Waiting, as a mean of a quarter of an hour:

```promql
avg_over_time({DEPTH}[15m])
```

Share learned from, of the last hour:

```promql
sum(increase({PROCESSED}[1h])) / (sum(increase({PROCESSED}[1h])) + sum(increase({FAILED}[1h])))
```
""",
)
OPERATIONS = Section(
    name="Queue operations",
    page=PAGE,
    text=f"""
Each works on the store that STAGELIGHT_STORE names, beside a running loop: an item is learned from once, whoever takes it.
Where the loop is switched off, `process` and `drain` ask for `--anyway`.

```{CONSOLE}
$ stagelight feedback inspect                 # how many wait, and the first of them
$ stagelight feedback inspect --state dead    # what was refused, and why
$ stagelight feedback process                 # one batch, now
$ stagelight feedback drain                   # batch after batch until nothing waits
$ stagelight feedback requeue                 # what was refused waits again, when its cause is mended
$ stagelight feedback purge                   # discards what waits; asks first, and says how many
```

A server does the same over HTTP; changing the queue needs an administrator's token where tokens are needed:

```{CONSOLE}
$ curl 'http://127.0.0.1:4318/api/rl/queue?state=dead'
$ curl -H 'Content-Type: application/json' -d '{{"batch_size": 25}}' http://127.0.0.1:4318/api/rl/process
$ curl -H 'Content-Type: application/json' -d '{{}}' http://127.0.0.1:4318/api/rl/requeue
$ curl -H 'Content-Type: application/json' -d '{{"confirm": "purge"}}' http://127.0.0.1:4318/api/rl/purge
```

A purge discards deliveries alone: `stagelight export feedback` writes the feedback itself, which a purge never touches.
""",
)
TUNING = Section(
    name="Tuning",
    page=PAGE,
    text=f"""
| volume | rewards a minute | RL_FEEDBACK_BATCH_SIZE | RL_FEEDBACK_LOOP_INTERVAL_SECONDS |
|---|---|---|---|
| low | fewer than 20 | 10 | 30 |
| medium (as delivered) | 20 to 100 | 25 | 15 |
| high | more than 100 | 50 | 10 |

What to turn, and when:

| what you see | what to turn |
|---|---|
| depth grows, batches are fast | a bigger batch, then a shorter interval; one thing at a time, and wait for an hour |
| depth grows, batches take seconds | a smaller batch: it holds the router's row for a shorter time |
| depth jumps and goes back to 0 | nothing: bursts are what a queue is for |
| nothing waits for days | a longer interval; each turn asks the store once |
| batches of many tenants wait for each other | share the tenants out among more processes |
| far more trajectories than the router can use | STAGELIGHT_TRAJECTORY_SAMPLE_RATIO: score a part of them |

95 % of batches are faster than this, in milliseconds:

```promql
histogram_quantile(0.95, sum by (tenant, workspace, le) (rate({RL_FEEDBACK_LATENCY.name}_bucket[5m])))
```
""",
)
TROUBLESHOOTING = Section(
    name="Troubleshooting checklist",
    page=PAGE,
    text=f"""
1. Is the loop on? `/health` of the process says `rl_feedback_enabled`; ENABLE_TRAJECTORY_FEEDBACK_LOOP is off unless set.
2. Does it turn? Its log lines contain `RL feedback`.
3. Is there a router? Without one nothing is processed and the queue is left as it is; the log says so.
4. Does feedback come at all (first query)? Feedback without a reward teaches nothing and never enters the queue.
5. Does it find its decision? Feedback on a trace in which no router chose waits for one, silently.
6. Is it refused (second query)? Dead letters keep their reason: `stagelight feedback inspect --state dead`.
7. Do all processes use one store? The depth is the same in all of them; a process that shows another has another store.
8. Is the store well? `stagelight doctor` writes to it and reads it back.

```promql
sum by (tenant, workspace) (rate({TRAJECTORY_EMISSIONS.name}[5m]))
```

```promql
max by (tenant, workspace) ({RL_FEEDBACK_DEAD.name})
```
""",
)
RECOVERY = Section(
    name="Recovery",
    page=PAGE,
    text=f"""
**Restart.** Safe at any time.
What a killed process had taken comes back after 30 s; what it had learned is in the store together with the mark that it was.

**Configuration.** Go back to the values of the tuning table's middle row, restart, and look at the depth for 15 minutes.

**Gradual.** When the queue is far behind and the store is loaded:

1. Stop evaluating: ENABLE_TRAJECTORY_EVALUATION=false, and restart. Feedback of people still comes.
2. Drain: `stagelight feedback drain`, and wait until the depth is 0.
3. Resume: ENABLE_TRAJECTORY_EVALUATION=true, and restart.
4. Look at the depth for half an hour.

```promql
max by (tenant, workspace) ({DEPTH})
```

**A router that learned nonsense.** Its state is what was learned, in order: `router.rebuild()` learns it all again.
Decisions go on meanwhile.
""",
)
REVIEW = Section(
    name="Reviews",
    page=PAGE,
    text=f"""
**Weekly.** Were the promises kept, and was anything refused?

```promql
sum by (tenant, workspace) (increase({FAILED}[7d]))
```

```promql
sum by (tenant, workspace) (increase({PROCESSED}[7d]))
  / (sum by (tenant, workspace) (increase({PROCESSED}[7d])) + sum by (tenant, workspace) (increase({FAILED}[7d])))
```

**Monthly.** Has the router made up its mind?
The share of requests that it would send to its favourite arm says how far the bandit has converged.
Near 1 divided by the number of arms it knows nothing yet; near 1 it is sure (5 % always go to exploration).
A share that falls and rises again after a change of models is the router at work.
One that stays in the middle for weeks: the arms are as good as each other, or rewards do not tell them apart.
A router that goes by a context has no one favourite and no such series; the second query is for it.

```promql
avg by (router, tenant, workspace) (avg_over_time({ROUTER_BEST_ARM_SHARE.name}[30d]))
```

And where did requests really go?

```promql
sum by (router, arm, tenant, workspace) (increase({ROUTER_DECISIONS.name}[30d]))
  / on (router, tenant, workspace) group_left () sum by (router, tenant, workspace) (increase({ROUTER_DECISIONS.name}[30d]))
```

**Quarterly.** Four things:

1. Are thresholds, batch size and interval still those of this volume? See Tuning.
2. Would another policy have done better on the logged decisions?
   The off-policy estimates say so without trying it on users, with the interval in which the answer lies.
3. Retire arms that nothing but exploration has chosen.
4. Try the recovery above once, on purpose.
""",
)
CONTACTS = Section(
    name="Contacts",
    page=PAGE,
    text="""
These lines are placeholders, and `stagelight generate` writes them again.
Keep this page with your own names where your people look, and point `runbooks:` of the overrides there.

| for | who | how |
|---|---|---|
| the pager | on call, this week | (name), (phone) |
| the application that makes decisions | owner of the router | (name), (channel) |
| what rewards mean | owner of the evaluation | (name), (channel) |
| store and pipeline | platform | (name), (channel) |
""",
)
