"""`export`, `import`, `db` and `token`: what is kept can be taken out, brought back, measured and removed."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stagelight import _clock
from stagelight.cli import importing
from stagelight.sink import Feedback, Prediction, Receipt, Truth
from stagelight.store import TraceQuery, open_store
from stagelight.store.rows import Rows
from stagelight.wire.records import SpanRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from stagelight.sink import Row

    Call = Callable[..., Result]

NOW_NS = _clock.wall_ns()
NOW = NOW_NS / 1e9
DAY_NS = 86_400 * 1_000_000_000


def span(trace: int, number: int = 1, *, tenant: str = "default", end_ns: int = NOW_NS) -> SpanRecord:
    """A finished span."""
    return SpanRecord(
        trace_id=f"{trace:032x}",
        span_id=f"{number:016x}",
        parent_id="" if number == 1 else f"{1:016x}",
        name=f"stage {number}",
        start_ns=end_ns - 1000,
        end_ns=end_ns,
        attributes={"stagelight.tenant": tenant, "ü": [1, {"x": None}]},
    )


ROWS = (
    Prediction(prediction_id="p1", type="churn", score=0.5, features={"a": [1]}, observed_at=NOW),
    Feedback(feedback_id="f1", kind="explicit", signal="rating", value=4, observed_at=NOW, trace_id=f"{1:032x}"),
    Truth(truth_id="t1", event="cancelled", prediction_id="p1", value=1.0, observed_at=NOW, tenant="acme"),
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with traces of two tenants and a row of each kind."""
    path = tmp_path / "from.db"
    with open_store(path) as opened:
        opened.traces.write([span(1), span(1, 2), span(2, tenant="acme")])
        opened.rows.write(ROWS)
    return path


def lines(result: Result) -> list[dict[str, object]]:
    """What was printed, a JSON object a line."""
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_everything_comes_back_from_a_file(call: Call, store: Path, tmp_path: Path) -> None:
    """What is exported from one store and imported into another is the same there, and importing it twice changes nothing."""
    files = [tmp_path / f"{kind}.jsonl" for kind in ("traces", "predictions", "feedback", "truth")]
    for file in files:
        assert call("export", file.stem, "--store", store, "--out", file).exit_code == 0
    other = tmp_path / "to.db"

    for _ in range(2):
        result = call("import", *files, "--store", other, "--json")
        assert json.loads(result.stdout) == {"imported": {"spans": 3, "traces": 2, "rows": 3}, "refused": []}

    with open_store(store) as before, open_store(other) as after:
        assert list(after.traces.export()) == list(before.traces.export())
        for kind in ("predictions", "feedback", "truth"):
            assert list(after.rows.export(kind)) == list(before.rows.export(kind))


def test_traces_are_otlp_json_lines(call: Call, store: Path) -> None:
    """A trace is an OTLP request on a line of its own; ids and tenant choose among them."""
    assert [list(line) for line in lines(call("export", "traces", "--store", store))] == [["resourceSpans"]] * 2
    assert len(lines(call("export", "traces", "--store", store, "--trace", f"{1:032x}"))) == 1
    assert len(lines(call("export", "traces", "--store", store, "--tenant", "acme"))) == 1


def test_rows_are_chosen_by_tenant(call: Call, store: Path) -> None:
    """--tenant leaves out what others predicted, said and learned."""
    assert [row["truth_id"] for row in lines(call("export", "truth", "--store", store, "--tenant", "acme"))] == ["t1"]
    assert lines(call("export", "truth", "--store", store, "--tenant", "default")) == []


def test_a_trace_that_is_not_there_is_told(call: Call, store: Path, tmp_path: Path) -> None:
    """An unknown id ends with 2 and the next step; no file is left behind."""
    out = tmp_path / "out.jsonl"

    result = call("export", "traces", "--trace", "ff", "--store", store, "--out", out)

    assert result.exit_code == 2
    assert "no trace 'ff'" in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir() if "out" in p.name) == []


def test_trace_ids_belong_to_traces(call: Call, store: Path) -> None:
    """--trace with another kind is a mistake, not silently ignored."""
    result = call("export", "truth", "--trace", "ff", "--store", store)

    assert (result.exit_code, "--trace goes with" in result.stderr) == (2, True)


