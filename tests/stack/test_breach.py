"""How soon people hear of a breach: from the call that fails to the message."""

from __future__ import annotations

import statistics
import threading
import time
from typing import TYPE_CHECKING

from ports import free_port
from stack import eventually
from stack_prometheus import rules
from stage_program import asked
from stagelight.catalogue.stage_alerts import STAGE_ERRORS_HIGH
from stagelight.catalogue.stages import STAGE_CALLS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stack_prometheus import Alertmanager, Prometheus, Webhook

ALERT = STAGE_ERRORS_HIGH.name
BREACHES = 20
LIMIT_S = 3.0
APART_S = 0.137  #: So that they fall on all parts of the second in which Prometheus scrapes and evaluates.
AT_ONCE = {"window": "30s", "minimum": 0.5, "for": "0s"}  #: One call in half a minute is enough.


def test_a_breach_is_told_within_three_seconds(
    prometheus: Callable[..., Prometheus],
    alertmanager: Callable[..., Alertmanager],
    webhook: Webhook,
    tmp_path: Path,
) -> None:
    """Failing calls of twenty tenants, each at another moment: the median from the call to the webhook is 3 s at most.

    Prometheus scrapes and evaluates each second, the rules are generated with shorter times for this one, groups wait for
    nothing. With the times of operation it takes as much longer as they say.

    What counts is a tenant's first message. Both of its stages fail, and are one group; a group that waits for nothing may
    be told with the first of them alone, and the other then follows after `group_interval`.
    """
    port = free_port()
    job = {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    tenants = [f"tenant-{number}" for number in range(BREACHES)]
    found = prometheus(jobs=[job], alertmanager=alertmanager().url, rules=rules(tmp_path, **{ALERT: AT_ONCE}))
    quiet = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "PROMETHEUS_PORT": str(port)}
    with asked(**quiet) as shop:
        for tenant in tenants:
            shop.ask(tenant=tenant)
            shop.ask(
                "fail", tenant=tenant
            )  # to `rate`, the first failure of a kind is where a series begins, no growth
        twice = f"count_over_time({STAGE_CALLS.name}{{stage='answer',error_type='ValueError'}}[1m]) >= 2"
        eventually(lambda: len(found.query(twice)) == BREACHES, what="two scrapes of each tenant's calls")
        assert not webhook.told(alertname=ALERT)

        began = {}
        for tenant in tenants:
            began[tenant] = time.monotonic()
            shop.ask("fail", tenant=tenant)
            threading.Event().wait(APART_S)
        took = [webhook.wait(alertname=ALERT, tenant=tenant).at - began[tenant] for tenant in tenants]

    print(f"breach to webhook: median {statistics.median(took):.2f} s, {min(took):.2f} to {max(took):.2f} s")
    assert statistics.median(took) <= LIMIT_S
