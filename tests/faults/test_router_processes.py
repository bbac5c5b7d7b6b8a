"""Several processes on one router, with real policies: every reward is learned, none twice."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from routed import made
from stagelight.routing import registry
from stagelight.store import current as stores
from stagelight.store import open_store
from stagelight.store.loop import consumer_of

WORKER = Path(__file__).parent.parent / "support" / "router_worker.py"
PROCESSES, EACH = 4, 50


def test_four_processes_that_drain_at_once_count_exactly(tmp_path, empty_store):
    """Each process chooses, rewards and drains; together they learn each reward once, and the policy has counted them."""
    path = shutil.copyfile(empty_store, tmp_path / "routed.db")
    workers = [
        subprocess.Popen([sys.executable, str(WORKER), str(path), str(EACH)], stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    said = [worker.communicate(timeout=100)[0].split() for worker in workers]
    processed, failed = (sum(int(line[number]) for line in said) for number in (0, 1))

    with open_store(path) as store, stores.using(store):
        router = made()
        processed += router.process_trajectory_feedback(1000).processed
        kept = store.policies.get("default", tenant="default", workspace="default")
        done = store.loop_reports.queue(consumer_of("default")).done
        rebuilt = router.rebuild()
        registry.forget()

    assert (processed, failed, done) == (PROCESSES * EACH, 0, PROCESSES * EACH)
    assert kept.state["lessons"] == PROCESSES * EACH
    assert rebuilt.equal
