"""`stagelight truth`: rules checked, truth brought in, joined, and shown."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from late_truth import DAY, START, said
from stagelight import _clock
from stagelight.store import open_store
from stagelight.testing import SteppingClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    Call = Callable[..., Result]

RULES = """
schedules: {medium: {cron: "0 2 * * *"}}
types:
  churn: {schedule: medium, truth: exists, events: [cancelled], within: 30d, grace: 2d}
  spend: {truth: sum, events: [paid], within: 10d, threshold: 60}
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with five predictions."""
    path = tmp_path_factory.mktemp("filled") / "a.db"
    with open_store(path) as store:
        store.rows.write([said(f"p{number}", entity=f"c{number}", version="v1") for number in range(5)])
    return path


@pytest.fixture(autouse=True)
def _place(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A store of one's own, the rules in the working folder, and a clock 40 days later."""
    monkeypatch.setenv("STAGELIGHT_STORE", str(tmp_path / "a.db"))
    (tmp_path / "outcome_truth_rules.yaml").write_text(RULES)
    shutil.copy(filled, tmp_path / "a.db")
    with _clock.replaced(clock=SteppingClock(start_s=START + 40 * DAY)):
        yield


def csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("customer,when", *lines)))
    return path


def test_check_says_what_the_rules_mean(call: Call) -> None:
    """One line for each type, or JSON."""
    shown = call("truth", "check")

    assert shown.exit_code == 0, shown.output
    assert all(word in shown.output for word in ("churn", "medium: 0", "exists", "30d", "32d", "when asked", "≥ 60"))
    assert json.loads(call("truth", "check", "--json").output)["spend"]["threshold"] == 60.0


def test_check_says_what_is_wrong(call: Call, tmp_path: Path) -> None:
    """The place in the file, in one line, and exit code 2."""
    path = tmp_path / "wrong.yaml"
    path.write_text(RULES.replace("within: 10d", "within: ten"))

    shown = call("truth", "check", path)

    assert shown.exit_code == 2
    assert shown.exception is None or "types.spend.within" in str(shown.exception) + shown.output


def test_import_join_and_status_in_a_row(call: Call, tmp_path: Path) -> None:
    """Somebody's CSV becomes truth, the truth becomes outcomes, the outcomes figures; twice changes nothing."""
    path = csv(tmp_path / "left.csv", "c1,2024-10-10T12:00:00Z", "c3,2024-10-11T12:00:00+02:00", "c4,soon")
    load = ("truth", "import", path, "--event", "cancelled", "--map", "entity=customer", "--map", "observed_at=when")

    first, second = call(*load), call(*load, "--json")

    assert first.exit_code == 1
    assert "read 2 truths, 2 of them new" in first.output
    assert "refused left.csv:4: observed_at: found 'soon'" in first.output
    assert json.loads(second.output)["new"] == 0
    assert "churn" in call("truth", "join").output
    assert json.loads(call("truth", "join", "--json").output)["types"][0]["revisions"] == 0
    shown = call("truth", "status")
    assert all(word in shown.output for word in ("churn", "v1", "100.0%", "OK/OK"))
    (found,) = json.loads(call("truth", "status", "--type", "churn", "--json").output)
    assert (found["coverage"]["labelled"], found["coverage"]["ratio"]) == (5, 1.0)


def test_import_from_stdin_and_from_a_database(call: Call, tmp_path: Path) -> None:
    """JSON lines through a pipe, and a query somewhere else."""
    line = json.dumps({"event": "cancelled", "prediction_id": "p1", "observed_at": START + DAY})
    with closing(sqlite3.connect(tmp_path / "crm.db")) as made:
        made.execute("CREATE TABLE gone (who, at)")
        made.execute("INSERT INTO gone VALUES ('c2', ?)", (START + DAY,))
        made.commit()
    source = ("--from", f"sqlite:///{tmp_path / 'crm.db'}", "--query")

    piped = call("truth", "import", "-", stdin=line)
    queried = call(
        "truth", "import", *source, "SELECT who AS entity, at AS observed_at FROM gone", "--event", "cancelled"
    )

    assert "read 1 truths, 1 of them new" in piped.output
    assert "read 1 truths, 1 of them new" in queried.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give either FILES, or both --from and --query"),
        (("--from", "sqlite:///a.db"), "give either FILES, or both --from and --query"),
        (("-", "--format", "parquet"), "Parquet cannot be read from stdin"),
        (("-", "--map", "a=b"), "--map: found 'a=b'"),
    ],
)
def test_a_wrong_import_says_what_to_give(call: Call, arguments: tuple[str, ...], sentence: str) -> None:
    """A mistake in the options is one line."""
    shown = call("truth", "import", *arguments, stdin="")

    assert shown.exit_code != 0
    assert sentence in shown.output + str(shown.exception)


def test_many_refused_lines_are_counted(call: Call, tmp_path: Path) -> None:
    """Five are shown, the others counted."""
    path = csv(tmp_path / "left.csv", *["c1,never"] * 9)

    shown = call("truth", "import", path, "--event", "e", "--map", "entity=customer", "--map", "observed_at=when")

    assert shown.output.count("refused left.csv") == 5
    assert "refused 4 more" in shown.output


def test_status_before_any_join_says_what_to_do(call: Call) -> None:
    """Nothing is known yet: join first."""
    assert "`stagelight truth join` joins truth to predictions" in call("truth", "status").output
