"""Policies in memory, a copy of what is kept: read again when it has changed, never while somebody waits for a choice."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagelight import _clock, _guard
from stagelight.routing.choosing import Draws
from stagelight.routing.measures import measures
from stagelight.telemetry.flight import Deadline, Flight

if TYPE_CHECKING:
    from stagelight.routing.homes import Home
    from stagelight.routing.plan import Plan
    from stagelight.routing.policies import Policy
    from stagelight.store.loop import PolicyRow
    from stagelight.wire.records import Tenancy

FRESH_NS = 1_000_000_000  #: How long a copy is used without asking whether the kept policy has changed.
PATIENCE_S = 0.25  #: A first choice for a tenant waits so long for the kept policy, and then decides without it.
MAX_OWNERS = 1_000  #: Tenants and workspaces whose policies are held at once.


@dataclass(frozen=True, slots=True)
class Held:
    """A policy as it was read."""

    policy: Policy
    version: int  #: 0: never kept.
    checked_ns: int  #: Monotonic; when it was last compared with what is kept.


class Copies:
    """One router's policies by whose they are; reading them is the work of a thread."""

    def __init__(self, router: str, plan: Plan) -> None:
        """Hold the policies of `router`, which is declared by `plan`."""
        self._router = router
        self._draws = Draws(0)  # of its own: those of a seeded router must not hang on when its policy was read
        self.plan = plan
        self._held: dict[tuple[str, Tenancy], Held] = {}
        self._lock = threading.Lock()
        self._wanted: dict[tuple[str, Tenancy], Home] = {}
        self._flight = Flight("routing", self._read)
        self._process = os.getpid()

    def get(self, home: Home, owner: Tenancy, *, patience_s: float = PATIENCE_S) -> Held:
        """Return the policy to decide with, at once if it was ever read."""
        key = (home.key, owner)
        found = self._held.get(key)
        if found is None:
            # A server is further away than a choice may wait; what was declared decides until its answer is there.
            self.read(home, owner, patience_s=patience_s if home.store else 0.0)
            found = self._held.get(key) or self._keep(key, None)
        elif _clock.monotonic_ns() - found.checked_ns >= FRESH_NS:
            self.read(home, owner, patience_s=0.0)
        return found

    def read(self, home: Home, *owners: Tenancy, patience_s: float) -> bool:
        """Have the kept policies of `owners` read; say whether that was done within `patience_s` seconds."""
        if self._process != os.getpid():
            # A forked child has none of its parent's threads.
            self._process, self._lock, self._flight = os.getpid(), threading.Lock(), Flight("routing", self._read)
        with self._lock:
            self._wanted.update({(home.key, owner): home for owner in owners})
        ticket = self._flight.ask()
        return patience_s > 0 and self._flight.wait(ticket, Deadline(patience_s))

    def take(self, home: Home, owner: Tenancy, row: PolicyRow | None) -> Held:
        """Use `row` from now on."""
        return self._keep((home.key, owner), row)

    def grown(self, home: Home, owner: Tenancy) -> Held:
        """Give the copy the arms that the plan has got meanwhile, and have them kept."""
        known = self.get(home, owner)
        policy = self.plan.completed(known.policy.state())
        found = self._held[home.key, owner] = Held(policy, known.version, known.checked_ns)
        self.read(home, owner, patience_s=0.0)
        return found

    def owners(self, home: Home) -> list[Tenancy]:
        """Return those whose policies are held."""
        return [owner for key, owner in list(self._held) if key == home.key]

    def forget(self) -> None:
        """Read everything anew when it is next asked for."""
        self._held.clear()

    def _read(self) -> bool:
        with self._lock:
            wanted, self._wanted = self._wanted, {}
        good = True
        for (_, owner), home in wanted.items():
            done = False
            with _guard.guard("routing"):
                self._keep((home.key, owner), self._row(home, owner))
                done = True
            if not done:
                self._put_off((home.key, owner))
            good = good and done
        return good

    def _show(self, owner: Tenancy, policy: Policy) -> None:
        """Show how sure the policy is, as far as that does not hang on the request."""
        if policy.width is None and policy.arms:
            shares = self._draws.shares(policy, policy.arms, ())
            measures.favourite(self._router, owner, max(shares.values()))

    def _put_off(self, key: tuple[str, Tenancy]) -> None:
        """Go on with the copy there is, and ask no sooner than if it had been read."""
        known = self._held.get(key)
        if known is not None:
            self._held[key] = Held(known.policy, known.version, _clock.monotonic_ns())

    def _row(self, home: Home, owner: Tenancy) -> PolicyRow | None:
        known = self._held.get((home.key, owner))
        if known is None and self.plan.declared:
            return home.establish(self._router, owner, self.plan)
        row = home.policy(self._router, owner)
        if row is not None and known is not None and known.version == row.version:
            return row
        if self.plan.declared and (row is None or self.plan.lacking(row.state)):
            return home.establish(self._router, owner, self.plan)
        return row

    def _keep(self, key: tuple[str, Tenancy], row: PolicyRow | None) -> Held:
        known, now = self._held.get(key), _clock.monotonic_ns()
        if known is not None and (row is None or known.version == row.version):
            found = Held(known.policy, known.version, now)
        else:
            from stagelight.routing.policies import policy_of

            # A router that takes arms as they come may have got one while this row was being read.
            read = self.plan.completed if self.plan.open else policy_of
            policy = read(row.state) if row else self.plan.fresh()
            found = Held(policy, row.version if row else 0, now)
            self._show(key[1], policy)
        with self._lock:
            self._held[key] = found
            while len(self._held) > MAX_OWNERS:
                self._held.pop(next(iter(self._held)))
        return found
