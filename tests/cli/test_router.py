"""`stagelight router`: what a router's log says, asked on the command line."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stagelight.routing import keeping
from stagelight.routing.plan import Plan
from stagelight.sink.rows import Decision, Feedback
from stagelight.store import open_store
from stagelight.wire.records import Tenancy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from stagelight.routing.policies import Policy
    from stagelight.sink.rows import Row
    from stagelight.store.facade import Store

    Call = Callable[..., Result]

WORTH = {"large": 1.0, "small": 0.25}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a router that has decided 40 times, in turn, and has rewards of 38 of these to learn from."""
    path = tmp_path_factory.mktemp("made") / "loop.db"
    with open_store(path) as opened:
        keeping.establish(opened, "default", Tenancy(), Plan(arms=("large", "small")))
        decide(opened, 40, rewards=38)
    return path


@pytest.fixture
def store(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A copy of that store, which the commands work on."""
    path = tmp_path / "loop.db"
    shutil.copy(made, path)
    monkeypatch.setenv("STAGELIGHT_STORE", str(path))
    with open_store(path) as opened:
        yield opened


def decide(store: Store, count: int, *, rewards: int, workspace: str = "default") -> None:
    """Write decisions, each arm in its turn, and the rewards of the first of them."""
    written: list[Row] = []
    for at in range(count):
        arm, key = ("large", "small")[at % 2], f"{workspace}-{at}"
        judged = {"decision_id": key, "observed_at": at, "workspace": workspace}
        written.append(Decision(arm=arm, propensity=0.5, eligible=("large", "small"), context=(at / 40,), **judged))
        if at < rewards:
            written.append(Feedback(feedback_id=key, kind="explicit", signal="score", reward=WORTH[arm], **judged))
    store.rows.write(written)


def learned(call: Call) -> None:
    assert call("feedback", "drain", "--anyway").exit_code == 0


def test_estimate_says_what_each_arm_alone_would_have_earned(call: Call, store: Store):
    """The arms that are worth 1 and 0.25 are estimated as such, with what the log is worth; as JSON with all figures."""
    learned(call)

    shown = call("router", "estimate", "--method", "snips")
    data = {row["policy"]: row for row in json.loads(call("router", "estimate", "--json").stdout)}

    assert shown.exit_code == 0, shown.output
    assert "38 decisions with a reward earned 0.625 on average" in shown.stdout
    assert list(data) == ["always large", "always small", "evenly", "as it is now"]
    assert data["always large"]["value"] == pytest.approx(1.0, abs=0.2)
    assert data["always small"]["value"] == pytest.approx(0.25, abs=0.2)
    assert data["always large"]["effective"] == pytest.approx(19)
    assert data["as it is now"]["value"] > data["evenly"]["value"]


def test_without_rewards_there_is_nothing_to_estimate(call: Call, store: Store):
    """Before anything is learned, and for a router that there is not, the command says why it has no answer."""
    for name in ("default", "nobody"):
        told = call("router", "estimate", name)

        assert told.exit_code != 0
        assert "no decision has a reward yet" in str(told.exception) + told.output


def test_a_renamed_arm_is_one_arm_in_the_log(call: Call, store: Store):
    """Decisions from before a renaming count for the arm under the name it has now."""
    learned(call)

    def renamed(policy: Policy) -> None:
        policy.rename_arm("large", "large-v2")

    keeping.change(store, "default", Tenancy(), renamed)
    data = json.loads(call("router", "estimate", "--json").stdout)

    assert [row["policy"] for row in data] == ["always large-v2", "always small", "evenly", "as it is now"]


def test_a_policy_that_lacks_an_arm_is_left_out_with_its_reason(call: Call, store: Store):
    """Where an arm was retired since, the log is compared without the policy, and a line says so."""
    learned(call)

    def retired(policy: Policy) -> None:
        policy.retire_arm("large")

    keeping.change(store, "default", Tenancy(), retired)
    told = call("router", "estimate", "--json")

    assert "cannot be asked about this log: arm 'large' is retired" in told.stderr
    assert [row["policy"] for row in json.loads(told.stdout)] == ["always large", "always small", "evenly"]


def test_convergence_says_where_decisions_go(call: Call, store: Store):
    """Arms that take turns: half each, a score of 0, and nothing moves. A router without decisions says so."""
    shown = call("router", "convergence", "--window", 20)
    data = json.loads(call("router", "convergence", "--json").stdout)

    assert "large has 50% of the last 20 decisions; score 0.00" in shown.stdout
    assert (data["decisions"], data["best"], data["share"], data["moved"]) == (40, "large", 0.5, 0.0)
    assert "nobody has decided nothing yet" in call("router", "convergence", "nobody").stdout


def test_the_log_is_exported_for_other_tools(call: Call, store: Store, tmp_path: Path):
    """Vowpal Wabbit's lines, with features and plain; Open Bandit Pipeline's fields as lines and as NumPy's file."""
    learned(call)
    out = tmp_path / "log.npz"

    adf = call("router", "export").stdout.splitlines()
    assert adf[:4] == ["shared |context c0:0.0", "0:0.0:0.5 |arm large", "|arm small", ""]
    assert len(adf) == 38 * 4
    assert call("router", "export", "--format", "vw-cb").stdout.splitlines()[1] == "2:0.75:0.5 |context c0:0.025"
    assert json.loads(call("router", "export", "--format", "obp", "--whole").stdout.splitlines()[0])["n_rounds"] == 38
    assert call("router", "export", "--format", "npz", "--out", out).exit_code == 0
    with np.load(out, allow_pickle=False) as found:
        assert found["action"].tolist() == [0, 1] * 19
    told = call("router", "export", "--format", "npz")
    assert told.exit_code != 0
    assert "--out log.npz" in told.output + str(told.exception)


def test_another_workspace_is_another_router(call: Call, store: Store):
    """Decisions of one workspace say nothing in another one."""
    decide(store, 4, rewards=4, workspace="beta")

    data = json.loads(call("router", "convergence", "--workspace", "beta", "--json").stdout)

    assert data["decisions"] == 4
