"""A process that chooses, rewards and learns beside others: `router_worker.py STORE COUNT`."""

import sys

from routed import made, rewarded
from stagelight import sink
from stagelight.routing import decisions
from stagelight.store import current, open_store


def main(path: str, count: int) -> None:
    """Learn from as many rewards as come along; say how many were taken here."""
    with open_store(path) as store, current.using(store), sink.using(store.rows):
        router = made(seed=None)
        processed = failed = 0
        for _ in range(count // 25):
            rewarded(router, 25)
            done = router.process_trajectory_feedback(20)
            processed, failed = processed + done.processed, failed + done.failed
        decisions.log.flush()
        print(processed, failed)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
