"""`ModelRouter`: chooses which model answers, logs the choice, and learns from what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight import _guard
from stagelight.routing import arms, choosing, decisions, homes, keeping
from stagelight.routing.draining import Processed, drain
from stagelight.routing.held import Copies
from stagelight.routing.measures import measures
from stagelight.routing.plan import refuse_names
from stagelight.routing.queue import FeedbackQueue
from stagelight.routing.teaching import Teacher
from stagelight.sink import recent
from stagelight.stages import here
from stagelight.stages.annotate import annotate
from stagelight.store.loop import consumer_of
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from stagelight.routing.arms import ArmChange
    from stagelight.routing.held import Held
    from stagelight.routing.homes import Home
    from stagelight.routing.keeping import Rebuilt
    from stagelight.routing.plan import Plan
    from stagelight.sink.rows import Decision

SETUP_S = 2.0  #: What making a router waits for the policy that is kept.
BATCH = 25


class ModelRouter:
    """Chooses among models and learns which one to choose; made by `get_rl_model_router`. Any thread may use it.

    Every tenant and workspace has a policy of its own under the router's name. What is learned in one process is known to
    all others that use the same store or server about a second later.
    """

    def __init__(self, name: str, plan: Plan, *, seed: int | None = None) -> None:
        """Be the router `name` as `plan` declares it; `seed` makes its draws repeatable."""
        self.name = name
        self.trajectory_feedback_queue = FeedbackQueue(self)  #: Rewards that wait to be learned.
        self._draws = choosing.Draws(seed)
        self._copies = Copies(name, plan)

    @property
    def plan(self) -> Plan:
        """What the program declared, with what it added since."""
        return self._copies.plan

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that can be chosen for the tenant at work."""
        return self._held().policy.arms

    @property
    def policy_version(self) -> int:
        """Version of the policy that would choose now; it grows with everything learned."""
        return self._held().version

    def choose(
        self, context: Sequence[float] = (), *, eligible: Sequence[str] | None = None, prediction_id: str = ""
    ) -> Decision:
        """Say which arm answers this request; the choice is logged, and on the running span. Never raises.

        It does not wait for the store or the server, but for the first choice of a tenant: a quarter of a second at most.

        Args:
            context: What the policy may know of the request: always the same numbers in the same order, about 1 in size.
            eligible: The arms that can answer it, by their names or by names they had; all of them if None.
            prediction_id: The prediction that this choice leads to, if it has an id by now.

        Returns:
            The decision; its `arm` is what to call, its `decision_id` what feedback may name. Where there is no arm to
            choose from, `arm` is empty and nothing is logged.
        """
        at = here()
        if isinstance(eligible, str):
            eligible = (eligible,)  # one arm's name, and not its letters
        decision: Decision | None = None
        with _guard.guard("routing"):
            held = self._opened(eligible or ())
            decision = choosing.decided(
                self.name,
                held,
                self._draws,
                at,
                context=tuple(map(float, context)),
                eligible=eligible,
                prediction_id=prediction_id,
            )
        if decision is None:
            decision = choosing.blind(self.name, at, self.plan.arms if eligible is None else eligible, prediction_id)
        if decision.arm:
            with _guard.guard("routing"):
                recent.remember(decision)  # before it is written: feedback may be quicker
                decisions.log.add(self.home(), decision)
                measures.chosen(decision)
                annotate(choosing.attributes(decision), listed=choosing.listed(decision))
        return decision

    def shares(self, context: Sequence[float] = (), *, eligible: Sequence[str] | None = None) -> dict[str, float]:
        """Return how likely each arm would be chosen now, by its name of now; they sum to 1.

        Raises:
            PolicyError: There is no such arm, or the context is not what the policy was made for.
        """
        policy = self._held().policy
        names = tuple(dict.fromkeys(map(policy.name_of, eligible or policy.arms)))
        return self._draws.shares(policy, names, tuple(context))

    def process_trajectory_feedback(
        self, batch_size: int = BATCH, *, shards: Container[int] | None = None, tenant: str | None = None
    ) -> Processed:
        """Learn from up to `batch_size` rewards that wait, each exactly once; never raises.

        What cannot be learned is counted, kept with its reason, and holds up nothing.

        Args:
            batch_size: How many at most.
            shards: The parts of the queue (0 to 63, by tenant) to serve; all of them if None.
            tenant: Whose rewards; everybody's if None.
        """
        done: Processed | None = None
        with _guard.guard("routing"):
            done = self._processed(batch_size, shards, tenant)
        return done or Processed(
            0, 0, len(self.trajectory_feedback_queue), "an error inside stagelight; its log says more"
        )

    def declare(self, names: Sequence[str]) -> None:
        """Have these arms too, where they are not known yet; one that was retired stays so. Never raises."""
        self._copies.plan = self.plan.with_arms(names)
        self._copies.forget()
        self.reload()

    def add_arm(self, arm: str) -> None:
        """Let `arm` be chosen from now on, for every tenant; a retired one comes back with what was learned of it.

        Raises:
            PolicyError: It is there already, or is no name.
            StagelightError: The store or the server cannot be reached.
        """
        self._change(arms.ArmChange("add", arm))

    def retire_arm(self, arm: str) -> None:
        """Choose `arm` no longer; what was learned of it is kept, and rewards still on their way count.

        Raises:
            UnknownArmError: There is no such arm.
            StagelightError: As `add_arm`.
        """
        self._change(arms.ArmChange("retire", arm))

    def rename_arm(self, old: str, new: str) -> None:
        """Call an arm by another name; what was learned of it stays, and the old name goes on meaning it.

        Callers may go on naming it as it was, until another arm is added under that name; decisions give the new name.

        Raises:
            UnknownArmError: There is no arm `old`.
            PolicyError: There is an arm `new` already.
            StagelightError: As `add_arm`.
        """
        self._change(arms.ArmChange("rename", old, new))

    def reload(self, timeout_s: float = SETUP_S) -> bool:
        """Read the kept policies now; say whether that was done within `timeout_s` seconds. Never raises."""
        return bool(_guard.attempt("routing", self._read, timeout_s))

    def rebuild(self) -> Rebuilt | None:
        """Learn the policy of the tenant at work anew, from all its rewards that are kept, and compare it with the one in use.

        Returns:
            The state so learned, and whether it is the one in use; None where nothing is kept, or a server keeps it.
        """
        store = self.home().store
        return keeping.rebuilt(store, self.name, _owner()) if store else None

    def depth(self) -> int:
        """How many rewards wait or are being learned from, for every tenant.

        Raises:
            StagelightError: The store or the server cannot be reached.
        """
        home = self.home()
        return home.depth(self.name)

    def home(self) -> Home:
        """Where the policy, the queue and the decisions are.

        Raises:
            StoreError: No temporary file can be made.
        """
        return homes.home()

    def _read(self, timeout_s: float) -> bool:
        home = self.home()
        return self._copies.read(home, _owner(), *self._copies.owners(home), patience_s=timeout_s)

    def _held(self) -> Held:
        return self._copies.get(self.home(), _owner())

    def _opened(self, eligible: Sequence[str]) -> Held:
        """The policy to choose with; a router that was declared without arms takes the eligible ones for its own.

        Raises:
            PolicyError: One of them cannot be an arm; none has become one.
        """
        held = self._held()
        known = {*self.plan.arms, *self.plan.renamed}
        new = [arm for arm in eligible if arm not in known] if self.plan.open else []
        if new:
            refuse_names(self.name, new)
            self._copies.plan = self.plan.with_arms(new)
            held = self._copies.grown(self.home(), _owner())
        return held

    def _change(self, what: ArmChange) -> None:
        refuse_names(self.name, [what.new or what.arm])
        home = self.home()
        rows = home.change(self.name, _owner(), self.plan, what)
        self._copies.plan = what.on_plan(self.plan)
        self._copies.forget()
        for owner, row in rows.items():
            self._copies.take(home, owner, row)

    def _processed(self, batch_size: int, shards: Container[int] | None, tenant: str | None) -> Processed:
        home = self.home()
        if home.store is None:
            return Processed(
                0, 0, home.depth(self.name), f"the queue is on {home.key}, and `stagelight serve` there drains it"
            )
        decisions.log.flush()
        settled, reason = drain(
            home.store, consumer_of(self.name), Teacher(self.plan), limit=batch_size, shards=shards, tenant=tenant
        )
        if settled is not None:
            learned = {Tenancy(item.tenant, item.workspace) for item in settled.done}
            used = learned.intersection(self._copies.owners(home))
            self._copies.read(home, *used, patience_s=SETUP_S if used else 0.0)
        depths = home.store.deliveries.depth(consumer_of(self.name))
        done, dead = (len(settled.done), len(settled.dead)) if settled else (0, 0)
        return Processed(done, dead, sum(depths.values()), reason)


def _owner() -> Tenancy:
    at = here()
    return Tenancy(at.tenant, at.workspace)
