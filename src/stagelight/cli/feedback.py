"""`stagelight feedback`: the queue of rewards that the model routers learn from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from stagelight import config
from stagelight.cli import kept, output
from stagelight.cli.problem import LOOK, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagelight.loops.operations import Queue
    from stagelight.store.loop import Item

STATES: Final = ("waiting", "leased", "dead", "done", "purged")

EPILOG = """\b
Examples:
  stagelight feedback inspect                 how many wait, and the first of them
  stagelight feedback inspect --state dead    what was refused, and why
  stagelight feedback process                 learn one batch, now
  stagelight feedback drain                   batch after batch, until nothing waits
  stagelight feedback requeue                 what was refused waits again
  stagelight feedback purge                   discard what waits; asks first

\b
Each works on the store itself, beside a loop that runs: a reward is learned once, whoever takes it."""

router_option = click.option("--router", default="", metavar="NAME", help="This router alone; all of them if left out.")
tenant_option = click.option("--tenant", metavar="NAME", help="This tenant alone; all of them if left out.")
batch_option = click.option(
    "--batch-size", type=click.IntRange(1, 100_000), help="Rewards at once. [RL_FEEDBACK_BATCH_SIZE]"
)
anyway_option = click.option(
    "--anyway", is_flag=True, help="Although the loop is off (ENABLE_TRAJECTORY_FEEDBACK_LOOP)."
)


@click.group(epilog=EPILOG)
def feedback() -> None:
    """Look into the queue of rewards, drain it, empty it, and try again what was refused."""


@feedback.command()
@router_option
@tenant_option
@click.option("--state", type=click.Choice(STATES), default="waiting", show_default=True, help="Which items to list.")
@click.option("--limit", type=click.IntRange(0, 10_000), default=10, show_default=True, help="Items listed at most.")
@kept.store_option
@output.as_json
def inspect(*, router: str, tenant: str | None, state: Any, limit: int, store: str | None, as_json: bool) -> None:
    """Show how many rewards wait, how many were refused, and the first of them."""
    from stagelight.loops import operations

    with kept.opened(store) as opened:
        found = operations.inspect(opened, router=router, tenant=tenant, state=state, limit=limit)
    if as_json:
        output.show_json([_plain(queue) for queue in found])
        return
    if not found:
        click.echo("No router has a queue here.")
    for queue in found:
        click.echo(f"{output.safe(queue.router)}: {queue.queue_depth} waiting, {queue.dead} dead")
        _list(queue.items)


@feedback.command()
@batch_option
@anyway_option
@kept.store_option
@output.as_json
def process(*, batch_size: int | None, anyway: bool, store: str | None, as_json: bool) -> None:
    """Learn one batch of what waits, for each router."""
    from stagelight.loops import operations

    settings = config.load(store=store)
    with kept.of_settings(settings) as opened:
        done = operations.process(opened, settings, batch_size=batch_size, anyway=anyway)
    _tell(done, as_json=as_json)


@feedback.command()
@batch_option
@anyway_option
@kept.store_option
@output.as_json
def drain(*, batch_size: int | None, anyway: bool, store: str | None, as_json: bool) -> None:
    """Learn batch after batch until nothing waits."""
    from stagelight.loops import operations

    settings = config.load(store=store)
    total: dict[str, Any] = {"processed": 0, "failed": 0, "queue_depth": 0}
    with kept.of_settings(settings) as opened:
        waiting = sum(queue.queue_depth for queue in operations.inspect(opened, limit=0))
        with output.bar("learning", total=waiting) as advance:
            for done in operations.drain(opened, settings, batch_size=batch_size, anyway=anyway):
                advance(done["processed"] + done["failed"])
                sums = {name: total[name] + done[name] for name in ("processed", "failed")}
                total = {**total, **done, **sums}
    _tell(total, as_json=as_json)


@feedback.command()
@router_option
@tenant_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@kept.store_option
@output.as_json
def purge(*, router: str, tenant: str | None, yes: bool, store: str | None, as_json: bool) -> None:
    """Discard what waits, for good; the feedback itself stays in the store."""
    from stagelight.loops import operations

    with kept.opened(store) as opened:
        waiting = sum(queue.queue_depth for queue in operations.inspect(opened, router=router, tenant=tenant, limit=0))
        if not yes and not _agreed(f"{waiting} rewards wait to be learned. Discard them all?"):
            raise Problem("nothing was discarded. `stagelight feedback drain` learns from them; --yes does not ask.")
        discarded = operations.purge(opened, router=router, tenant=tenant)
    if as_json:
        output.show_json({"discarded": discarded})
        return
    click.echo(f"{discarded} discarded")


@feedback.command()
@click.argument("feedback_ids", nargs=-1, metavar="[ID]...")
@router_option
@tenant_option
@kept.store_option
@output.as_json
def requeue(
    feedback_ids: tuple[str, ...], *, router: str, tenant: str | None, store: str | None, as_json: bool
) -> None:
    """Let what was refused wait again: the rewards with these IDs, or all of them."""
    from stagelight.loops import operations

    with kept.opened(store) as opened:
        count = operations.requeue(opened, router=router, tenant=tenant, feedback_ids=list(feedback_ids) or None)
    if as_json:
        output.show_json({"requeued": count})
        return
    click.echo(f"{count} wait again")


def _tell(done: dict[str, Any], *, as_json: bool) -> None:
    """Say what became of them; a reason why nothing was done, or a refused reward, wants a look."""
    if as_json:
        output.show_json(done)
    else:
        click.echo(f"{done['processed']} learned, {done['failed']} failed, {done['queue_depth']} waiting")
        if done["failed"]:
            output.note("`stagelight feedback inspect --state dead` says why.")
        if "reason" in done:
            output.note(output.safe(done["reason"]))
    if done["failed"] or "reason" in done:
        click.get_current_context().exit(LOOK)


def _agreed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # no terminal to ask, or Ctrl-C
        output.note("")
        return False


def _plain(queue: Queue) -> dict[str, Any]:
    return {**output.fields(queue), "items": [_shown(item) for item in queue.items]}


def _shown(item: Item) -> dict[str, Any]:
    names = ("feedback_id", "tenant", "workspace", "state", "attempts", "reason", "queued_ns")
    return {**{name: getattr(item, name) for name in names}, "body": dict(item.body)}


def _list(items: tuple[Item, ...]) -> None:
    if not items:
        return
    cell: Callable[[Item, str], object] = lambda item, name: item.body.get(name, "")  # noqa: E731
    output.table(
        ("id", "tenant", "workspace", "arm", "reward", "queued", "tries", "reason"),
        [
            (
                item.feedback_id,
                item.tenant,
                item.workspace,
                cell(item, "arm"),
                cell(item, "reward"),
                f"{datetime.fromtimestamp(item.queued_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S}",
                item.attempts,
                item.reason or cell(item, "problem"),
            )
            for item in items
        ],
        right=(4, 6),
    )