def test_an_export_replaces_a_file_in_one_step(call: Call, store: Path, tmp_path: Path) -> None:
    """--out writes over an older export; the result is the owner's alone."""
    out = tmp_path / "out.jsonl"
    out.write_text("old")

    result = call("export", "feedback", "--store", store, "--out", out)

    assert json.loads(out.read_text())["feedback_id"] == "f1"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "1 feedback" in result.stderr


def test_an_export_can_be_piped_into_an_import(store: Path, tmp_path: Path) -> None:
    """`export | import -` moves a store in a shell, with the real script."""
    command = (
        f"{sys.executable} -m stagelight export traces --store {store}"
        f" | {sys.executable} -m stagelight import - --store {tmp_path}/b.db"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (0, "imported 3 spans, 2 traces\n"), done.stderr


def test_bad_lines_are_told_and_the_rest_is_imported(call: Call, tmp_path: Path) -> None:
    """Torn, foreign and impossible lines are named by file and number; the good ones are kept; exit code 1."""
    file = tmp_path / "mixed.jsonl"
    good = '{"event":"cancelled","entity":"c7"}'
    bad = [
        '{"resourceSp',
        "[1]",
        '{"x":1}',
        '{"event":""}',
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}',
    ]
    file.write_text("\n".join([good, "", *bad, '{"signal":"click","type":"x"}']))

    result = call("import", file, "--store", tmp_path / "a.db")

    assert result.exit_code == 1
    assert result.stdout == "imported 1 rows\n"
    assert "refused mixed.jsonl:3:" in result.stderr
    assert "refused 1 more lines" in result.stderr
    told = json.loads(call("import", file, "--store", tmp_path / "a.db", "--json").stdout)
    assert [line.split(":")[1] for line in told["refused"]] == ["3", "4", "5", "6", "7", "8"]


def test_rows_that_the_store_refuses_are_told(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt that says refused is not counted as imported."""
    monkeypatch.setattr(Rows, "write", lambda _, rows: [Receipt("refused", "t1", "no room") for _ in rows])
    result = call("import", "-", "--store", tmp_path / "a.db", stdin='{"event":"x","entity":"e"}\n')

    assert result.exit_code == 1
    assert "refused t1: no room" in result.stderr


def test_old_traces_are_announced_or_kept(call: Call, tmp_path: Path) -> None:
    """What is older than TRACE_CLEANUP_HOURS would be gone in a minute: it is told, and --keep pins it."""
    old, out = tmp_path / "old.db", tmp_path / "old.jsonl"
    with open_store(old) as opened:
        opened.traces.write([span(1, end_ns=NOW_NS - 3 * DAY_NS)])
    call("export", "traces", "--store", old, "--out", out)

    told = call("import", out, "--store", tmp_path / "a.db")
    kept = call("import", out, "--store", tmp_path / "b.db", "--keep")

    assert "1 traces are older than TRACE_CLEANUP_HOURS" in told.stderr
    assert kept.stderr == ""
    with open_store(tmp_path / "b.db") as opened:
        opened.admin.expire()
        assert [row.kept_because for row in opened.traces.search(TraceQuery()).rows] == ["imported"]


def test_a_long_import_is_committed_in_batches(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More lines than a batch never wait in memory together, and all are there at the end."""
    sizes: list[int] = []
    write = Rows.write

    def counted(rows: Rows, batch: list[Row]) -> list[Receipt]:
        sizes.append(len(batch))
        return write(rows, batch)

    monkeypatch.setattr(importing, "BATCH", 10)
    monkeypatch.setattr(Rows, "write", counted)
    file = tmp_path / "many.jsonl"
    file.write_text("".join(f'{{"event":"e","entity":"{n}"}}\n' for n in range(25)))

    assert call("import", file, "--store", tmp_path / "a.db").stdout == "imported 25 rows\n"
    assert sizes == [10, 10, 5]


def test_size_tells_what_is_held(call: Call, store: Path) -> None:
    """Path, bytes and rows of each kind, as text or as JSON."""
    held = json.loads(call("db", "size", "--store", store, "--json").stdout)

    assert (held["traces"], held["spans"], held["predictions"], held["store"]) == (2, 3, 1, str(store))
    said = call("db", "size", "--store", store).stdout
    assert said.startswith(f"{store}: ")
    assert " of 1.0 GiB" in said


def test_a_backup_is_a_store(call: Call, store: Path, tmp_path: Path) -> None:
    """The copy opens as a store with the same rows, and never replaces a file."""
    copy = tmp_path / "copy.db"

    assert call("db", "backup", copy, "--store", store).exit_code == 0
    again = call("db", "backup", copy, "--store", store)

    assert json.loads(call("db", "size", "--store", copy, "--json").stdout)["spans"] == 3
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)


