"""`stagelight router`: what a model router decided, what other policies would have earned, and its log for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from stagelight.cli import kept, output
from stagelight.cli.problem import Problem
from stagelight.errors import PolicyError
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from stagelight.routing.estimate import Estimate
    from stagelight.routing.logged import Log
    from stagelight.store import Store

EPILOG: Final = """\b
Examples:
  stagelight router estimate                    what each arm alone would have earned, and the policy as it is now
  stagelight router convergence                 has it made up its mind?
  stagelight router export --out log.vw         for vw --cb_adf
  stagelight router export --format npz --out log.npz --whole

\b
Only decisions whose reward was learned from tell something: `stagelight feedback drain` first."""

name_argument = click.argument("router", default="default", metavar="[ROUTER]")
tenant_option = click.option("--tenant", default=Tenancy().tenant, metavar="NAME", help="Whose router.")
workspace_option = click.option("--workspace", default=Tenancy().workspace, metavar="NAME", help="In which workspace.")


@click.group(epilog=EPILOG)
def router() -> None:
    """Ask a model router's log: what others would have earned, has it settled, and export it."""


@router.command()
@name_argument
@click.option("--method", type=click.Choice(("dr", "snips", "ips", "dm")), default="dr", show_default=True)
@tenant_option
@workspace_option
@kept.store_option
@output.as_json
def estimate(*, router: str, method: Any, tenant: str, workspace: str, store: str | None, as_json: bool) -> None:
    """Estimate what other policies would have earned in this router's place, with 95 % intervals."""
    owner = Tenancy(tenant, workspace)
    with kept.opened(store) as opened:
        log = _log(opened, router, owner)
        found = _estimates(opened, router, owner, log, method)
    if as_json:
        output.show_json([{"policy": name, **output.fields(each)} for name, each in found.items()])
        return
    click.echo(f"{len(log):,} decisions with a reward earned {log.reward.mean():.3f} on average.")
    rows = [
        (name, f"{e.value:.3f}", f"{e.low:.3f} to {e.high:.3f}", f"{e.effective:,.0f}") for name, e in found.items()
    ]
    output.table(("policy", method, "95 % interval", "worth decisions"), rows, right=(1, 2, 3))


@router.command()
@name_argument
@click.option("--window", type=click.IntRange(1), default=1000, show_default=True, help="Decisions that count.")
@tenant_option
@workspace_option
@kept.store_option
@output.as_json
def convergence(*, router: str, window: int, tenant: str, workspace: str, store: str | None, as_json: bool) -> None:
    """Say how the last decisions were spread over the arms, and whether that still moves."""
    from stagelight.routing.convergence import convergence as converged
    from stagelight.routing.judged import decided

    with kept.opened(store) as opened:
        rows = decided(opened, router, Tenancy(tenant, workspace))
    found = converged(
        [row.arm for row in rows], arms=len({arm for row in rows[-window:] for arm in row.eligible}), window=window
    )
    if as_json:
        output.show_json(output.fields(found))
    elif not found.decisions:
        click.echo(f"{output.safe(router)} has decided nothing yet.")
    else:
        click.echo(
            f"{output.safe(found.best)} has {found.share:.0%} of the last {found.decisions:,} decisions; "
            f"score {found.score:.2f} (0 all arms alike, 1 always the same); moved {found.moved:.2f}"
        )


@router.command()
@name_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(("vw", "vw-cb", "obp", "npz")),
    default="vw",
    show_default=True,
    help="Vowpal Wabbit's cb_adf or cb; Open Bandit Pipeline's fields as JSON lines or as NumPy's file.",
)
@click.option("--whole", is_flag=True, help="Only decisions in which every arm was eligible.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of standard output.")
@tenant_option
@workspace_option
@kept.store_option
def export(
    *, router: str, form: str, whole: bool, out: Path | None, tenant: str, workspace: str, store: str | None
) -> None:
    """Write the decisions whose reward is known for Vowpal Wabbit or Open Bandit Pipeline."""
    from stagelight.routing import export as formats

    if form == "npz" and out is None:
        raise Problem("NumPy's file needs a name: --out log.npz")
    with kept.opened(store) as opened:
        log = _log(opened, router, Tenancy(tenant, workspace))
    log = log.whole() if whole else log
    if form == "npz" and out is not None:
        with out.open("wb") as file:
            formats.save_npz(log, file)
        return
    lines = {"vw": formats.vw_adf, "vw-cb": formats.vw_cb, "obp": formats.obp_lines}[form](log)
    with click.open_file(str(out or "-"), "w", encoding="utf-8") as text:
        text.writelines(f"{line}\n" for line in lines)


def _log(store: Store, router: str, owner: Tenancy) -> Log:
    from stagelight.routing.judged import judged
    from stagelight.routing.logged import log_of

    return log_of(judged(store, router, owner))


def _estimates(store: Store, router: str, owner: Tenancy, log: Log, method: Any) -> dict[str, Estimate]:
    from stagelight.routing.estimate import compare
    from stagelight.routing.policies import policy_of

    row = store.policies.get(router, tenant=owner.tenant, workspace=owner.workspace)
    try:
        return compare(log, policy_of(row.state) if row else None, method=method)
    except PolicyError as error:
        output.note(f"the policy as it is now cannot be asked about this log: {error}")
        return compare(log, method=method)
