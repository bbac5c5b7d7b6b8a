"""What the queue and the policies are asked and what they answer, as plain frozen rows; importing this loads no database.

A consumer is who learns: `router:<name>` for a model router. A *delivery* is one thing it has to learn from, kept from
the moment it is queued until it is done or dead.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["waiting", "leased", "done", "dead", "purged"]
ROUTER = "router:"  #: What the names of routers' consumers begin with.
SHARDS = 64  #: Parts of the queue; a worker may serve some of them alone.
MAX_ATTEMPTS = 5  #: An item that was taken so often and never settled is dead.


class Item(NamedTuple):
    """One thing that a consumer has to learn from."""

    tenant: str
    workspace: str
    consumer: str
    feedback_id: str  #: With tenant, workspace and consumer the key: what has been learned once is never learned again.
    body: Mapping[str, Any] = MappingProxyType({})  #: decision, arm, reward, context, propensity, observed_at
    attempts: int = 0  #: How often it has been taken.
    queued_ns: int = 0
    lease: str = ""  #: Who holds it; only the holder may settle it.
    state: State = "waiting"
    reason: str = ""  #: Why it is dead.
    number: int = 0  #: The row's number; it grows.


class Taught(NamedTuple):
    """What a policy has learned from a batch."""

    state: Mapping[str, Any] | None  #: The policy's new state; None leaves it as it is.
    dead: Mapping[str, str] = {}  #: Feedback id -> why nothing can be learned from it.


class Teach(Protocol):
    """A pure function: from a policy's state (None where there is none yet) and items to its new state."""

    def __call__(self, state: dict[str, Any] | None, items: list[Item], /) -> tuple[Any, Mapping[str, str]]:
        """Learn from `items`, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a batch."""

    done: tuple[Item, ...] = ()
    dead: tuple[tuple[Item, str], ...] = ()  #: Each with its reason.
    lost: int = 0  #: No longer ours: the lease ran out and another took them; nothing was learned from these here.


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """The state of a router's policy."""

    version: int  #: Grows with every change.
    state: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyNote:
    """That a router learns, and how, without what it knows."""

    router: str
    tenant: str
    workspace: str
    kind: str  #: Of the policy, as `discounted_thompson`.
    version: int
    changed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmPoint:
    """What a router did with one arm within one step of time."""

    time_ns: int  #: Where the step begins.
    arm: str
    decisions: int
    share: float  #: Of the step's decisions, 0 to 1.


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardPoint:
    """What one arm earned within one step of time."""

    time_ns: int  #: Where the step of the decision begins.
    arm: str
    rewards: int
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackPoint:
    """How much feedback of one sort arrived within one step of time."""

    time_ns: int  #: Where the step begins.
    kind: str
    signal: str
    count: int
    mean_value: float | None  #: None where the signal carries no number.
    mean_reward: float | None  #: None where nothing was to be learned.


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """How many items of a consumer are in each state."""

    waiting: int = 0
    leased: int = 0  #: Held by a worker, or by one that was killed.
    done: int = 0
    dead: int = 0
    purged: int = 0  #: Discarded on request.
    oldest_ns: int = 0  #: When the oldest that is open was queued; 0 where none is.

    @property
    def depth(self) -> int:
        """Accepted and not yet learned from."""
        return self.waiting + self.leased


@lru_cache(1024)
def shard_of(tenant: str) -> int:
    """Return the part of the queue that a tenant's items are in: the same in every process and version.

    >>> shard_of("acme") == shard_of("acme"), 0 <= shard_of("zeta") < SHARDS
    (True, True)
    """
    return zlib.crc32(tenant.encode("utf-8", "replace")) % SHARDS


def consumer_of(router: str) -> str:
    """Return the consumer that teaches `router`.

    >>> consumer_of("default")
    'router:default'
    """
    return ROUTER + router