def test_reset_asks_and_says_what_would_go(call: Call, store: Path) -> None:
    """Without a yes nothing is removed; with one everything is, and tokens stay."""
    call("token", "create", "a", "--store", store)

    for answer in ("n\n", ""):
        refused = call("db", "reset", "--store", store, stdin=answer)
        assert refused.exit_code == 2
        assert "holds 2 traces, 3 spans" in refused.stderr
        assert "nothing was removed" in refused.stderr
    assert json.loads(call("db", "size", "--store", store, "--json").stdout)["traces"] == 2

    agreed = call("db", "reset", "--store", store, stdin="y\n")
    assert agreed.exit_code == 0, agreed.stderr
    assert json.loads(call("db", "size", "--store", store, "--json").stdout)["traces"] == 0
    with open_store(store) as opened:
        assert len(opened.tokens.list()) == 1


def test_reset_does_not_ask_when_told_so(call: Call, store: Path) -> None:
    """--yes is for scripts; an empty store says that nothing was there."""
    assert call("db", "reset", "--yes", "--store", store).stdout.startswith(f"{store}: removed 2 traces")
    assert call("db", "reset", "--yes", "--store", store).stdout == f"{store}: removed nothing\n"


def test_a_command_on_a_store_that_is_not_there(call: Call, tmp_path: Path) -> None:
    """Reading commands make no empty store where a path is wrong: one line, exit code 3."""
    for command in (["db", "size"], ["db", "reset", "--yes"], ["export", "traces"], ["token", "list"]):
        result = call(*command, "--store", tmp_path / "missing.db")
        assert result.exit_code == 3, command
        assert "missing.db" in result.stderr
    assert not (tmp_path / "missing.db").exists()


def test_a_token_works_until_it_is_revoked(call: Call, tmp_path: Path) -> None:
    """The printed token opens the store's door with its scopes and tenant; after `revoke` it does not."""
    path = tmp_path / "tokens.db"

    made = call("token", "create", "app", "--tenant", "acme", "--scope", "ingest", "--days", "2", "--store", path)
    token = made.stdout.strip()

    with open_store(path) as opened:
        grant = opened.tokens.verify(token)
        assert grant is not None
        assert (grant.name, grant.tenant, grant.scopes) == ("app", "acme", frozenset({"ingest"}))
        assert call("token", "revoke", grant.id, "--store", path).exit_code == 0
        assert opened.tokens.verify(token) is None


def test_a_token_may_by_default_do_all_but_administer(call: Call, tmp_path: Path) -> None:
    """Without --scope it may send, judge and read."""
    made = call("token", "create", "app", "--json", "--store", tmp_path / "a.db")

    assert json.loads(made.stdout)["scopes"] == ["feedback", "ingest", "read"]


def test_the_list_of_tokens_shows_no_secret(call: Call, tmp_path: Path) -> None:
    """Name, tenant, scopes, end and state are listed, as text and as JSON; the secret is nowhere."""
    path = tmp_path / "a.db"
    token = call("token", "create", "app", "--store", path).stdout.strip()
    number, secret = token.split("_")[1:]
    call("token", "create", "old", "--days", "0.000000001", "--store", path)
    call("token", "revoke", number, "--store", path)

    listed = call("token", "list", "--json", "--store", path)
    text = call("token", "list", "--store", path).stdout

    assert {row["name"]: row["state"] for row in json.loads(listed.stdout)} == {"app": "revoked", "old": "expired"}
    assert secret not in listed.stdout + text
    assert number in text


def test_revoking_nothing_is_told(call: Call, tmp_path: Path) -> None:
    """An id that is not there ends with 2 and the command that lists them."""
    path = tmp_path / "a.db"
    call("token", "create", "app", "--store", path)

    result = call("token", "revoke", "ff", "--store", path)

    assert (result.exit_code, "stagelight token list" in result.stderr) == (2, True)
