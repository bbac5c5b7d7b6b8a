"""Several threads and a forked child on one router: every reward is learned, none twice."""

from __future__ import annotations

import os
import threading
import warnings

from routed import made, queued
from stagelight.routing import decisions


def test_eight_threads_that_drain_at_once_count_exactly(store):
    """400 rewards of two tenants, eight threads: the sums of what they say, of the policies and of the queue agree."""
    router = made()
    queued(store, 200)
    queued(store, 200, tenant="acme")
    said: list[int] = []

    def work() -> None:
        while done := router.process_trajectory_feedback(13).processed:
            said.append(done)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(said) == 400
    lessons = [
        store.policies.get("default", tenant=t, workspace="default").state["lessons"] for t in ("default", "acme")
    ]
    assert lessons == [200, 200]


def test_a_forked_child_decides_and_writes_for_itself(store):
    """After a fork the child has threads and draws of its own; its decisions are written, and the parent's go on."""
    router = made()
    router.choose()
    decisions.log.flush()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is the point: a program may fork all the same
        child = os.fork()
    if child == 0:
        router.choose()
        os._exit(0 if decisions.log.flush() else 1)
    _, status = os.waitpid(child, 0)
    router.choose()
    decisions.log.flush()

    assert os.waitstatus_to_exitcode(status) == 0
    assert store.rows.count("decisions") == 3
