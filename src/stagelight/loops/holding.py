"""What scheduled tasks share: the store they work on, and a lease in it, kept alive, so that one worker runs a task."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from stagelight import _clock, _guard, config
from stagelight.errors import StoreError
from stagelight.store import current, open_configured
from stagelight.telemetry.current import current as telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stagelight.config import Settings
    from stagelight.store import Store

    Done = dict[str, Any]

LOOK_S: Final = 0.5
LEASE_SECONDS: Final = 15.0  #: After a killed worker the next one may begin when so much has passed.

_log = logging.getLogger("stagelight")


def settings_in_force() -> Settings:
    """Return the settings that `configure()` was given, else those of the environment.

    Raises:
        ConfigurationError: A variable does not parse.
    """
    running = telemetry()
    return config.load() if running is None else running.settings


@contextmanager
def working_store() -> Iterator[Store]:
    """Give the store in use, or else the one that STAGELIGHT_STORE names, for the length of the block.

    Raises:
        StoreError: It cannot be reached.
        ConfigurationError: Its address cannot be used.
    """
    held = current.current()
    if held is not None:
        yield held
        return
    with open_configured(settings_in_force()) as opened:
        yield opened


def on_store_alone(name: str, work: Callable[[Store], Done], *, patience_s: float = 0.0) -> Done:
    """Do `work` as the task `name`, which one worker at a time runs; the others say that they skipped it.

    Raises:
        ConfigurationError: The address of the store cannot be used.
    """

    def unless_held(store: Store) -> Done:
        with alone(store, name, patience_s=patience_s) as mine:
            return work(store) if mine else _skipped(f"another worker runs {name}")

    return on_store(unless_held)


def on_store(work: Callable[[Store], Done]) -> Done:
    """Do `work`; where the store is away, say so and leave it to the next run.

    Raises:
        ConfigurationError: The address of the store cannot be used.
    """
    try:
        with working_store() as store:
            return {"status": "ok"} | work(store)
    except StoreError as error:
        _log.warning("stagelight loops: skipped, %s; the next run catches up", error)
        return _skipped(str(error))


def _skipped(reason: str) -> Done:
    return {"status": "skipped", "reason": reason}


@contextmanager
def alone(store: Store, name: str, *, seconds: float = LEASE_SECONDS, patience_s: float = 0.0) -> Iterator[bool]:
    """Give whether the block may do the task `name`; while it does, no other worker may.

    Args:
        store: Keeps the lease.
        name: Of the task.
        seconds: After which a worker that died without a word is followed by another.
        patience_s: How long to wait for a worker that may be dead; one that lives keeps its lease all the while.

    Raises:
        StoreError: The store cannot be reached.
    """
    holder = _clock.new_id()
    if not _taken(store, name, holder, seconds, patience_s):
        yield False
        return
    over = threading.Event()
    beating = threading.Thread(
        target=_beat, args=(store, name, holder, seconds, over), name=f"stagelight-lease-{name}", daemon=True
    )
    beating.start()
    done = False
    try:
        yield True
        done = True
    finally:
        over.set()
        beating.join(seconds)
        # A lease that cannot be given back ends by itself.
        _guard.attempt("loops", lambda: store.leases.release(name, holder, done=done))


def _taken(store: Store, name: str, holder: str, seconds: float, patience_s: float) -> bool:
    deadline, pause = _clock.monotonic_ns() + int(patience_s * 1e9), threading.Event()
    while not store.leases.take(name, holder, seconds=seconds):
        if _clock.monotonic_ns() >= deadline:
            return False
        pause.wait(LOOK_S)
    return True


def _beat(store: Store, name: str, holder: str, seconds: float, over: threading.Event) -> None:
    while not over.wait(seconds / 3):
        _guard.attempt("loops", lambda: store.leases.take(name, holder, seconds=seconds))
