"""A program that teaches a model router, with tenants to whom different things happen; runs beside the test.

It goes through its three parts as it is told, a line each: `calm`, `breach`, `mended`. Each is answered when it has begun.

Everything is real: the router, its queue in a SQLite store, the background loop, the metrics page. A loop serves parts of
the queue alone, so that it can end for some tenants and go on for the others.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FED = ("steady", "refused", "slowed", "fewer")  #: Tenants whose users say something all the time, each as often.
STOPPED = {"waits": 25, "high": 26, "critical": 101}  #: Tenants whose loop ends in the breach, and what waits then.
ONCE = "once"  #: A tenant with one refused reward among a hundred.
PACE_S = 0.2  #: Between two rewards of a tenant.
BACKLOG = 20  #: Rewards that pile up for the tenant `slowed` at most: too few for a deep queue.


class Course:
    """The tenants' days."""

    def __init__(self) -> None:
        """A router, its loops, and nobody who uses it yet."""
        from stagelight.loops import EnhancedMonitoringSystem
        from stagelight.routing import get_rl_model_router
        from stagelight.store.loop import shard_of

        router = get_rl_model_router(create_if_missing=True, arms=["quick", "thorough"])
        assert router is not None
        self._router = router
        self._breach = False
        self._ending = threading.Event()
        shards = {tenant: {shard_of(tenant)} for tenant in (*FED, *STOPPED, ONCE)}
        assert len(set.union(*shards.values())) == len(shards), "two of the tenants share a part of the queue"
        apart = set.union(*(shards[tenant] for tenant in (*STOPPED, "slowed")))
        self._always = EnhancedMonitoringSystem(shards=set(range(64)) - apart)
        self._ends = EnhancedMonitoringSystem(shards=apart)
        self._slow = EnhancedMonitoringSystem(shards=shards["slowed"])
        self._behind = 0
        self._users = [threading.Thread(target=self._use, args=(tenant,)) for tenant in FED]
        self._users.append(threading.Thread(target=self._work_slowly))

    def calm(self) -> None:
        """Everybody's rewards are learned from as they come."""
        self._always.start_monitoring()
        self._ends.start_monitoring()
        for tenant in (*STOPPED, ONCE):
            self._reward(tenant)
        for user in self._users:
            user.start()

    def breach(self) -> None:
        """The loop of some tenants ends, or is slow; what comes of others is refused."""
        assert self._ends.stop_monitoring()
        self._breach = True
        for tenant, count in STOPPED.items():
            for _ in range(count):
                self._reward(tenant)
        for number in range(-50, 50):
            self._reward(ONCE, malformed=not number)  # amid the others, so that no window sees it alone

    def mended(self) -> None:
        """The loop is back, and what comes is well again; the tenant who was slowed has nothing more to say.

        The scheduled tasks that watch routers take their look, too.
        """
        from stagelight.loops.watchers import watch_experiments, watch_feedback_learning

        self._breach, self._behind = False, BACKLOG
        self._ends.start_monitoring()
        assert watch_feedback_learning()["routers"]
        assert watch_experiments()["experiments"]

    def end(self) -> None:
        """Everybody goes home."""
        self._ending.set()
        for thread in self._users:
            thread.join()
        self._ends.stop_monitoring()
        self._always.stop_monitoring()

    def _use(self, tenant: str) -> None:
        number = 0
        while not self._ending.wait(PACE_S):
            number += 1
            if self._breach and tenant == "fewer" and number % 4:
                continue
            if tenant == "slowed" and self._behind >= BACKLOG:
                continue
            self._behind += self._breach and tenant == "slowed"
            self._reward(tenant, malformed=self._breach and tenant == "refused" and number % 4 == 0)

    def _work_slowly(self) -> None:
        """One reward a second, where five come."""
        while not self._ending.wait(1.0):
            if self._breach:
                self._behind -= self._slow.process_rl_feedback_once(batch_size=1)["processed"]

    def _reward(self, tenant: str, *, malformed: bool = False) -> None:
        from stagelight import context
        from stagelight.feedback import TrajectoryFeedback

        with context(tenant=tenant, workspace="main"):
            made = self._router.choose()
            told = TrajectoryFeedback(trace_id=made.trace_id, decision_id=made.decision_id, reward=1.0)
            receipt = self._router.trajectory_feedback_queue.append("no reward" if malformed else told)  # type: ignore[arg-type]  # on purpose
        assert receipt.status == "stored", receipt


def main() -> None:
    """Go through the parts as they are asked for."""
    from stagelight import configure

    configure()
    course = Course()
    parts: dict[str, Callable[[], None]] = {"calm": course.calm, "breach": course.breach, "mended": course.mended}
    for line in sys.stdin:
        parts[line.strip()]()
        print("begun", flush=True)
    course.end()


class Told:
    """The running program."""

    def __init__(self, into: IO[str], out: IO[str]) -> None:
        """Speak to it by its pipes."""
        self._into, self._out = into, out

    def begin(self, part: str) -> None:
        """Have it begin a part."""
        self._into.write(f"{part}\n")
        self._into.flush()
        assert self._out.readline() == "begun\n", "the program ended; its stderr says why"


@contextmanager
def running(folder: Path, **variables: str) -> Iterator[Told]:
    """Run the program with its store in `folder` inside the block; fails where it ends badly."""
    import os

    process = subprocess.Popen(
        [sys.executable, __file__],
        env={
            **os.environ,
            "STAGELIGHT_STORE": str(folder / "loop.db"),
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
            "ENABLE_TRAJECTORY_FEEDBACK_LOOP": "on",
            "RL_FEEDBACK_LOOP_INTERVAL_SECONDS": "0.5",
            **variables,
        },
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with process.stdin, process.stdout:
            yield Told(process.stdin, process.stdout)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
