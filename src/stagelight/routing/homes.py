"""Where a router's decisions, its queue and its policy live: the store in use, a server, or a file of this process alone."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, overload
from weakref import WeakKeyDictionary

from stagelight import _clock
from stagelight.errors import RowError
from stagelight.sink.codec import checked, id_of
from stagelight.sink.rows import Receipt
from stagelight.store import current as stores
from stagelight.store.loop import consumer_of
from stagelight.telemetry.current import current

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagelight.routing.arms import ArmChange
    from stagelight.routing.plan import Plan
    from stagelight.sink.rows import Row
    from stagelight.store.facade import Store
    from stagelight.store.loop import PolicyRow
    from stagelight.wire.records import Tenancy

PRIVATE = (
    "stagelight routing: no store is configured, so routers learn in a temporary file and forget when this process ends; "
    "set STAGELIGHT_STORE or STAGELIGHT_URL and call stagelight.configure() before the first router is asked for"
)

_log = logging.getLogger("stagelight")


_keys: WeakKeyDictionary[Store, str] = WeakKeyDictionary()  #: Another one for each store that was opened.
_lock = threading.Lock()


class Home(Protocol):
    """What a router needs of the place where its policy is kept."""

    @property
    def key(self) -> str:
        """Tells one place from another: a policy that was read in one says nothing of the next."""
        ...

    @property
    def store(self) -> Store | None:
        """The store, where this process has it at hand; None where a server has it."""
        ...

    def policy(self, router: str, owner: Tenancy) -> PolicyRow | None:
        """Return the policy that is kept; None where there is none yet."""
        ...

    def establish(self, router: str, owner: Tenancy, plan: Plan) -> PolicyRow | None:
        """See to it that the kept policy is of `plan` and has its arms; return it."""
        ...

    def change(self, router: str, owner: Tenancy, plan: Plan, what: ArmChange) -> dict[Tenancy, PolicyRow]:
        """Do `what` to the policy of `owner`, and to those of all others that have the router; return them."""
        ...

    def depth(self, router: str) -> int:
        """Return how many rewards wait for a router."""
        ...

    def write(self, rows: Sequence[Row]) -> list[Receipt]:
        """Commit `rows`; those that cannot be kept are refused with the reason, all others stand."""
        ...


class StoreHome:
    """A store of this process."""

    def __init__(self, store: Store) -> None:
        """Live in `store`."""
        self.store = store
        with _lock:
            self.key = _keys.setdefault(store, f"store {len(_keys)} {_clock.new_id()}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoreHome) and other.store is self.store

    def __hash__(self) -> int:
        return hash(self.key)

    def policy(self, router: str, owner: Tenancy) -> PolicyRow | None:
        """Read the row."""
        return self.store.policies.get(router, tenant=owner.tenant, workspace=owner.workspace)

    def establish(self, router: str, owner: Tenancy, plan: Plan) -> PolicyRow | None:
        """Write the row where it is missing or lacks something, unless somebody else just did."""
        from stagelight.routing import keeping

        return keeping.establish(self.store, router, owner, plan)

    def change(self, router: str, owner: Tenancy, plan: Plan, what: ArmChange) -> dict[Tenancy, PolicyRow]:
        """Change the rows, one after the other."""
        from stagelight.routing import keeping

        return keeping.change_arms(self.store, router, owner, plan, what)

    def depth(self, router: str) -> int:
        """Count them."""
        return sum(self.store.deliveries.depth(consumer_of(router)).values())

    def write(self, rows: Sequence[Row]) -> list[Receipt]:
        """Commit `rows` in one transaction."""
        refused: dict[int, Receipt] = {}
        for number, row in enumerate(rows):
            try:
                checked(row)
            except RowError as error:
                refused[number] = Receipt("refused", id_of(row), str(error))
        good = [row for number, row in enumerate(rows) if number not in refused]
        stored = iter(self.store.rows.write(good))
        return [refused.get(number) or next(stored) for number in range(len(rows))]


_private: StoreHome | None = None
_making = threading.Lock()


@overload
def home() -> Home: ...


@overload
def home(*, make: bool) -> Home | None: ...


def home(*, make: bool = True) -> Home | None:
    """Return where routers live now; None where that is nowhere yet and, without `make`, shall stay so.

    Raises:
        StoreError: No temporary file can be made.
        MissingExtraError: There is nowhere to live but in a store, and SQLAlchemy is not installed.
    """
    store = _chosen.get() or stores.current()
    if store is not None:
        return StoreHome(store)
    telemetry = current()
    if telemetry is not None and telemetry.settings.url:
        from stagelight.routing.remote import server

        return server(telemetry.settings.url, telemetry.settings.token)
    return _alone() if make else _private


_chosen: ContextVar[Store | None] = ContextVar("stagelight-routing-store", default=None)


def chosen() -> Store | None:
    """Return the store of the `living_in` block that this thread or task is in, if it is in one."""
    return _chosen.get()


@contextmanager
def living_in(store: Store | None) -> Iterator[None]:
    """Have routers live in `store` within the block, in this thread or task alone: for a server, and for commands."""
    token = _chosen.set(store)
    try:
        yield
    finally:
        _chosen.reset(token)


def _alone() -> StoreHome:
    global _private  # noqa: PLW0603  a process has one of it; this is the place that makes it
    with _making:
        if _private is None:
            from stagelight.store import open_store

            folder = Path(tempfile.mkdtemp(prefix="stagelight-routing-"))
            store = open_store(folder / "routing.db")
            _log.warning(PRIVATE)
            atexit.register(_leave, store, folder)
            _private = StoreHome(store)
        return _private


def _leave(store: Store, folder: Path) -> None:
    """Nothing that is still on its way is wanted any more."""
    store.close()
    shutil.rmtree(folder, ignore_errors=True)


def forget() -> None:
    """Leave the temporary file behind, if there is one; for tests."""
    global _private  # noqa: PLW0603  as in `_alone`
    with _making:
        if _private is not None:
            atexit.unregister(_leave)
            _leave(_private.store, Path(str(_private.store.path)).parent)
        _private = None
